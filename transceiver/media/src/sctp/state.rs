//! Where an association stands, as plain values that another process can go on from.

use super::assembly::Assembly;
use super::data::Fragment;
use super::inbound::Held;
use super::init::Extensions;
use super::outgoing::Reliability;
use super::resets::ResetState;

/// A leap has to be short enough for every stack to follow: Chromium's takes a FORWARD TSN of 100,000, usrsctp's of as
/// many as it has bytes of window, and the sequence number of a stream has 16 bits.
pub const LONGEST_LEAP: u32 = 1 << 14;

/// No owner exports or leaps by such numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadState {
    /// Zero, or more than [`LONGEST_LEAP`].
    LeapOutOfRange,
    /// The peer cannot be told of a leap (RFC 3758). Its data channels have to be opened anew.
    NoPartialReliability,
    /// Something passes a bound of the [`super::Config`], or does not follow what is before it.
    OutOfBounds,
}

/// A fragment that the peer has not acknowledged for good. Their TSNs follow one another, up to the last one used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingState {
    /// Its payload is empty if it is abandoned.
    pub fragment: Fragment,
    /// [`Reliability::Until`] counts from the export.
    pub reliability: Reliability,
    pub transmissions: u16,
    /// By a gap block.
    pub is_acknowledged: bool,
    /// It is not to be sent any more.
    pub is_abandoned: bool,
}

/// TSNs that an earlier owner may have used; they lie before the fragments at `before`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeapState {
    /// How many fragments of [`AssociationState::outgoing`] have lower TSNs.
    pub before: usize,
    pub count: u32,
    /// The streams that existed, with the last sequence number that may have been used.
    pub streams: Vec<(u16, u16)>,
}

/// It holds no key, but the tags and what was said: it is as secret as the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssociationState {
    pub local_tag: u32,
    pub remote_tag: u32,
    /// Streams that the peer lets us use.
    pub remote_streams: u16,
    pub extensions: Extensions,

    /// The peer has acknowledged all TSNs of ours up to here.
    pub acknowledged_tsn: u32,
    /// Bytes that the peer had room for.
    pub peer_window: u32,
    /// The next sequence number of each stream that was used.
    pub streams: Vec<(u16, u16)>,
    /// That of streams that are not named: 0, or what earlier owners may have come to.
    pub first_sequence: u16,
    pub outgoing: Vec<OutgoingState>,
    /// Leaps that the peer has not acknowledged yet; as a rule none.
    pub leaps: Vec<LeapState>,

    /// We have received all TSNs of the peer up to here.
    pub received_tsn: u32,
    pub standing: Standing,
    /// What was received ahead of that, by TSN.
    pub held: Vec<(u32, Held)>,
    /// The message that is not whole yet.
    pub assembly: Assembly,

    pub resets: ResetState,
}

/// Whether the peer may have been told of more than [`AssociationState::received_tsn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Sure,
    /// Not of what follows it without a gap.
    CaughtUp,
    Behind,
}

impl AssociationState {
    /// To go on from if the exporting owner has neither sent nor taken anything since: a planned handover.
    pub fn unchanged(self) -> Inheritance {
        Inheritance { state: self, leap: None }
    }

    /// To go on from if the exporting owner has used at most `tsns` TSNs since, and is fenced: see
    /// [`super::Association::next_tsn`]. One owner only may go on from one export.
    pub fn advanced_by(self, tsns: u32) -> Result<Inheritance, BadState> {
        if tsns == 0 || tsns > LONGEST_LEAP {
            return Err(BadState::LeapOutOfRange);
        }
        if !self.extensions.partial_reliability {
            return Err(BadState::NoPartialReliability);
        }
        Ok(Inheritance { state: self, leap: Some(tsns) })
    }
}

/// An exported state with the word of how old it may be: the only kind that an [`super::Association`] goes on from.
#[derive(Debug)]
pub struct Inheritance {
    pub(super) state: AssociationState,
    /// TSNs that may have been used since; `None` says that it is up to date.
    pub(super) leap: Option<u32>,
}
