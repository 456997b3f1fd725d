//! What came from the peer: up to where without a gap, what is held behind a gap, and the messages that are whole.
//!
//! Fragments are put together in TSN order, so a lost packet holds up all streams and not only its own; a data channel
//! rarely has company, and in return nothing is kept for a stream. Only whole unordered messages pass a gap.

use std::collections::{BTreeMap, VecDeque};

use super::assembly::{Assembled, Assembly, Message};
use super::certainty::Certainty;
use super::config::Bounds;
use super::data::{Data, Fragment};
use super::gaps::Gaps;
use super::sack::Received;
use super::state::Standing;
use super::tsn::{place, place_of_first};

/// TSNs ahead of the cumulative one that are held; far fewer than the 65,535 that a SACK can name.
pub const MOST_AHEAD: u64 = 4096;
/// Bytes that a chunk or a message takes of the window beside its payload: what it costs to keep.
pub const OVERHEAD: usize = 128;
/// Blocks and duplicates of one SACK: those that help the sender are the first.
const MOST_GAPS: usize = 64;
const MOST_DUPLICATES: usize = 16;
/// Bytes of a full packet: what WebRTC puts into one over UDP is a little less.
const LEAST_ROOM: usize = 1200;

/// What is ahead of the cumulative TSN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    Fragment(Fragment),
    /// A whole unordered message, which has passed the gap already.
    Delivered,
}

impl Held {
    fn charge(&self) -> usize {
        match self {
            Self::Fragment(fragment) => charge(&fragment.payload),
            Self::Delivered => OVERHEAD,
        }
    }
}

fn charge(payload: &[u8]) -> usize {
    payload.len() + OVERHEAD
}

/// What became of a DATA chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    InOrder,
    /// Held behind a gap.
    Ahead,
    Duplicate,
    /// No room, or too far ahead: its sender has to send it again.
    Dropped,
}

#[derive(Debug)]
pub(super) struct Inbound {
    cumulative: u64,
    held: BTreeMap<u64, Held>,
    gaps: Gaps,
    /// Of what is held, and of messages that wait to be taken, in bytes.
    held_charge: usize,
    waiting_charge: usize,
    assembly: Assembly,
    messages: VecDeque<Message>,
    duplicates: Vec<u32>,
    bounds: Bounds,
    certainty: Certainty,
    /// When an heir gives up a gap.
    deadline_us: Option<u64>,
    /// TSNs that an earlier owner received after its export; told once.
    unseen: Option<u64>,
    pub lost_messages: u64,
}

impl Inbound {
    pub fn new(initial_tsn: u32, bounds: Bounds) -> Self {
        Self::resume(place_of_first(initial_tsn) - 1, Assembly::Empty, Certainty::Sure, bounds)
    }

    pub fn resume(cumulative: u64, assembly: Assembly, certainty: Certainty, bounds: Bounds) -> Self {
        Self {
            cumulative,
            held: BTreeMap::new(),
            gaps: Gaps::default(),
            held_charge: 0,
            waiting_charge: 0,
            assembly,
            messages: VecDeque::new(),
            duplicates: Vec::new(),
            bounds,
            certainty,
            deadline_us: None,
            unseen: None,
            lost_messages: 0,
        }
    }

    pub fn cumulative(&self) -> u64 {
        self.cumulative
    }

    /// The cumulative TSN comes from an old export, and the peer may hold more for acknowledged.
    fn is_behind(&self) -> bool {
        self.certainty.is_behind()
    }

    pub fn standing(&self) -> Standing {
        self.certainty.standing()
    }

    #[cfg(test)]
    pub fn is_sure(&self) -> bool {
        self.certainty == Certainty::Sure
    }

    pub fn assembly(&self) -> &Assembly {
        &self.assembly
    }

    /// By place, lowest first.
    pub fn held(&self) -> impl Iterator<Item = (u64, &Held)> {
        self.held.iter().map(|(&place, held)| (place, held))
    }

    /// Puts back what was exported; false if there is no room for it.
    pub fn hold_again(&mut self, place: u64, held: Held) -> bool {
        let fits = place > self.cumulative + 1
            && !self.is_too_far(place)
            && !self.held.contains_key(&place)
            && self.held_charge + held.charge() <= self.bounds.most();
        if fits {
            self.hold(place, held);
        }
        fits
    }

    pub fn has_gap(&self) -> bool {
        !self.held.is_empty()
    }

    /// False as long as an acknowledgement would tell of less than the peer knows.
    pub fn may_acknowledge(&self) -> bool {
        !self.certainty.is_in_doubt()
    }

    /// When [`Self::expire`] is to be called.
    pub fn next_timeout(&self) -> Option<u64> {
        self.certainty.settles_us().into_iter().chain(self.deadline_us).min()
    }

    /// False if what an earlier owner received can neither be had nor be told apart from what is missing.
    pub fn expire(&mut self, now_us: u64) -> bool {
        if let Some(place) = self.certainty.settled_place(now_us) {
            self.catch_up(now_us, place);
            self.note_gap(now_us, true);
        }
        self.deadline_us.is_none_or(|deadline_us| deadline_us > now_us)
    }

    pub fn take_message(&mut self) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.waiting_charge -= charge(&message.payload);
        Some(message)
    }

    /// Something waits for [`Self::take_message`] or [`Self::take_unseen`].
    pub fn has_events(&self) -> bool {
        !self.messages.is_empty() || self.unseen.is_some()
    }

    /// How many TSNs an earlier owner had received after its export; once, when that is known.
    pub fn take_unseen(&mut self) -> Option<u64> {
        self.unseen.take()
    }

    /// A DATA chunk. `is_unordered_free` says that whole unordered messages may pass a gap.
    pub fn take(&mut self, now_us: u64, data: &Data<'_>, is_unordered_free: bool) -> Arrival {
        let arrived = place(self.cumulative, data.tsn);
        self.certainty.sight(now_us, self.cumulative, arrived);
        let arrival = self.admit(now_us, arrived, data, is_unordered_free);
        if arrival == Arrival::Duplicate && self.duplicates.len() < MOST_DUPLICATES {
            self.duplicates.push(data.tsn);
        }
        self.note_gap(now_us, arrival == Arrival::InOrder);
        arrival
    }

    fn admit(&mut self, now_us: u64, arrived: u64, data: &Data<'_>, is_unordered_free: bool) -> Arrival {
        if arrived <= self.cumulative {
            return Arrival::Duplicate;
        }
        if self.held.contains_key(&arrived) {
            return Arrival::Duplicate;
        }
        if arrived == self.cumulative + 1 {
            // It may overdraw the window, since it can free it again; not so if nobody takes the messages.
            if self.waiting_charge > self.bounds.most() {
                return Arrival::Dropped;
            }
            let is_next = self.held.is_empty();
            self.certainty.settle(now_us, self.cumulative);
            self.advance(arrived, Held::Fragment(data.to_fragment()));
            self.drain();
            self.certainty.advance(self.cumulative, is_next);
            return Arrival::InOrder;
        }
        if self.is_too_far(arrived) || self.charge() + charge(data.payload) > self.bounds.most() {
            return Arrival::Dropped;
        }
        let passes = data.is_unordered() && data.is_first() && data.is_last() && is_unordered_free;
        if passes && !self.is_behind() {
            self.deliver(data.to_fragment());
            self.hold(arrived, Held::Delivered);
        } else {
            self.hold(arrived, Held::Fragment(data.to_fragment()));
        }
        Arrival::Ahead
    }

    /// The sender will not send what is missing up to `cumulative` (RFC 3758 §3.6). False if that is nothing new.
    pub fn skip_to(&mut self, now_us: u64, cumulative: u32) -> bool {
        let target = place(self.cumulative, cumulative);
        if target <= self.cumulative {
            return false;
        }
        self.go_on_after(now_us, target);
        self.note_gap(now_us, true);
        true
    }

    /// The peer has nothing outstanding and says that this is the last TSN it has used.
    pub fn catch_up_to(&mut self, now_us: u64, last_tsn: u32) {
        let target = place(self.cumulative, last_tsn);
        if self.is_behind() && !self.certainty.is_in_doubt() && target > self.cumulative {
            self.catch_up(now_us, target);
        }
    }

    /// Bytes that the peer may send (RFC 9260 §6.2): it counts payload alone, of which full packets cost an eighth more.
    ///
    /// Less than a packet is said to be nothing (RFC 1122 §4.2.3.3, silly windows): Chromium cuts new data into pieces that
    /// fit, while a lost chunk, which does not, waits. And what is under way by then has a third of the window more: such a
    /// piece comes in each packet with what was lost, and Chromium would wait for a timer each time that it was dropped.
    pub fn room(&self) -> u32 {
        let room = self.bounds.window.saturating_sub(self.charge());
        let said = room - room / 8;
        if said < LEAST_ROOM { 0 } else { u32::try_from(said).unwrap_or(u32::MAX) }
    }

    /// What to acknowledge; duplicates are told once.
    pub fn acknowledgement(&mut self) -> Received {
        let cumulative = self.cumulative;
        // No farther than a SACK of ours ever told: what an heir holds behind an old cumulative TSN may lie beyond.
        let offset =
            |place: u64| u16::try_from(place - cumulative).ok().filter(|ahead| u64::from(*ahead) <= MOST_AHEAD);
        let gaps = if self.may_acknowledge() { MOST_GAPS } else { 0 };
        Received {
            cumulative: cumulative as u32,
            window: self.room(),
            gaps: self.gaps.runs().take(gaps).map_while(|run| offset(run.0).zip(offset(run.1))).collect(),
            duplicates: std::mem::take(&mut self.duplicates),
        }
    }

    fn charge(&self) -> usize {
        self.held_charge + self.waiting_charge
    }

    fn is_too_far(&self, arrived: u64) -> bool {
        // The old cumulative TSN may lie any distance behind.
        let lowest = self.held.first_key_value().map_or(arrived, |(&place, _)| place.min(arrived));
        let from = if self.is_behind() { lowest - 1 } else { self.cumulative };
        let highest = self.held.last_key_value().map_or(arrived, |(&place, _)| place.max(arrived));
        highest - from > MOST_AHEAD
    }

    fn hold(&mut self, place: u64, held: Held) {
        self.held_charge += held.charge();
        self.held.insert(place, held);
        self.gaps.add(place);
    }

    /// Takes what is held and has become the next.
    fn drain(&mut self) {
        while let Some(entry) = self.held.first_entry().filter(|entry| *entry.key() == self.cumulative + 1) {
            let (place, held) = entry.remove_entry();
            self.held_charge -= held.charge();
            self.advance(place, held);
        }
        self.gaps.forget_to(self.cumulative);
    }

    fn advance(&mut self, place: u64, held: Held) {
        self.cumulative = place;
        match held {
            Held::Fragment(fragment) => self.deliver_or_keep(fragment),
            Held::Delivered => self.lost_messages += u64::from(self.assembly.skip()),
        }
    }

    /// Goes on after `place` without what is missing up to there.
    fn leave_out_to(&mut self, place: u64) {
        if place > self.cumulative {
            self.lost_messages += u64::from(self.assembly.skip());
            self.cumulative = place;
            self.gaps.forget_to(place);
        }
    }

    fn deliver_or_keep(&mut self, fragment: Fragment) {
        match self.assembly.take(fragment, self.bounds.largest_message) {
            Assembled::Nothing => {}
            Assembled::Message(message) => {
                self.waiting_charge += charge(&message.payload);
                self.messages.push_back(message);
            }
            Assembled::Lost => self.lost_messages += 1,
        }
    }

    fn deliver(&mut self, Fragment { stream, protocol, payload, .. }: Fragment) {
        self.waiting_charge += charge(&payload);
        self.messages.push_back(Message { stream, protocol, payload });
    }

    /// An earlier owner has received what is missing up to `target`.
    fn catch_up(&mut self, now_us: u64, target: u64) {
        let known = self.held.range(..=target).count() as u64;
        self.unseen = Some((target - self.cumulative).saturating_sub(known));
        self.go_on_after(now_us, target);
    }

    /// Without what is missing up to `target`; what lies between the gaps is whole, and still wanted.
    fn go_on_after(&mut self, now_us: u64, target: u64) {
        self.certainty.settle(now_us, target);
        while let Some((&place, _)) = self.held.first_key_value().filter(|(place, _)| **place <= target) {
            self.leave_out_to(place - 1);
            self.drain();
        }
        self.leave_out_to(target);
        self.drain();
        self.certainty.advance(self.cumulative, false);
    }

    pub fn note_gap(&mut self, now_us: u64, has_advanced: bool) {
        let deadline_us = self.certainty.deadline_us(now_us).filter(|_| self.has_gap());
        if deadline_us.is_none() || has_advanced || self.deadline_us.is_none() {
            self.deadline_us = deadline_us;
        }
    }
}
