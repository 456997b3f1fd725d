//! Token buckets: how much of something a second, and how much of it at once.

use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;
use std::hash::BuildHasher;

use crate::flow_key::FlowKey;
use crate::now::Now;

/// Thousandths of a token, so that slow rates add up over short intervals.
const TOKEN: u64 = 1000;

/// How many tokens a second come in, and how many are kept at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub per_second: u32,
    pub burst: u32,
}

#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    level: u64,
    filled_at_ms: u64,
}

impl TokenBucket {
    /// Full: a source that was never seen has its whole burst.
    pub fn new(rate: Rate) -> Self {
        Self { level: u64::from(rate.burst) * TOKEN, filled_at_ms: 0 }
    }

    /// Takes a token where there is one.
    pub fn take(&mut self, rate: Rate, now: Now) -> bool {
        let elapsed_ms = now.steady_ms.saturating_sub(self.filled_at_ms);
        // `per_second` tokens a second are as many thousandths of a token a millisecond.
        let refilled = self.level.saturating_add(elapsed_ms.saturating_mul(u64::from(rate.per_second)));
        self.level = refilled.min(u64::from(rate.burst) * TOKEN);
        self.filled_at_ms = now.steady_ms;
        let Some(rest) = self.level.checked_sub(TOKEN) else { return false };
        self.level = rest;
        true
    }
}

/// New flows a second for each source prefix.
///
/// The keys are strangers' to choose, so the size is fixed: a prefix hashes, by a seed of this process, to one of the
/// buckets and shares it with whoever else does.
pub struct PrefixBudget {
    rate: Rate,
    hasher: SeedableRandomState,
    buckets: Box<[TokenBucket]>,
}

impl PrefixBudget {
    pub const BUCKETS: usize = 1 << 14;

    pub fn new(rate: Rate, seed: u64) -> Self {
        let hasher = SeedableRandomState::with_seed(seed, SharedSeed::global_fixed());
        Self { rate, hasher, buckets: vec![TokenBucket::new(rate); Self::BUCKETS].into() }
    }

    pub fn take(&mut self, key: FlowKey, now: Now) -> bool {
        let position = self.hasher.hash_one(key.prefix()) as usize % Self::BUCKETS;
        self.buckets.get_mut(position).is_some_and(|bucket| bucket.take(self.rate, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 50, burst: 100 };

    fn at(steady_ms: u64) -> Now {
        Now { steady_ms, unix_ms: 0 }
    }

    fn key(client: &str) -> FlowKey {
        FlowKey::new(0, client.parse().unwrap())
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = TokenBucket::new(RATE);
        assert_eq!((0..1000).filter(|_| bucket.take(RATE, at(0))).count(), 100);
        assert_eq!((0..1000).filter(|_| bucket.take(RATE, at(1000))).count(), 50);
        assert_eq!((0..20).filter(|step| bucket.take(RATE, at(1000 + step * 10))).count(), 9);
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_gives_nothing() {
        let mut bucket = TokenBucket::new(Rate { per_second: 50, burst: 1 });
        assert!(bucket.take(RATE, at(500)));
        while bucket.take(RATE, at(500)) {}
        assert!(!bucket.take(RATE, at(400)));
    }

    #[test]
    fn one_prefix_does_not_spend_what_another_has() {
        let mut budget = PrefixBudget::new(RATE, 7);
        while budget.take(key("192.0.2.1:1000"), at(0)) {}
        assert!(!budget.take(key("192.0.2.99:2000"), at(0)));
        assert!(budget.take(key("198.51.100.1:1000"), at(0)));
    }
}
