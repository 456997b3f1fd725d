//! The timer wheel that all calls of a pacer share.
//!
//! A call's slots are due at multiples of its frame's length plus its phase, whatever happened before: there is no drift.
//! Phases are multiples of [`GRAIN_US`]. So a call lies in one place of a ring for as long as it lives, nothing is moved per
//! packet, and the calls of a place go out together: what a thread's waking costs is shared by them, here and at the relay.

use std::collections::HashMap;
use std::hash::Hash;

use crate::downlink::FrameLength;

/// What phases and deadlines are multiples of.
pub const GRAIN_US: u64 = 5_000;
/// Slots of a call that are made up for at once. After a longer stall the listeners' buffers are empty anyway, and a burst
/// of old frames would only make every one of them play late for the rest of the speech.
pub const MOST_CAUGHT_UP: u64 = 3;
/// A slot that comes later than this after its time counts as late.
pub const LATE_US: u64 = 5_000;

/// The grains after which everything repeats: the longest frame.
const CYCLE: u64 = FrameLength::Forty.us() / GRAIN_US;

/// A call's slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due<K> {
    pub key: K,
    /// When it was due: the slot's name for [`crate::downlink::Queue::begin_slot`].
    pub at_us: u64,
}

/// How well the time is kept; since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Misses {
    /// Slots that were handed out.
    pub slots: u64,
    /// Of them later than [`LATE_US`].
    pub late: u64,
    /// Of them later than their frame is long: the listener may have heard it.
    pub missed: u64,
    /// Of those handed out, the worst, in microseconds.
    pub worst_us: u64,
    /// Stalls so long that slots were given up.
    pub stalls: u64,
    /// Slots given up: what was to be said in them is said later.
    pub skipped: u64,
}

/// Times are microseconds from any fixed zero; `K` names a call.
#[derive(Clone, Debug)]
pub struct Wheel<K> {
    rings: [Ring<K>; FrameLength::ALL.len()],
    places: HashMap<K, Place>,
    /// The first grain whose slots were not handed out.
    next: u64,
    misses: Misses,
}

/// The calls of one frame length, by phase.
#[derive(Clone, Debug)]
struct Ring<K> {
    frame: FrameLength,
    phases: Vec<Vec<Member<K>>>,
}

#[derive(Clone, Copy, Debug)]
struct Member<K> {
    key: K,
    /// The grain of its first slot.
    first: u64,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    frame: FrameLength,
    phase: u64,
    index: usize,
}

impl<K: Copy + Eq + Hash> Default for Wheel<K> {
    fn default() -> Self {
        Self { rings: FrameLength::ALL.map(Ring::new), places: HashMap::new(), next: 0, misses: Misses::default() }
    }
}

impl<K: Copy + Eq + Hash> Wheel<K> {
    /// Calls.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// A call takes its place, or another one; `phase_us` counts modulo the frame and is rounded down to [`GRAIN_US`].
    /// Answers when its first slot is due: at `now_us` or later.
    pub fn insert(&mut self, key: K, frame: FrameLength, phase_us: u64, now_us: u64) -> u64 {
        self.remove(key);
        let length = grains(frame);
        let phase = phase_us / GRAIN_US % length;
        let earliest = self.next.max(now_us.div_ceil(GRAIN_US));
        let first = earliest + (phase + length - earliest % length) % length;
        if let Some(members) = self.ring_mut(frame).and_then(|ring| ring.at_mut(phase)) {
            let index = members.len();
            members.push(Member { key, first });
            self.places.insert(key, Place { frame, phase, index });
        }
        first * GRAIN_US
    }

    /// Whether it was there.
    pub fn remove(&mut self, key: K) -> bool {
        let Some(place) = self.places.remove(&key) else { return false };
        let Some(members) = self.ring_mut(place.frame).and_then(|ring| ring.at_mut(place.phase)) else { return false };
        members.swap_remove(place.index);
        let moved = members.get(place.index).map(|member| member.key);
        if let Some(moved) = moved.and_then(|key| self.places.get_mut(&key)) {
            moved.index = place.index;
        }
        true
    }

    /// The phase, in microseconds, in which the fewest calls are due together with one of such frames.
    pub fn quietest_phase(&self, frame: FrameLength) -> u64 {
        let load = |grain| -> usize { self.rings.iter().map(|ring| ring.at(grain).len()).sum() };
        let length = grains(frame);
        let busiest = |phase: &u64| (*phase..CYCLE).step_by(length as usize).map(load).max();
        (0..length).min_by_key(busiest).unwrap_or_default() * GRAIN_US
    }

    /// Appends the slots that are due and were not handed out, in the order of their times: each of a call's slots once,
    /// but after a stall only the last [`MOST_CAUGHT_UP`].
    pub fn due(&mut self, now_us: u64, due: &mut Vec<Due<K>>) {
        let end = now_us / GRAIN_US + 1;
        if end <= self.next {
            return;
        }
        self.give_up(end);
        for grain in self.next.max(end.saturating_sub(MOST_CAUGHT_UP * CYCLE))..end {
            let at_us = grain * GRAIN_US;
            for ring in self.rings.iter().filter(|ring| grain >= ring.kept_from(end)) {
                for member in ring.at(grain).iter().filter(|member| member.first <= grain) {
                    due.push(Due { key: member.key, at_us });
                    self.misses.count(now_us - at_us, ring.frame);
                }
            }
        }
        self.next = end;
    }

    /// When the next slot is due that was not handed out; none without calls.
    pub fn next_deadline(&self) -> Option<u64> {
        let is_due = |grain: &u64| self.rings.iter().any(|ring| ring.at(*grain).iter().any(|it| it.first <= *grain));
        let soon = (self.next..self.next + CYCLE).find(is_due);
        // Calls that came in long after the last slot was handed out begin later than the next turn.
        let later = || self.rings.iter().flat_map(|ring| ring.phases.iter().flatten()).map(|member| member.first).min();
        soon.or_else(later).map(|grain| grain * GRAIN_US)
    }

    pub const fn misses(&self) -> Misses {
        self.misses
    }

    /// Counts the slots before `end` that are too old to be handed out.
    fn give_up(&mut self, end: u64) {
        let (next, before) = (self.next, self.misses.skipped);
        for ring in &self.rings {
            let kept_from = ring.kept_from(end);
            if kept_from <= next {
                continue;
            }
            for (phase, members) in (0..).zip(&ring.phases) {
                for member in members {
                    self.misses.skipped += occurrences(next.max(member.first), kept_from, phase, grains(ring.frame));
                }
            }
        }
        self.misses.stalls += u64::from(self.misses.skipped > before);
    }

    fn ring_mut(&mut self, frame: FrameLength) -> Option<&mut Ring<K>> {
        self.rings.iter_mut().find(|ring| ring.frame == frame)
    }
}

impl<K> Ring<K> {
    fn new(frame: FrameLength) -> Self {
        Self { frame, phases: (0..grains(frame)).map(|_| Vec::new()).collect() }
    }

    fn at(&self, grain: u64) -> &[Member<K>] {
        self.phases.get((grain % grains(self.frame)) as usize).map_or(&[], Vec::as_slice)
    }

    fn at_mut(&mut self, grain: u64) -> Option<&mut Vec<Member<K>>> {
        self.phases.get_mut((grain % grains(self.frame)) as usize)
    }

    /// The oldest grain whose slots are still worth making up for, just before `end`.
    const fn kept_from(&self, end: u64) -> u64 {
        end.saturating_sub(MOST_CAUGHT_UP * grains(self.frame))
    }
}

impl Misses {
    fn count(&mut self, late_us: u64, frame: FrameLength) {
        let lateness = Lateness::of(late_us, frame);
        self.slots += 1;
        self.late += u64::from(lateness.is_late);
        self.missed += u64::from(lateness.is_missed);
        self.worst_us = self.worst_us.max(late_us);
    }
}

/// What becomes of a slot that came so long after its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lateness {
    pub is_late: bool,
    pub is_missed: bool,
}

impl Lateness {
    pub const fn of(late_us: u64, frame: FrameLength) -> Self {
        Self { is_late: late_us > LATE_US, is_missed: late_us > frame.us() }
    }

    /// What it is and was not `before`, when it was counted first.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self { is_late: self.is_late && !before.is_late, is_missed: self.is_missed && !before.is_missed }
    }
}

const fn grains(frame: FrameLength) -> u64 {
    frame.us() / GRAIN_US
}

/// How many of `from` … `end`, which is not one of them, are `phase` modulo `length`.
const fn occurrences(from: u64, end: u64, phase: u64, length: u64) -> u64 {
    if end <= from {
        return 0;
    }
    let first = (phase + length - from % length) % length;
    let span = end - from;
    if first >= span { 0 } else { (span - first - 1) / length + 1 }
}
