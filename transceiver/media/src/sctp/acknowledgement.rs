//! What a SACK does to what we have sent (RFC 9260 §6.2.1, §6.3.2, §7.2.4).

use super::congestion::Acknowledged;
use super::inbound::OVERHEAD;
use super::outbound::{Answer, Gate, Outbound};
use super::outgoing::{Content, Fate, Outgoing};
use super::sack::Sack;
use super::tsn::place;

/// SACKs that have to miss a chunk before it is taken for lost.
const MOST_MISSES: u8 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Overtaken by a later one.
    Old,
    /// It acknowledges what was never sent.
    Implausible,
    /// `is_progress` says that something was acknowledged.
    Current { is_progress: bool },
}

/// What gap blocks acknowledged that was not acknowledged before.
struct Marked {
    /// In bytes.
    newly: usize,
    /// The highest place of it.
    highest: Option<u64>,
}

impl Outbound {
    pub fn hear(&mut self, now_us: u64, sack: &Sack<'_>) -> Heard {
        let cumulative = place(self.acknowledged, sack.cumulative);
        match self.hear_cumulative(now_us, cumulative, sack.gaps()) {
            Heard::Current { is_progress } => {
                self.answer = if sack.window == 0 { Answer::NoRoom } else { Answer::Room };
                self.peer_window = (sack.window as usize).saturating_sub(self.flight);
                Heard::Current { is_progress }
            }
            other => other,
        }
    }

    /// A SHUTDOWN acknowledges too, without blocks or a window.
    pub fn hear_shutdown(&mut self, now_us: u64, cumulative: u32) -> Heard {
        self.hear_cumulative(now_us, place(self.acknowledged, cumulative), std::iter::empty())
    }

    fn hear_cumulative(&mut self, now_us: u64, cumulative: u64, gaps: impl Iterator<Item = (u16, u16)>) -> Heard {
        if cumulative < self.acknowledged {
            return Heard::Old;
        }
        if cumulative >= self.unsent {
            return Heard::Implausible;
        }
        self.gate = Gate::Window;
        let is_cumulative_moved = cumulative > self.acknowledged;
        let mut newly = self.retire_to(now_us, cumulative);
        let runs = plausible(cumulative, self.unsent, gaps);
        let Marked { newly: ahead, highest } = self.mark(&runs);
        newly += ahead;
        let is_recovering = self.congestion.is_recovering() && is_cumulative_moved;
        let last_named = runs.last().map(|run| run.1);
        self.count_misses(if is_recovering { last_named } else { highest });
        let is_all = self.flight == 0 && self.lost == 0;
        self.congestion.acknowledge(Acknowledged { newly, cumulative, is_cumulative_moved, is_all });
        self.adjust_timer(now_us, is_cumulative_moved);
        Heard::Current { is_progress: newly > 0 || is_cumulative_moved }
    }

    /// Takes out what the peer has without a gap. Says how many bytes were not acknowledged before.
    fn retire_to(&mut self, now_us: u64, cumulative: u64) -> usize {
        if let Some((_, sent_us)) = self.probe.take_if(|(place, _)| *place <= cumulative) {
            self.round_trip.measure(now_us.saturating_sub(sent_us));
        }
        let mut newly = 0;
        while self.queue.front().is_some_and(|entry| entry.last_place() <= cumulative) {
            let Some(entry) = self.queue.pop_front() else { break };
            newly += self.settle(&entry);
            if let Some(fragment) = entry.fragment() {
                self.backlog -= fragment.payload.len() + OVERHEAD;
            }
        }
        // The peer has had a part of what an earlier owner sent.
        if let Some(Outgoing { place, content: Content::Leap { count, .. }, .. }) = self.queue.front_mut() {
            let had = (cumulative + 1).saturating_sub(*place);
            *place += had;
            *count -= had;
        }
        self.acknowledged = cumulative;
        newly
    }

    /// Takes an entry out of the sums.
    fn settle(&mut self, entry: &Outgoing) -> usize {
        match entry.fate {
            Fate::InFlight => self.flight -= entry.size(),
            Fate::Lost => self.lost -= 1,
            Fate::Acknowledged => {
                self.acknowledged_ahead -= 1;
                return 0;
            }
            Fate::Waiting | Fate::Abandoned => return 0,
        }
        entry.size()
    }

    /// By the gap blocks.
    fn mark(&mut self, runs: &[(u64, u64)]) -> Marked {
        let (mut newly, mut highest) = (0, None);
        if runs.is_empty() && self.acknowledged_ahead == 0 {
            return Marked { newly, highest };
        }
        let mut runs = runs.iter().peekable();
        for entry in self.queue.iter_mut().take_while(|entry| entry.place < self.unsent) {
            while runs.next_if(|run| run.1 < entry.place).is_some() {}
            let is_named = runs.peek().is_some_and(|run| run.0 <= entry.place);
            match (entry.fate, is_named) {
                (Fate::InFlight | Fate::Lost, true) => {
                    if entry.fate == Fate::InFlight {
                        self.flight -= entry.size();
                    } else {
                        self.lost -= 1;
                    }
                    entry.fate = Fate::Acknowledged;
                    self.acknowledged_ahead += 1;
                    newly += entry.size();
                    highest = Some(entry.place);
                    self.probe.take_if(|(place, _)| *place == entry.place);
                }
                // The peer has changed its mind, or this SACK was overtaken; T3-rtx will tell.
                (Fate::Acknowledged, false) => {
                    entry.fate = Fate::InFlight;
                    self.acknowledged_ahead -= 1;
                    self.flight += entry.size();
                }
                _ => {}
            }
        }
        Marked { newly, highest }
    }

    /// Each in flight before `end` was missed once more (RFC 9260 §7.2.4).
    fn count_misses(&mut self, end: Option<u64>) {
        let Some(end) = end else { return };
        let mut has_lost = false;
        for entry in self.queue.iter_mut().take_while(|entry| entry.place < end) {
            if entry.fate != Fate::InFlight || entry.is_retransmitted_fast {
                continue;
            }
            entry.misses = entry.misses.saturating_add(1);
            if entry.misses >= MOST_MISSES {
                entry.fate = Fate::Lost;
                entry.is_retransmitted_fast = true;
                entry.misses = 0;
                self.flight -= entry.size();
                self.lost += 1;
                self.first_lost = self.first_lost.min(entry.place);
                has_lost = true;
            }
        }
        if has_lost {
            if !self.congestion.is_recovering() {
                self.gate = Gate::FastPacket;
            }
            self.congestion.lose(self.unsent - 1);
        }
    }

    fn adjust_timer(&mut self, now_us: u64, is_cumulative_moved: bool) {
        let has_skip = self.skippable() > self.acknowledged;
        // RFC 3758 §3.5, C3: the FORWARD TSN was lost, or there is more to skip.
        self.is_skip_due |= has_skip;
        if self.flight == 0 && self.lost == 0 && !has_skip {
            self.deadline_us = None;
        } else if is_cumulative_moved {
            self.deadline_us = None;
            self.start_timer(now_us);
        } else {
            self.start_timer(now_us);
        }
    }
}

/// The blocks that name what was sent, in order and apart: so they cost no more than what is in flight.
fn plausible(cumulative: u64, unsent: u64, gaps: impl Iterator<Item = (u16, u16)>) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    let mut last = cumulative + 1;
    for (first, end) in gaps {
        let (first, end) = (cumulative + u64::from(first), cumulative + u64::from(end));
        // The one after the cumulative TSN is missing, or it would be that TSN.
        if last < first && first <= end && end < unsent {
            runs.push((first, end));
            last = end;
        }
    }
    runs
}
