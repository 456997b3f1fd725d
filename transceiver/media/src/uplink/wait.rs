//! How long a gap waits for its packets: as long as they have come late before, or as an answer takes.

const MS: u64 = 1_000;
/// What the other side takes to answer a NACK, and our own timers to look.
const ANSWERING_US: u64 = 10 * MS;
/// The weight of a gap for which waiting was of no use.
const FORGETTING: u64 = 8;

/// What a call would rather do about a gap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Answer soon.
    #[default]
    Speed,
    /// Wait: better late than misheard.
    Accuracy,
}

/// What is known of the path; the reports say it (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// `None` until it is measured: nothing is asked for.
    pub rtt_us: Option<u64>,
    /// Interarrival jitter.
    pub jitter_us: u64,
}

/// One mode's figures.
struct Patience {
    longest_us: u64,
    least_us: u64,
    /// Packets that a gap may lack and still be waited for: a longer one is an outage, and the wait too short to fill it.
    most_missing: u64,
    /// Taken for how late a packet is until gaps have taught better.
    lateness_us: u64,
    /// What is added to the lateness: a share of it in quarters, and a time.
    added_quarters: u64,
    added_us: u64,
    /// How many half round trips an answer may take: two for one try, five if it is asked for again.
    half_round_trips: u64,
}

impl Mode {
    const fn patience(self) -> Patience {
        match self {
            Self::Speed => Patience {
                longest_us: 60 * MS,
                least_us: 10 * MS,
                most_missing: 10,
                lateness_us: 28 * MS,
                added_quarters: 1,
                added_us: 5 * MS,
                half_round_trips: 2,
            },
            Self::Accuracy => Patience {
                longest_us: 200 * MS,
                least_us: 60 * MS,
                most_missing: 16,
                lateness_us: 60 * MS,
                added_quarters: 2,
                added_us: 20 * MS,
                half_round_trips: 5,
            },
        }
    }

    /// No gap waits longer.
    pub const fn longest_us(self) -> u64 {
        self.patience().longest_us
    }

    pub const fn most_missing(self) -> u64 {
        self.patience().most_missing
    }
}

/// One call's. Every gap that is given up makes the next wait shorter, a straggler makes it as long as that one took: on a
/// path that loses and never reorders, waiting is of no use. Jitter alone fills no gap; it only makes answers slower.
#[derive(Clone, Debug)]
pub struct Wait {
    mode: Mode,
    /// NACK is negotiated.
    nack: bool,
    link: Link,
    lateness_us: u64,
}

impl Wait {
    pub const fn new(mode: Mode, nack: bool) -> Self {
        Self { mode, nack, link: Link { rtt_us: None, jitter_us: 0 }, lateness_us: mode.patience().lateness_us }
    }

    pub const fn set_link(&mut self, link: Link) {
        self.link = link;
    }

    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// `None` if nothing is to be asked for.
    pub fn rtt_us(&self) -> Option<u64> {
        self.link.rtt_us.filter(|_| self.nack)
    }

    /// From the first packet behind a gap; [`Mode::longest_us`] at most.
    pub fn now_us(&self) -> u64 {
        let patience = self.mode.patience();
        let straggler_us = self.lateness_us + self.lateness_us * patience.added_quarters / 4 + patience.added_us;
        straggler_us.max(self.answer_us().unwrap_or_default()).clamp(patience.least_us, patience.longest_us)
    }

    /// A packet of a gap came by itself, `after_us` after the first one behind the gap, whether in time or not.
    pub fn straggled(&mut self, after_us: u64) {
        // What comes later than can be waited for teaches nothing.
        if after_us <= self.mode.longest_us() {
            self.lateness_us = self.lateness_us.max(after_us);
        }
    }

    /// A gap was waited for and given up.
    pub const fn was_in_vain(&mut self) {
        self.lateness_us -= self.lateness_us / FORGETTING;
    }

    /// What an answer takes; `None` if there will be none in time.
    fn answer_us(&self) -> Option<u64> {
        let rtt_us = self.rtt_us()?;
        let soonest_us = rtt_us.saturating_add(ANSWERING_US);
        let extra_us = (rtt_us / 2).saturating_mul(self.mode.patience().half_round_trips - 2);
        let longest_us = self.mode.longest_us();
        (soonest_us <= longest_us)
            .then(|| soonest_us.saturating_add(extra_us).saturating_add(self.link.jitter_us.saturating_mul(2)))
    }
}
