//! How much loss the encoder is to prepare for, from what the far end reports.

/// Without RED a single loss is never to be heard, so some repeating (in-band FEC) is always on.
const LEAST_PERCENT: u8 = 5;
/// Beyond it the encoder gives sound away for repeating that bursts outlast.
const MOST_PERCENT: u8 = 30;
/// Of the way down, per report: loss comes in bursts, and a report without any does not mean that it is over.
const EASING: f64 = 0.25;

#[derive(Clone, Copy, Debug)]
pub(super) struct ExpectedLoss {
    least: u8,
    percent: f64,
}

impl ExpectedLoss {
    /// `is_redundant`: RED repeats everything anyway.
    pub const fn new(is_redundant: bool) -> Self {
        let least = if is_redundant { 0 } else { LEAST_PERCENT };
        Self { least, percent: 0.0 }
    }

    pub fn percent(&self) -> u8 {
        #[expect(clippy::cast_sign_loss, reason = "a share is not below zero")]
        let percent = self.percent.ceil() as u8;
        percent.clamp(self.least, MOST_PERCENT)
    }

    /// Takes the share that was lost since the report before, 0 … 1: up at once, down by and by.
    pub fn hear(&mut self, share: f64) {
        let reported = if share > 0.0 { 100.0 * share.min(1.0) } else { 0.0 };
        self.percent = reported.max(self.percent + EASING * (reported - self.percent));
    }
}
