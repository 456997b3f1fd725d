//! One entry of the queue of what we send.

use super::data::Fragment;

/// How long a message is sent again (RFC 3758, RFC 8831 §6.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reliability {
    #[default]
    Reliable,
    /// At most so often after the first time.
    Retransmissions(u16),
    /// Not after this moment, in microseconds on the clock of `now_us`.
    Until(u64),
}

/// What an entry stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Fragment(Fragment),
    /// TSNs that an earlier owner may have used after its export, and how far it may have come in each stream. Never
    /// sent, skipped by FORWARD TSN.
    Leap {
        count: u64,
        streams: Vec<(u16, u16)>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Not sent yet, by this owner.
    Waiting,
    InFlight,
    /// To be sent again.
    Lost,
    /// By a gap block; the peer may still change its mind.
    Acknowledged,
    /// Not to be sent any more.
    Abandoned,
}

#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub place: u64,
    pub content: Content,
    pub reliability: Reliability,
    pub fate: Fate,
    /// Times that it was sent.
    pub transmissions: u16,
    /// SACKs that named later ones and not this (RFC 9260 §7.2.4).
    pub misses: u8,
    pub is_retransmitted_fast: bool,
}

impl Outgoing {
    pub fn new(place: u64, content: Content, reliability: Reliability, fate: Fate) -> Self {
        Self { place, content, reliability, fate, transmissions: 0, misses: 0, is_retransmitted_fast: false }
    }

    /// The last place that it stands for.
    pub fn last_place(&self) -> u64 {
        match &self.content {
            Content::Fragment(_) => self.place,
            Content::Leap { count, .. } => self.place + count - 1,
        }
    }

    pub fn fragment(&self) -> Option<&Fragment> {
        match &self.content {
            Content::Fragment(fragment) => Some(fragment),
            Content::Leap { .. } => None,
        }
    }

    /// Bytes of payload.
    pub fn size(&self) -> usize {
        self.fragment().map_or(0, |fragment| fragment.payload.len())
    }

    /// Its sender does not want it sent any more.
    pub fn is_given_up(&self, now_us: u64) -> bool {
        match self.reliability {
            Reliability::Reliable => false,
            Reliability::Retransmissions(most) => self.transmissions > most,
            Reliability::Until(end_us) => end_us <= now_us,
        }
    }
}
