//! What goes to the peer after another owner: what that one had not got acknowledged, and leaps over what it may have used.

use super::inbound::OVERHEAD;
use super::outbound::Outbound;
use super::outgoing::{Content, Fate, Outgoing, Reliability};

/// TSNs of all leaps at a time, and a stream's first sequence number: half a turn of its sequence numbers, or they would
/// count as old (RFC 9260 §1.6).
pub(super) const MOST_LEAPT: u16 = (1 << 15) - 1;

/// Of two leaps that follow one another, the streams that either passes; the later one knows how far.
pub(super) fn pass_also(streams: &mut Vec<(u16, u16)>, later: &[(u16, u16)]) {
    streams.retain(|(stream, _)| later.iter().all(|(other, _)| other != stream));
    streams.extend(later);
}

impl Outbound {
    /// Puts back what was exported, in its order; false if there is no room.
    pub fn append_again(&mut self, outgoing: Outgoing) -> bool {
        match outgoing.fate {
            Fate::Lost => self.lost += 1,
            Fate::Acknowledged => self.acknowledged_ahead += 1,
            Fate::Waiting | Fate::InFlight | Fate::Abandoned => {}
        }
        self.backlog += outgoing.fragment().map_or(0, |fragment| fragment.payload.len() + OVERHEAD);
        self.next = outgoing.last_place() + 1;
        self.queue.push_back(outgoing);
        self.backlog <= self.largest_backlog
    }

    pub fn set_sequence(&mut self, stream: u16, next: u16) {
        self.streams.insert(stream, next);
    }

    /// TSNs of leaps that the peer has not acknowledged.
    pub fn leapt(&self) -> u64 {
        let count = |entry: &Outgoing| if let Content::Leap { count, .. } = entry.content { count } else { 0 };
        self.queue.iter().map(count).sum()
    }

    /// Passes so many TSNs that somebody may have used, and these streams' sequence numbers up to those named.
    pub fn leap(&mut self, more: u64, passed: &[(u16, u16)]) {
        if let Some(Outgoing { content: Content::Leap { count, streams }, .. }) = self.queue.back_mut() {
            self.next += more;
            *count += more;
            pass_also(streams, passed);
            return;
        }
        self.append_leap(more, passed.to_vec());
    }

    /// Everything was put back. All of it may have been sent by somebody.
    pub fn go_on(&mut self) {
        self.unsent = self.next;
        self.first_lost = self.acknowledged;
        self.is_skip_due = self.skippable() > self.acknowledged;
    }

    /// A stream that no export names, where the peer may expect any number up to the first. It cannot be told so without
    /// a TSN of its own: one that the peer knows already would say nothing (RFC 3758 §3.6).
    pub(super) fn begin_stream(&mut self, stream: u16) {
        self.streams.insert(stream, self.first_sequence);
        if let Some(last) = self.first_sequence.checked_sub(1) {
            self.append_leap(1, vec![(stream, last)]);
            self.pass_leaps();
            self.is_skip_due |= self.skippable() > self.acknowledged;
        }
    }

    /// Leaps are never sent.
    pub(super) fn pass_leaps(&mut self) {
        let at = self.queue.partition_point(|entry| entry.place < self.unsent);
        for entry in self.queue.range(at..) {
            let Content::Leap { .. } = entry.content else { break };
            self.unsent = entry.last_place() + 1;
        }
    }

    fn append_leap(&mut self, count: u64, streams: Vec<(u16, u16)>) {
        self.append(Content::Leap { count, streams }, Reliability::Reliable, Fate::Abandoned);
    }
}
