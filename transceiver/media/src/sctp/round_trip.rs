//! The retransmission timeout (RFC 9260 §6.3.1).

/// Microseconds. RFC 9260 §16 recommends 1 s at first and at least, which a conversation would hear; the least stays
/// above the 200 ms that a receiver may keep an acknowledgement back. Consent (RFC 7675) ends a call before the most
/// matters.
const INITIAL_US: u64 = 500_000;
const LEAST_US: u64 = 400_000;
const MOST_US: u64 = 10_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RoundTrip {
    /// Smoothed round trip and its variation.
    measured: Option<(u64, u64)>,
    timeout_us: u64,
}

impl RoundTrip {
    pub const fn new() -> Self {
        Self { measured: None, timeout_us: INITIAL_US }
    }

    pub fn timeout_us(&self) -> u64 {
        self.timeout_us
    }

    /// After this many expiries without an answer.
    pub fn backed_off_us(&self, expiries: u32) -> u64 {
        self.timeout_us.saturating_mul(1 << expiries.min(16)).min(MOST_US)
    }

    /// Of something that was sent once (Karn's rule).
    pub fn measure(&mut self, sample_us: u64) {
        let sample_us = sample_us.min(MOST_US);
        let (smoothed, variation) = match self.measured {
            None => (sample_us, sample_us / 2),
            Some((smoothed, variation)) => {
                ((7 * smoothed + sample_us) / 8, (3 * variation + smoothed.abs_diff(sample_us)) / 4)
            }
        };
        self.measured = Some((smoothed, variation));
        self.timeout_us = (smoothed + 4 * variation).clamp(LEAST_US, MOST_US);
    }

    /// Nothing was heard in time (RFC 9260 §6.3.3).
    pub fn back_off(&mut self) {
        self.timeout_us = self.backed_off_us(1);
    }
}
