//! The call's places in time: one frame may be sent in each, and each has its RTP timestamp.

use super::Stream;

const US: u64 = 1_000_000;

/// Slot n is due at start + n · frame and has the timestamp first + n · ticks, whatever was sent in the slots before it:
/// RTP time is real time, through silence too (RFC 7587 §4.1, RFC 3551 §4.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Slots {
    start_us: u64,
    frame_us: u64,
    ticks: u32,
    clock_rate: u32,
    first_timestamp: u32,
    /// The first slot that was not taken.
    next: u64,
}

impl Slots {
    pub const fn new(stream: &Stream, start_us: u64, first_timestamp: u32) -> Self {
        Self {
            start_us,
            frame_us: stream.frame.us(),
            ticks: stream.ticks(),
            clock_rate: stream.coding.clock_rate(),
            first_timestamp,
            next: 0,
        }
    }

    /// The slot that was due at `due_us`, once; none before the start, and none that lies before one taken.
    pub const fn take(&mut self, due_us: u64) -> Option<u64> {
        let Some(since_us) = due_us.checked_sub(self.start_us) else { return None };
        let slot = since_us / self.frame_us;
        if slot < self.next {
            return None;
        }
        self.next = slot + 1;
        Some(slot)
    }

    pub const fn timestamp(&self, slot: u64) -> u32 {
        self.first_timestamp.wrapping_add((slot as u32).wrapping_mul(self.ticks))
    }

    /// RTP time at any time, before the start too.
    pub const fn timestamp_at(&self, us: u64) -> u32 {
        let ticks = ticks_in(us.abs_diff(self.start_us), self.clock_rate);
        if us < self.start_us {
            self.first_timestamp.wrapping_sub(ticks)
        } else {
            self.first_timestamp.wrapping_add(ticks)
        }
    }
}

/// Ticks in a span of time, modulo 2^32; the nearest.
pub(super) const fn ticks_in(us: u64, clock_rate: u32) -> u32 {
    let rate = clock_rate as u64;
    ((us / US).wrapping_mul(rate).wrapping_add((us % US * rate + US / 2) / US)) as u32
}
