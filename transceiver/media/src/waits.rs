//! How long packets wait for their worker.

/// Who waits longer is one of too many: half a frame.
pub const LONG_US: u64 = 10_000;

/// Since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WaitCounts {
    pub taken: u64,
    /// Of them after more than [`LONG_US`].
    pub long: u64,
}

impl WaitCounts {
    /// One is taken that came at `came_us`. Times are microseconds from any fixed zero.
    pub fn taken(&mut self, came_us: u64, now_us: u64) {
        self.taken += 1;
        self.long += u64::from(now_us.saturating_sub(came_us) > LONG_US);
    }
}

impl std::iter::Sum for WaitCounts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self { taken: sum.taken + one.taken, long: sum.long + one.long })
    }
}
