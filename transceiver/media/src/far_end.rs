//! What the other side's report blocks say of the stream that we send.

use crate::rtcp::{NtpTime, ReportBlock};

const US: u64 = 1_000_000;
/// The middle of an NTP time counts in these.
const SHORT_TIME: u64 = 1 << 16;
/// A round trip this little below zero is a clock that rounds or was set; 1/65536 s.
const ROUNDING: i32 = 1 << 16;
/// The weight of a new round trip (RFC 6298 §2: 1/8).
const SMOOTHING: u64 = 8;

/// As of their last report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FarEnd {
    rtt_us: Option<u64>,
    smoothed_rtt_us: Option<u64>,
    block: Option<ReportBlock>,
}

impl FarEnd {
    /// Takes a block about our SSRC; `now` is when it came, on the clock of our sender reports.
    pub fn hear(&mut self, block: &ReportBlock, now: NtpTime) {
        self.block = Some(*block);
        let Some(rtt_us) = round_trip_us(block, now) else { return };
        self.rtt_us = Some(rtt_us);
        self.smoothed_rtt_us =
            Some(self.smoothed_rtt_us.map_or(rtt_us, |before| (before * (SMOOTHING - 1) + rtt_us) / SMOOTHING));
    }

    /// The last round trip, in microseconds; `None` until they answer a sender report of ours.
    pub const fn rtt_us(&self) -> Option<u64> {
        self.rtt_us
    }

    /// The round trip over the last dozen reports or so, in microseconds.
    pub const fn smoothed_rtt_us(&self) -> Option<u64> {
        self.smoothed_rtt_us
    }

    pub const fn has_reported(&self) -> bool {
        self.block.is_some()
    }

    /// Packets of ours that did not reach them, since the start.
    pub fn lost(&self) -> i32 {
        self.block.map_or(0, |block| block.lost)
    }

    /// The share of our packets that was lost between their last two reports: 0 … 1.
    pub fn loss(&self) -> f64 {
        self.block.map_or(0.0, |block| f64::from(block.fraction_lost) / 256.0)
    }

    /// What they see of jitter, in microseconds, where our stream's clock has `clock_rate` ticks a second.
    pub fn jitter_us(&self, clock_rate: u32) -> u64 {
        self.block.map_or(0, |block| u64::from(block.jitter) * US / u64::from(clock_rate.max(1)))
    }
}

/// RFC 3550 §6.4.1: now − LSR − DLSR, all in 1/65536 s. A delay longer than since the report itself is a lie, and says
/// nothing.
fn round_trip_us(block: &ReportBlock, now: NtpTime) -> Option<u64> {
    if block.last_sender_report == 0 {
        return None;
    }
    let round_trip = now.middle().wrapping_sub(block.last_sender_report).wrapping_sub(block.delay).cast_signed();
    if round_trip < -ROUNDING {
        return None;
    }
    Some(u64::from(round_trip.max(0).unsigned_abs()) * US / SHORT_TIME)
}
