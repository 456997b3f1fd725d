//! Which indices of a stream were received (RFC 3711 §3.3.2).

/// In packets: 5 s of audio at 20 ms a packet. Nobody plays what comes later, and the window is a part of each export.
pub const WIDTH: u64 = 256;

const WORDS: usize = 4;

/// A plain value: it may be read, kept and written back. It changes only by a packet that was authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayWindow {
    pub highest: u64,
    /// Bit `index % 256`, counted from the first word's lowest, says whether `index` was received; of the 256 indices
    /// up to and including `highest`.
    pub seen: [u64; WORDS],
}

impl ReplayWindow {
    /// Of a stream whose first packet has this index.
    pub(super) fn starting_at(index: u64) -> Self {
        let mut window = Self { highest: index, seen: [0; WORDS] };
        window.set(index, true);
        window
    }

    /// `index` was not received, and is not too old to know that.
    pub(super) fn admits(&self, index: u64) -> bool {
        index > self.highest || (self.highest - index < WIDTH && !self.has(index))
    }

    /// A packet was authenticated and this window admitted its index.
    pub(super) fn record(&mut self, index: u64) {
        if index > self.highest {
            if index - self.highest >= WIDTH {
                self.seen = [0; WORDS];
            } else {
                for skipped in self.highest + 1..index {
                    self.set(skipped, false);
                }
            }
            self.highest = index;
        }
        self.set(index, true);
    }

    fn has(&self, index: u64) -> bool {
        self.seen.get(word(index)).is_some_and(|word| word & bit(index) != 0)
    }

    fn set(&mut self, index: u64, received: bool) {
        if let Some(word) = self.seen.get_mut(word(index)) {
            *word = if received { *word | bit(index) } else { *word & !bit(index) };
        }
    }
}

fn word(index: u64) -> usize {
    (index % WIDTH / 64) as usize
}

fn bit(index: u64) -> u64 {
    1 << (index % 64)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn each_index_gets_in_once_unless_it_is_too_old(
            start in 0..1_u64 << 40,
            steps in prop::collection::vec(prop_oneof![-300_i64..300, -3_i64..4, 0_i64..2000], 0..400),
        ) {
            let mut window = ReplayWindow::starting_at(start);
            let mut received = HashSet::from([start]);
            for step in steps {
                let highest = *received.iter().max().unwrap();
                let index = highest.saturating_add_signed(step);
                let admitted = !received.contains(&index) && index + WIDTH > highest;
                prop_assert_eq!(window.admits(index), admitted, "{} after {}", index, highest);
                if admitted {
                    window.record(index);
                    received.insert(index);
                }
                prop_assert_eq!(window.highest, highest.max(index));
            }
        }
    }
}
