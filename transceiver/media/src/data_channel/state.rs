//! A connection's data channels as plain values.

use super::opening::Opening;
use crate::sctp::{AssociationState, BadState};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// We have sent an OPEN.
    Opening,
    Open,
    /// Both directions are to begin anew (RFC 8831 §6.7); these have.
    Closing {
        ours: bool,
        theirs: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// The same in both directions.
    pub stream: u16,
    pub opening: Opening,
    pub phase: Phase,
}

/// As secret as the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataChannelsState {
    pub association: AssociationState,
    pub channels: Vec<Channel>,
}

impl DataChannelsState {
    /// See [`AssociationState::unchanged`].
    pub fn unchanged(self) -> Inheritance {
        Inheritance { association: self.association.unchanged(), channels: self.channels }
    }

    /// See [`AssociationState::advanced_by`].
    pub fn advanced_by(self, tsns: u32) -> Result<Inheritance, BadState> {
        Ok(Inheritance { association: self.association.advanced_by(tsns)?, channels: self.channels })
    }
}

/// The only kind of state that [`super::DataChannels`] go on from.
#[derive(Debug)]
pub struct Inheritance {
    pub(super) association: crate::sctp::Inheritance,
    pub(super) channels: Vec<Channel>,
}
