//! Media from sources without a flow: who is being looked up in the flow cache, and the packets that wait for the answer.

use std::collections::VecDeque;

use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;
use hashbrown::HashMap;

use crate::budget::{Rate, TokenBucket};
use crate::drop_reason::DropReason;
use crate::flow_key::FlowKey;
use crate::now::Now;

/// More than the flow cache's client waits for Redis. A flow's packets wait together and keep their order, so that the
/// transceiver, which has no playout buffer to be late for, loses none of them; but one that comes in the very moment of
/// the answer may overtake them.
pub const LONGEST_WAIT_MS: u64 = 250;
/// How long a source that was not found is not looked up again: its next STUN check comes soon enough.
pub const MISS_MS: u64 = 1000;
/// Sources that are being looked up at a time.
pub const MAX_PENDING: usize = 1024;
/// Packets kept of one source: voice of that time in frames of 20 ms, and some beside it. Of all sources some 25 MB.
pub const PACKETS_PER_SOURCE: usize = 16;
/// Sources that are remembered as not found.
pub const MAX_MISSES: usize = 8192;
/// Look-ups a second: what a Redis serves beside its other work.
pub const RATE: Rate = Rate { per_second: 5000, burst: 10_000 };

/// A packet that waits, with the worker that received it, by whose hop socket it leaves when the answer comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub worker: usize,
    pub datagram: Box<[u8]>,
}

#[derive(Debug)]
struct Pending {
    since_ms: u64,
    packets: Vec<Waiting>,
}

/// What came of an answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Resolved {
    Forward(Vec<Waiting>),
    /// As many packets go no further.
    Drop(DropReason, usize),
}

/// Everything here is bounded, and every key is a stranger's: seeded hashes.
pub struct Lookups {
    bucket: TokenBucket,
    pending: HashMap<FlowKey, Pending, SeedableRandomState>,
    /// Asked for and not yet taken by the flow cache's client, oldest first.
    asked: VecDeque<FlowKey>,
    misses: HashMap<FlowKey, u64, SeedableRandomState>,
    /// In the order of their expiry.
    miss_order: VecDeque<(u64, FlowKey)>,
}

impl Lookups {
    pub fn new(seed: u64) -> Self {
        let hasher = SeedableRandomState::with_seed(seed, SharedSeed::global_fixed());
        Self {
            bucket: TokenBucket::new(RATE),
            pending: HashMap::with_hasher(hasher.clone()),
            asked: VecDeque::new(),
            misses: HashMap::with_hasher(hasher),
            miss_order: VecDeque::new(),
        }
    }

    /// Keeps a packet until its source is resolved, and asks for the source where nobody does yet.
    /// Strangers' floods are refused before anything is allocated.
    pub fn hold(&mut self, key: FlowKey, worker: usize, datagram: &[u8], now: Now) -> Result<(), DropReason> {
        let packet = || Waiting { worker, datagram: datagram.into() };
        if let Some(pending) = self.pending.get_mut(&key) {
            if pending.packets.len() >= PACKETS_PER_SOURCE {
                return Err(DropReason::LookupQueueFull);
            }
            pending.packets.push(packet());
            return Ok(());
        }
        self.forget_misses(now);
        if self.misses.contains_key(&key) {
            return Err(DropReason::LookupMissedBefore);
        }
        if self.pending.len() >= MAX_PENDING {
            return Err(DropReason::LookupQueueFull);
        }
        if !self.bucket.take(RATE, now) {
            return Err(DropReason::LookupBudget);
        }
        self.pending.insert(key, Pending { since_ms: now.steady_ms, packets: vec![packet()] });
        self.asked.push_back(key);
        Ok(())
    }

    /// The sources to look up, oldest first, but for those that have checked in.
    pub fn take(&mut self, limit: usize) -> Vec<FlowKey> {
        let pending = &self.pending;
        self.asked.drain(..limit.min(self.asked.len())).filter(|key| pending.contains_key(key)).collect()
    }

    /// The packets of a source that has been looked up, or has checked in meanwhile; a source that was not found is
    /// remembered as such.
    pub fn resolve(&mut self, key: FlowKey, found: bool, now: Now) -> Resolved {
        let pending = self.pending.remove(&key);
        if !found {
            self.remember_miss(key, now);
            return Resolved::Drop(DropReason::LookupMiss, pending.map_or(0, |pending| pending.packets.len()));
        }
        match pending {
            Some(pending) if is_late(&pending, now) => Resolved::Drop(DropReason::LookupLate, pending.packets.len()),
            Some(pending) => Resolved::Forward(pending.packets),
            None => Resolved::Forward(Vec::new()),
        }
    }

    /// Lets go of what has waited too long; answers how many packets that were.
    pub fn expire(&mut self, now: Now) -> usize {
        let late: usize = (self.pending)
            .extract_if(|_, pending| is_late(pending, now))
            .map(|(_, pending)| pending.packets.len())
            .sum();
        let pending = &self.pending;
        self.asked.retain(|key| pending.contains_key(key));
        late
    }

    /// Whether there is something to [`Self::take`].
    pub fn has_asked(&self) -> bool {
        !self.asked.is_empty()
    }

    fn remember_miss(&mut self, key: FlowKey, now: Now) {
        if self.misses.len() >= MAX_MISSES
            && let Some((_, oldest)) = self.miss_order.pop_front()
        {
            self.misses.remove(&oldest);
        }
        let until_ms = now.steady_ms + MISS_MS;
        if self.misses.insert(key, until_ms).is_none() {
            self.miss_order.push_back((until_ms, key));
        }
    }

    fn forget_misses(&mut self, now: Now) {
        while let Some((_, key)) = self.miss_order.front().filter(|(until_ms, _)| *until_ms <= now.steady_ms) {
            self.misses.remove(key);
            self.miss_order.pop_front();
        }
    }
}

fn is_late(pending: &Pending, now: Now) -> bool {
    now.steady_ms.saturating_sub(pending.since_ms) > LONGEST_WAIT_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(port: u16) -> FlowKey {
        FlowKey::new(0, ([192, 0, 2, 1], port).into())
    }

    fn at(steady_ms: u64) -> Now {
        Now { steady_ms, unix_ms: 0 }
    }

    fn packet(byte: u8) -> Waiting {
        Waiting { worker: 0, datagram: [byte].into() }
    }

    #[test]
    fn a_source_is_asked_for_once_and_its_packets_come_in_order() {
        let mut lookups = Lookups::new(1);
        for byte in 0..3 {
            lookups.hold(key(1), 0, &[byte], at(0)).unwrap();
        }
        assert_eq!(lookups.take(10), [key(1)]);
        assert_eq!(lookups.take(10), []);
        assert_eq!(lookups.resolve(key(1), true, at(LONGEST_WAIT_MS)), Resolved::Forward((0..3).map(packet).collect()));
        assert!(lookups.pending.is_empty());
    }

    #[test]
    fn a_source_that_was_not_found_is_left_alone_for_a_second() {
        let mut lookups = Lookups::new(1);
        lookups.hold(key(1), 0, &[0], at(0)).unwrap();
        assert_eq!(lookups.resolve(key(1), false, at(10)), Resolved::Drop(DropReason::LookupMiss, 1));
        assert_eq!(lookups.hold(key(1), 0, &[1], at(1009)), Err(DropReason::LookupMissedBefore));
        assert_eq!(lookups.hold(key(1), 0, &[1], at(1010)), Ok(()));
    }

    #[test]
    fn nothing_waits_longer_than_its_time() {
        let (mut lookups, late) = (Lookups::new(1), at(LONGEST_WAIT_MS + 1));
        lookups.hold(key(1), 0, &[0], at(0)).unwrap();
        lookups.hold(key(2), 0, &[0], at(0)).unwrap();
        assert_eq!(lookups.resolve(key(1), true, late), Resolved::Drop(DropReason::LookupLate, 1));
        assert_eq!(lookups.expire(late), 1);
        assert!(lookups.pending.is_empty());
        assert_eq!(lookups.take(10), []);
    }

    #[test]
    fn a_flood_of_strangers_stays_within_the_bounds() {
        let mut lookups = Lookups::new(1);
        for source in 0..100_000_u32 {
            let key = FlowKey::new(0, (source.to_be_bytes(), 1).into());
            if lookups.hold(key, 0, &[0], at(0)).is_ok() && source % 2 == 0 {
                lookups.resolve(key, false, at(0));
            }
        }
        assert!(lookups.pending.len() <= MAX_PENDING && lookups.asked.len() <= RATE.burst as usize);
        assert!(lookups.misses.len() <= MAX_MISSES && lookups.miss_order.len() <= MAX_MISSES);
        lookups.expire(at(1000));
        assert!(lookups.asked.is_empty());
    }

    #[test]
    fn one_source_cannot_fill_the_queue() {
        let mut lookups = Lookups::new(1);
        let kept = (0..100).filter(|byte| lookups.hold(key(1), 0, &[*byte], at(0)).is_ok()).count();
        assert_eq!(kept, PACKETS_PER_SOURCE);
    }
}
