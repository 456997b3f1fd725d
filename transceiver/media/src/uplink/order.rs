//! Puts packets in the order of sending: what is in order passes at once, only what lies behind a gap is held.

use std::collections::VecDeque;

/// Packets held behind a gap: a second of speech. Only a flood gets there; then the oldest gap is given up.
pub const MOST_HELD: usize = 50;
/// Bytes of their payloads, of which Opus has 4 KB a second.
pub const MOST_HELD_BYTES: usize = 1 << 16;

/// Places of which it is known whether they were heard, to tell a copy from a straggler.
const MARKED: u64 = u128::BITS as u64;
/// Places given up of which it is known since when they were missing.
const MOST_ABANDONED: usize = 16;
/// Buffers kept for the next gap.
const MOST_SPARE: usize = 8;

/// A packet as far as it is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spoken<'a> {
    pub payload_type: u8,
    /// Ticks of its coding's clock.
    pub timestamp: u32,
    pub payload: &'a [u8],
}

/// A packet behind a gap.
#[derive(Clone, Debug)]
pub struct Held {
    /// Extended sequence number.
    place: u64,
    came_us: u64,
    payload_type: u8,
    timestamp: u32,
    payload: Vec<u8>,
}

impl Held {
    pub fn spoken(&self) -> Spoken<'_> {
        Spoken { payload_type: self.payload_type, timestamp: self.timestamp, payload: &self.payload }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is this packet's turn. `after_us`: what is held behind it waited for it that long.
    Now { after_us: Option<u64> },
    /// It waits behind a gap, and perhaps fills some of a later one, that was known for `after_us`.
    Held { after_us: Option<u64> },
    /// Its place was given up, `after_us` after it was seen to be missing, where that is remembered.
    Late { after_us: Option<u64> },
    /// It came before.
    Twice,
}

#[derive(Clone, Copy, Debug)]
struct Abandoned {
    place: u64,
    since_us: u64,
}

/// One stream's; bounded by [`MOST_HELD`] packets and [`MOST_HELD_BYTES`], and one packet more.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// The place whose turn it is.
    next: u64,
    /// By place; the first lies behind a gap.
    held: VecDeque<Held>,
    held_bytes: usize,
    /// Bit n: the place n + 1 before the next was heard.
    heard: u128,
    abandoned: VecDeque<Abandoned>,
    spare: Vec<Vec<u8>>,
}

impl Order {
    /// Another stream, of which `place` comes first; nothing may be held.
    pub fn begin(&mut self, place: u64) {
        (self.next, self.heard) = (place, 0);
        self.abandoned.clear();
    }

    /// The place whose turn it is: nothing before it is waited for.
    pub const fn next(&self) -> u64 {
        self.next
    }

    pub fn push(&mut self, place: u64, packet: Spoken<'_>, now_us: u64) -> Turn {
        if place < self.next {
            return self.look_back(place, now_us);
        }
        let index = self.held.partition_point(|held| held.place < place);
        let after_us = self.since_us(index).map(|since_us| now_us.saturating_sub(since_us));
        if place == self.next {
            self.pass(place);
            return Turn::Now { after_us };
        }
        if self.held.get(index).is_some_and(|held| held.place == place) {
            return Turn::Twice;
        }
        let mut payload = self.spare.pop().unwrap_or_default();
        payload.extend_from_slice(packet.payload);
        self.held_bytes += payload.len();
        let Spoken { payload_type, timestamp, .. } = packet;
        self.held.insert(index, Held { place, came_us: now_us, payload_type, timestamp, payload });
        Turn::Held { after_us }
    }

    /// The first packet held, and how many are missing right before it.
    pub fn front(&self) -> Option<(u64, &Held)> {
        self.held.front().map(|held| (held.place - self.next, held))
    }

    /// Since when anything is held.
    pub fn waiting_since_us(&self) -> Option<u64> {
        self.since_us(0)
    }

    pub fn is_full(&self) -> bool {
        self.held.len() > MOST_HELD || self.held_bytes > MOST_HELD_BYTES
    }

    /// The first packet held; what is missing before it is given up.
    pub fn take(&mut self) -> Option<Held> {
        let since_us = self.waiting_since_us()?;
        let held = self.held.pop_front()?;
        self.held_bytes -= held.payload.len();
        let oldest = self.next.max(held.place.saturating_sub(MOST_ABANDONED as u64));
        self.abandoned.extend((oldest..held.place).map(|place| Abandoned { place, since_us }));
        let surplus = self.abandoned.len().saturating_sub(MOST_ABANDONED);
        self.abandoned.drain(..surplus);
        self.pass(held.place);
        Some(held)
    }

    /// Gives a packet's buffer back.
    pub fn reuse(&mut self, held: Held) {
        if self.spare.len() < MOST_SPARE {
            let mut payload = held.payload;
            payload.clear();
            self.spare.push(payload);
        }
    }

    /// When the oldest of what is held from `index` on came.
    fn since_us(&self, index: usize) -> Option<u64> {
        self.held.iter().skip(index).map(|held| held.came_us).min()
    }

    fn look_back(&mut self, place: u64, now_us: u64) -> Turn {
        let back = self.next - 1 - place;
        let bit = if back < MARKED { 1 << back } else { 0 };
        if self.heard & bit != 0 {
            return Turn::Twice;
        }
        self.heard |= bit;
        let index = self.abandoned.iter().position(|abandoned| abandoned.place == place);
        let abandoned = index.and_then(|index| self.abandoned.remove(index));
        Turn::Late { after_us: abandoned.map(|abandoned| now_us.saturating_sub(abandoned.since_us)) }
    }

    /// `place`, not before the next, is heard.
    fn pass(&mut self, place: u64) {
        let places = (place - self.next).saturating_add(1);
        let shifted = if places < MARKED { self.heard << places } else { 0 };
        self.heard = shifted | 1;
        self.next = place.saturating_add(1);
    }
}
