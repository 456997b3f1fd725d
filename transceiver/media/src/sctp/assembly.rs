//! Messages out of fragments, which come here in the order of their TSNs.
//!
//! A sender gives the fragments of a message TSNs that follow one another (RFC 9260 §6.9), and the messages of a stream
//! TSNs in the order of their sequence numbers. So in TSN order there is one message at a time, whatever the streams, and
//! no sequence number has to be looked at.

use super::data::Fragment;

/// A whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub stream: u16,
    /// The payload protocol identifier.
    pub protocol: u32,
    /// Not empty.
    pub payload: Vec<u8>,
}

/// What the last fragment left open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Assembly {
    #[default]
    Empty,
    /// The message so far, in one piece.
    Open(Fragment),
    /// Its rest is not wanted: it is too long, or its beginning is not there.
    Refused,
}

/// What became of a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Assembled {
    Nothing,
    Message(Message),
    /// A message ended that nobody gets: longer than allowed, or without its beginning or its end.
    Lost,
}

impl Assembly {
    /// Takes the fragment with the next TSN.
    pub(super) fn take(&mut self, fragment: Fragment, largest_message: usize) -> Assembled {
        let (is_first, is_last) = (fragment.is_first, fragment.is_last);
        let before = std::mem::take(self);
        // A message that never ends is lost when the next one begins.
        let lost_another = is_first && before != Self::Empty;
        *self = match before {
            _ if is_first => Self::Open(fragment),
            Self::Open(mut message) if message.is_of_one_message_with(&fragment) => {
                message.payload.extend(fragment.payload);
                Self::Open(message)
            }
            _ => Self::Refused,
        };
        if matches!(self, Self::Open(message) if message.payload.len() > largest_message) {
            *self = Self::Refused;
        }
        if !is_last {
            return if lost_another { Assembled::Lost } else { Assembled::Nothing };
        }
        match std::mem::take(self) {
            Self::Open(Fragment { stream, protocol, payload, .. }) => {
                Assembled::Message(Message { stream, protocol, payload })
            }
            Self::Refused | Self::Empty => Assembled::Lost,
        }
    }

    /// The fragments that would follow will not come. Says whether a message was lost.
    pub(super) fn skip(&mut self) -> bool {
        std::mem::take(self) != Self::Empty
    }
}
