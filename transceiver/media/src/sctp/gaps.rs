//! The TSNs that were received ahead of the cumulative one, as runs.

/// Disjoint runs that do not touch, in order. Bounded by who adds to it: [`super::inbound::MOST_AHEAD`] places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Gaps {
    runs: Vec<(u64, u64)>,
}

impl Gaps {
    /// `place` is in none of the runs.
    pub fn add(&mut self, place: u64) {
        let at = self.runs.partition_point(|&(first, _)| first < place);
        let joins_left = at.checked_sub(1).and_then(|left| self.runs.get(left)).is_some_and(|run| run.1 + 1 == place);
        let joins_right = self.runs.get(at).is_some_and(|run| run.0 == place + 1);
        match (joins_left, joins_right) {
            (true, true) => {
                let (_, last) = self.runs.remove(at);
                self.set_last(at - 1, last);
            }
            (true, false) => self.set_last(at - 1, place),
            (false, true) => {
                if let Some(run) = self.runs.get_mut(at) {
                    run.0 = place;
                }
            }
            (false, false) => self.runs.insert(at, (place, place)),
        }
    }

    /// Forgets everything up to `place`.
    pub fn forget_to(&mut self, place: u64) {
        let whole = self.runs.partition_point(|&(_, last)| last <= place);
        self.runs.drain(..whole);
        if let Some(run) = self.runs.first_mut() {
            run.0 = run.0.max(place + 1);
        }
    }

    /// First and last of each, lowest first.
    pub fn runs(&self) -> impl Iterator<Item = (u64, u64)> {
        self.runs.iter().copied()
    }

    fn set_last(&mut self, at: usize, last: u64) {
        if let Some(run) = self.runs.get_mut(at) {
            run.1 = last;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn runs_are_what_a_set_holds(steps in prop::collection::vec((1..60_u64, prop::bool::weighted(0.1)), 0..80)) {
            let (mut gaps, mut set) = (Gaps::default(), BTreeSet::new());
            for (place, forgets) in steps {
                if forgets {
                    gaps.forget_to(place);
                    set.retain(|kept| *kept > place);
                } else if set.insert(place) {
                    gaps.add(place);
                }
                let held: Vec<u64> = gaps.runs().flat_map(|(first, last)| first..=last).collect();
                prop_assert!(held.iter().eq(&set));
                prop_assert!(gaps.runs.is_sorted_by(|left, right| left.1 + 1 < right.0));
            }
        }
    }
}
