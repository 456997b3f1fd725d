//! What RFC 3550 wants known of a stream that is received: loss, jitter, and the report block about both.

use crate::rtcp::{MOST_LOST, NtpTime, ReportBlock};
use crate::rtp::ExtendedSequence;

const US: u64 = 1_000_000;
/// Sequence numbers that one step may leave out; beyond it the sender began anew (RFC 3550 A.1, `MAX_DROPOUT`).
const MOST_LEFT_OUT: u64 = 3_000;

/// One stream (one SSRC). Times are microseconds from any fixed zero.
#[derive(Clone, Debug)]
pub struct Reception {
    ssrc: u32,
    /// Ticks a second: 48,000 for Opus, 8,000 for PCMU and PCMA (RFC 7587 §4.1, RFC 3551 §4.5.14).
    clock_rate: u32,
    first: u64,
    sequence: ExtendedSequence,
    received: u64,
    /// Arrival less timestamp, in ticks modulo 2^32, of the packet furthest on.
    transit: u32,
    /// In 1/16 ticks.
    jitter: u64,
    reported: Reported,
    last_sender_report: Option<(NtpTime, u64)>,
}

/// Where a stream stands, for whoever goes on receiving it. Its jitter is measured anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceptionState {
    pub ssrc: u32,
    /// Extended; of the packet furthest on.
    pub highest: u64,
    pub expected: u64,
    pub received: u64,
}

/// As of the report before (RFC 3550 A.3).
#[derive(Clone, Copy, Debug, Default)]
struct Reported {
    expected: u64,
    received: u64,
}

impl Reception {
    /// Begins with the stream's first packet, which is counted.
    pub fn starting_with(ssrc: u32, clock_rate: u32, sequence: u16, timestamp: u32, now_us: u64) -> Self {
        let extended = ExtendedSequence::starting_at(sequence);
        Self {
            ssrc,
            clock_rate,
            first: extended.highest(),
            sequence: extended,
            received: 1,
            transit: transit(now_us, clock_rate, timestamp),
            jitter: 0,
            reported: Reported::default(),
            last_sender_report: None,
        }
    }

    /// Goes on after another receiver, with the first packet that comes since. Nobody knows which of those in between the other
    /// one got, so they count neither as expected nor as lost: a takeover must not look like a bad network.
    pub fn resuming_with(state: &ReceptionState, clock_rate: u32, sequence: u16, timestamp: u32, now_us: u64) -> Self {
        let mut extended = ExtendedSequence::resuming_at(state.highest);
        extended.advance(sequence);
        let mut reception = Self::starting_with(state.ssrc, clock_rate, sequence, timestamp, now_us);
        reception.sequence = extended;
        reception.first = extended.highest().saturating_sub(state.expected);
        let expected = reception.expected() - 1;
        let received = state.received.min(expected);
        reception.received = received + 1;
        reception.reported = Reported { expected, received };
        reception
    }

    pub const fn state(&self) -> ReceptionState {
        ReceptionState {
            ssrc: self.ssrc,
            highest: self.sequence.highest(),
            expected: self.expected(),
            received: self.received,
        }
    }

    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Extended; of the packet furthest on.
    pub const fn highest_sequence(&self) -> u64 {
        self.sequence.highest()
    }

    /// Counts a packet of the stream that was not there before (SRTP sees to that); returns its extended sequence number.
    pub fn receive(&mut self, sequence: u16, timestamp: u32, now_us: u64) -> u64 {
        self.received += 1;
        let highest = self.highest_sequence();
        let place = self.sequence.advance(sequence);
        // A packet out of order was late or was sent again on request: its transit time is not the network's jitter.
        if place > highest {
            let transit = transit(now_us, self.clock_rate, timestamp);
            // RFC 3550 A.8; the wraps of both clocks cancel out in the difference.
            let change = u64::from(transit.wrapping_sub(self.transit).cast_signed().unsigned_abs());
            self.jitter = self.jitter + change - ((self.jitter + 8) >> 4);
            self.transit = transit;
            if place - highest > MOST_LEFT_OUT {
                self.first += place - highest - 1;
            }
        }
        place
    }

    /// Packets that did not come (yet), since the start; below zero if more came than were due.
    pub const fn lost(&self) -> i64 {
        self.expected().cast_signed() - self.received.cast_signed()
    }

    /// Packets from the first to the furthest.
    pub const fn expected(&self) -> u64 {
        self.sequence.highest() - self.first + 1
    }

    /// Interarrival jitter, in microseconds.
    pub fn jitter_us(&self) -> u64 {
        self.jitter * US / (16 * u64::from(self.clock_rate.max(1)))
    }

    /// A sender report of this stream came at `now_us`.
    pub fn sender_reported(&mut self, ntp: NtpTime, now_us: u64) {
        self.last_sender_report = Some((ntp, now_us));
    }

    /// The block of the next report; the fraction lost counts from the one before (RFC 3550 A.3).
    pub fn report(&mut self, now_us: u64) -> ReportBlock {
        let expected = self.expected();
        let due = expected - self.reported.expected;
        let lost = due.saturating_sub(self.received - self.reported.received);
        self.reported = Reported { expected, received: self.received };
        let fraction = (lost * 256).checked_div(due).unwrap_or_default();
        ReportBlock {
            ssrc: self.ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            lost: self.lost().clamp(i64::from(-MOST_LOST - 1), i64::from(MOST_LOST)) as i32,
            highest_sequence: self.sequence.reported(),
            jitter: (self.jitter >> 4) as u32,
            last_sender_report: self.last_sender_report.map_or(0, |(ntp, _)| ntp.middle()),
            delay: self.last_sender_report.map_or(0, |(_, at_us)| short_time(now_us.saturating_sub(at_us))),
        }
    }
}

/// In 1/65536 s, modulo 18 hours.
fn short_time(us: u64) -> u32 {
    (((us / US) << 16) + (((us % US) << 16) + US / 2) / US) as u32
}

fn transit(now_us: u64, clock_rate: u32, timestamp: u32) -> u32 {
    let rate = u64::from(clock_rate);
    let arrival = (now_us / US).wrapping_mul(rate).wrapping_add(now_us % US * rate / US);
    (arrival as u32).wrapping_sub(timestamp)
}
