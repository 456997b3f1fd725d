//! How many packets of a call, or with its address, are worth any work: what comes beyond is not even authenticated.

/// 200 a second: twice what a client with frames of 10 ms sends.
const PRICE_US: u64 = 5_000;
/// 100 at once, after a stall: two seconds of frames of 20 ms.
const MOST_US: u64 = 100 * PRICE_US;

/// A token bucket. Microseconds from any fixed zero.
#[derive(Clone, Copy, Debug)]
pub struct PacketBudget {
    left_us: u64,
    as_of_us: u64,
}

impl PacketBudget {
    pub const fn new(now_us: u64) -> Self {
        Self { left_us: MOST_US, as_of_us: now_us }
    }

    /// Whether there is work to be spent on a packet that came at `now_us`.
    pub fn take(&mut self, now_us: u64) -> bool {
        self.left_us = MOST_US.min(self.left_us.saturating_add(now_us.saturating_sub(self.as_of_us)));
        self.as_of_us = self.as_of_us.max(now_us);
        match self.left_us.checked_sub(PRICE_US) {
            Some(left_us) => self.left_us = left_us,
            None => return false,
        }
        true
    }
}
