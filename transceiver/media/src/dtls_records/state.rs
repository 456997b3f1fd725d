//! Where a connection's records stand, as plain values. They hold no secret; those are in [`super::Session`].

use super::record::SEQUENCE_END;

/// Owners may take over as often as they like: 256 leaps of this length exhaust the numbers.
pub const LONGEST_LEAP: u64 = 1 << 40;

/// No owner begins with, exports or leaps by such numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadState {
    SequenceOutOfRange,
    /// Zero, or more than [`LONGEST_LEAP`].
    LeapOutOfRange,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderState {
    /// [`SEQUENCE_END`] if there are no more.
    pub next_sequence: u64,
}

impl SenderState {
    /// The state to go on from, if the exporting owner has sent at most `records` since, and sends none once that many
    /// are sent. One owner only may go on from one export.
    pub fn advanced_by(self, records: u64) -> Result<AdvancedState, BadState> {
        if records == 0 || records > LONGEST_LEAP {
            return Err(BadState::LeapOutOfRange);
        }
        self.leap(records)
    }

    /// To go on from if the exporting owner has sent nothing since and never will: a planned handover.
    pub fn unchanged(self) -> Result<AdvancedState, BadState> {
        self.leap(0)
    }

    fn leap(self, records: u64) -> Result<AdvancedState, BadState> {
        if self.next_sequence > SEQUENCE_END {
            return Err(BadState::SequenceOutOfRange);
        }
        Ok(AdvancedState(Self { next_sequence: SEQUENCE_END.min(self.next_sequence + records) }))
    }
}

/// An exported state that has leapt, or need not: the only kind that a [`super::Sender`] goes on from.
#[derive(Debug)]
pub struct AdvancedState(pub(super) SenderState);

/// The anti-replay window of RFC 6347 §4.1.2.6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiverState {
    /// The highest sequence number that was received, plus one; 0 if there was none.
    pub next_sequence: u64,
    /// Bit `n` says whether the one `n + 1` below that was received.
    pub seen: u64,
}

impl ReceiverState {
    /// It was not received, and is not too old to know that.
    pub(super) fn admits(&self, sequence: u64) -> bool {
        match self.next_sequence.checked_sub(sequence + 1) {
            None => true,
            Some(back) => back < 64 && self.seen >> back & 1 == 0,
        }
    }

    /// A record was authenticated, and this admitted it.
    pub(super) fn record(&mut self, sequence: u64) {
        let next = sequence + 1;
        if next > self.next_sequence {
            self.seen =
                u32::try_from(next - self.next_sequence).ok().and_then(|by| self.seen.checked_shl(by)).unwrap_or(0);
            self.next_sequence = next;
        }
        self.seen |= 1 << (self.next_sequence - next);
    }
}
