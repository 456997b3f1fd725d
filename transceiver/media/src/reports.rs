//! What we say of ourselves over RTCP (RFC 3550 §6), and when.

use crate::rtcp::{Builder, ReportBlock, SenderInfo};

const FIRST_US: u64 = 1_000_000;
const EVERY_US: u64 = 4_000_000;

/// Who speaks: the SSRC of our stream and its CNAME.
#[derive(Clone, Debug)]
pub struct Source {
    pub ssrc: u32,
    pub cname: Box<str>,
}

impl Source {
    /// A sender report where there is something to say as a sender, else a receiver report (RFC 3550 §6.4).
    pub fn report(&self, sender: Option<SenderInfo>, blocks: &[ReportBlock]) -> Vec<u8> {
        self.begin(sender, blocks).finish()
    }

    /// Asks for `lost` of the stream `media_ssrc`. The report in front is empty: a compound packet must begin with one (RFC
    /// 4585 §3.1), and what it would say is not due.
    pub fn nack(&self, media_ssrc: u32, lost: &[u16]) -> Vec<u8> {
        self.begin(None, &[]).nack(media_ssrc, lost).finish()
    }

    /// The last report, and BYE (RFC 3550 §6.6).
    pub fn goodbye(&self, sender: Option<SenderInfo>, blocks: &[ReportBlock]) -> Vec<u8> {
        self.begin(sender, blocks).goodbye().finish()
    }

    fn begin(&self, sender: Option<SenderInfo>, blocks: &[ReportBlock]) -> Builder {
        Builder::new(self.ssrc).report(sender, blocks).cname(&self.cname)
    }
}

/// The times of a call's reports: the first after a second, then every four; each interval varied at random from half to
/// one and a half of that, so that calls that began together do not report together (RFC 3550 §6.2). Microseconds from any
/// fixed zero.
#[derive(Clone, Debug)]
pub struct ReportTimes {
    random: u64,
    due_us: u64,
}

impl ReportTimes {
    /// `seed`: random.
    pub fn new(seed: u64, now_us: u64) -> Self {
        let mut times = Self { random: seed, due_us: 0 };
        times.due_us = now_us.saturating_add(times.varied(FIRST_US));
        times
    }

    pub const fn due_us(&self) -> u64 {
        self.due_us
    }

    /// Whether a report is due; then the next one is due later.
    pub fn is_due(&mut self, now_us: u64) -> bool {
        let due = self.due_us <= now_us;
        if due {
            self.due_us = now_us.saturating_add(self.varied(EVERY_US));
        }
        due
    }

    /// From half to one and a half of `interval_us`.
    fn varied(&mut self, interval_us: u64) -> u64 {
        interval_us / 2 + self.next_random() % (interval_us + 1)
    }

    /// Steele, Lea and Flood's `SplitMix64`: every seed will do, zero too.
    const fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.random ^ self.random >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }
}
