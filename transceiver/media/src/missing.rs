//! Packets that did not come, and which of them are worth asking for (RFC 4585 §6.2.1).

use std::collections::VecDeque;

/// Missing packets of which account is kept. A longer gap is an outage: what was said in it comes too late to be heard.
pub const MOST_MISSING: u64 = 16;

/// Times that one packet is asked for.
const MOST_ASKED: u8 = 3;
/// What the other side takes to answer, and our own timers to look.
const MARGIN_US: u64 = 5_000;

#[derive(Clone, Copy, Debug)]
struct Hole {
    /// Extended.
    sequence: u64,
    /// When a packet behind it came.
    since_us: u64,
    asked: u8,
    asked_us: u64,
}

/// One stream's holes; bounded by [`MOST_MISSING`]. Sequence numbers are extended, times microseconds from any fixed zero.
#[derive(Clone, Debug, Default)]
pub struct Missing {
    /// In the order of sending.
    holes: VecDeque<Hole>,
    /// 0 before the first packet.
    highest: u64,
}

impl Missing {
    /// The packet `sequence` came at `now_us`.
    pub fn arrived(&mut self, sequence: u64, now_us: u64) {
        if self.highest == 0 {
            self.highest = sequence;
        } else if sequence <= self.highest {
            self.holes.retain(|hole| hole.sequence != sequence);
        } else {
            let skipped = self.highest + 1..sequence;
            self.highest = sequence;
            if skipped.end - skipped.start > MOST_MISSING {
                self.holes.clear();
                return;
            }
            self.holes.extend(skipped.map(|sequence| Hole { sequence, since_us: now_us, asked: 0, asked_us: 0 }));
            let surplus = self.holes.len().saturating_sub(MOST_MISSING as usize);
            self.holes.drain(..surplus);
        }
    }

    /// Nothing before `sequence` is waited for any more.
    pub fn passed(&mut self, sequence: u64) {
        self.holes.retain(|hole| hole.sequence >= sequence);
    }

    pub fn is_empty(&self) -> bool {
        self.holes.is_empty()
    }

    /// What to ask for at `now_us`, in the order of sending; it counts as asked for.
    ///
    /// A hole is worth it while the answer, a round trip from now, comes before the hole has waited for `wait_us`; and again
    /// when one and a half round trips brought none. `rtt_us` of `None` asks for nothing: until the first report the
    /// handshake's round trip will do.
    pub fn ask(&mut self, now_us: u64, rtt_us: Option<u64>, wait_us: u64) -> Vec<u16> {
        let Some(rtt_us) = rtt_us else { return Vec::new() };
        let answer_us = now_us.saturating_add(rtt_us).saturating_add(MARGIN_US);
        let patience_us = (rtt_us.saturating_add(rtt_us / 2)).max(MARGIN_US);
        let worth = self.holes.iter_mut().filter(|hole| {
            let fresh = hole.asked == 0 || now_us.saturating_sub(hole.asked_us) >= patience_us;
            fresh && hole.asked < MOST_ASKED && answer_us <= hole.since_us.saturating_add(wait_us)
        });
        worth
            .map(|hole| {
                hole.asked += 1;
                hole.asked_us = now_us;
                hole.sequence as u16
            })
            .collect()
    }
}
