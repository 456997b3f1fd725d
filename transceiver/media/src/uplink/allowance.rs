//! How much sound a call may have made: what a caller makes us say to a backend is paid for by the second.

const US: u64 = 1_000_000;
/// Nanoseconds of sound that a microsecond earns. Sound cards are up to 0.1 % fast, which in a long call is more than any
/// slack.
const EARNED_NS: u64 = 1_001;
/// The sound of a call may be this much longer than the call: who begins late loses nothing.
pub const SLACK_US: u64 = US;
/// After a stall; a backend that is slow is not given more either.
pub const MOST_AT_ONCE_US: u64 = 2 * US;

/// A token bucket. From its first use until any later moment no more is taken than [`SLACK_US`] and the time that passed
/// (and a thousandth of it); in a stretch that begins later, [`MOST_AT_ONCE_US`] and the time that passed.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    left_ns: u64,
    as_of_us: Option<u64>,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { left_ns: SLACK_US * 1000, as_of_us: None }
    }
}

impl Allowance {
    /// Takes all of `sound_us`, or nothing and says `false`.
    pub fn take(&mut self, sound_us: u64, now_us: u64) -> bool {
        let passed_us = now_us.saturating_sub(self.as_of_us.unwrap_or(now_us));
        let earned_ns = passed_us.saturating_mul(EARNED_NS);
        self.left_ns = self.left_ns.saturating_add(earned_ns).min(MOST_AT_ONCE_US * 1000);
        // A clock that went back earns nothing until it is where it was.
        self.as_of_us = self.as_of_us.max(Some(now_us));
        match self.left_ns.checked_sub(sound_us.saturating_mul(1000)) {
            Some(left_ns) => self.left_ns = left_ns,
            None => return false,
        }
        true
    }
}
