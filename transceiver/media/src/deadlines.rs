//! When each of many calls wants to be looked at next, one time a call.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

/// Times are microseconds from any fixed zero; `K` names a call.
#[derive(Clone, Debug)]
pub struct Deadlines<K> {
    in_order: BTreeSet<(u64, K)>,
    of: HashMap<K, u64>,
}

impl<K: Copy + Ord + Hash> Default for Deadlines<K> {
    fn default() -> Self {
        Self { in_order: BTreeSet::new(), of: HashMap::new() }
    }
}

impl<K: Copy + Ord + Hash> Deadlines<K> {
    /// The call's only one from now on; `None`: it has none.
    pub fn set(&mut self, key: K, at_us: Option<u64>) {
        if self.of.get(&key).copied() == at_us {
            return;
        }
        let former = match at_us {
            Some(at_us) => self.of.insert(key, at_us),
            None => self.of.remove(&key),
        };
        if let Some(former_us) = former {
            self.in_order.remove(&(former_us, key));
        }
        self.in_order.extend(at_us.map(|at_us| (at_us, key)));
    }

    /// The earliest.
    pub fn next_us(&self) -> Option<u64> {
        self.in_order.first().map(|(at_us, _)| *at_us)
    }

    /// The call whose deadline is the earliest that has come; it has none then.
    pub fn pop(&mut self, now_us: u64) -> Option<K> {
        let (at_us, key) = *self.in_order.first()?;
        if at_us > now_us {
            return None;
        }
        self.set(key, None);
        Some(key)
    }
}
