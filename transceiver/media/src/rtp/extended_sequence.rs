//! A sequence number that does not wrap (RFC 3550 §6.4.1, A.1).

use crate::rtp::sequence_ahead;

/// One turn of the circle of sequence numbers.
const CIRCLE: u64 = 1 << 16;
/// More than all packets under one key (RFC 3711 §3.3.1).
const FARTHEST: u64 = 1 << 49;

/// Extends 16-bit sequence numbers to 64 bits by the highest one so far.
///
/// The first lies one turn up, so that what was sent before it, and comes after it, has a place above zero. There is no
/// probation (RFC 3550 A.1): packets come here authenticated, and a sender that begins anew takes a new SSRC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedSequence {
    highest: u64,
}

impl ExtendedSequence {
    pub const fn starting_at(first: u16) -> Self {
        Self { highest: CIRCLE + first as u64 }
    }

    /// Goes on after another receiver of the stream.
    pub fn resuming_at(highest: u64) -> Self {
        Self { highest: highest.clamp(CIRCLE, FARTHEST) }
    }

    pub const fn highest(self) -> u64 {
        self.highest
    }

    /// The place of `sequence` nearest to the highest; nothing is remembered.
    pub const fn extend(self, sequence: u16) -> u64 {
        // The highest only grows from one turn up, and half a turn is the farthest back.
        self.highest.saturating_add_signed(sequence_ahead(sequence, self.highest as u16) as i64)
    }

    /// The same, and it is the highest from now on if it lies ahead.
    pub const fn advance(&mut self, sequence: u16) -> u64 {
        let place = self.extend(sequence);
        if place > self.highest {
            self.highest = place;
        }
        place
    }

    /// The extended highest sequence number of a report block (RFC 3550 §6.4.1): wraps above, sequence number below.
    pub const fn reported(self) -> u32 {
        (self.highest - CIRCLE) as u32
    }
}
