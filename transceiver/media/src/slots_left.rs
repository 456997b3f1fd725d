//! How many of a call's slots are left to the encoder's owner and not used yet.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::wheel::MOST_CAUGHT_UP;

/// One call's, for the pacer and the call's worker to share without waiting for each other.
#[derive(Debug, Default)]
pub struct SlotsLeft(AtomicU64);

impl SlotsLeft {
    /// One more is left; `false` where [`MOST_CAUGHT_UP`] are. Of an owner who does not come, no more is wanted: a burst of old
    /// frames only plays late.
    pub fn leave(&self) -> bool {
        let more = |slots| (slots < MOST_CAUGHT_UP).then_some(slots + 1);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }

    /// While there are any, those that come after them go the same way: in order.
    pub fn is_any(&self) -> bool {
        self.0.load(Ordering::Acquire) > 0
    }

    /// One was used, or came to nothing.
    pub fn used(&self) {
        let less = |slots: u64| Some(slots.saturating_sub(1));
        let _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
    }
}
