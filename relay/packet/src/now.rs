//! The two clocks of a moment, read once a batch by the shell.

/// `steady_ms` counts from an arbitrary zero and never jumps; `unix_ms` is the wall clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For intervals: idle times, budgets, back-offs.
    pub steady_ms: u64,
    /// For what other machines read: ticket expiry, opening times.
    pub unix_ms: u64,
}

impl Now {
    pub fn unix_s(self) -> u64 {
        self.unix_ms / 1000
    }
}
