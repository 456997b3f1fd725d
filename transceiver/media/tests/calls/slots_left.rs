//! What the pacer leaves to a worker, who may be slow.

use antiphon_media::slots_left::SlotsLeft;
use antiphon_media::wheel::MOST_CAUGHT_UP;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_more_are_left_than_are_caught_up(steps in prop::collection::vec(any::<bool>(), 0..60)) {
        let (slots, mut left) = (SlotsLeft::default(), 0);
        for leaves in steps {
            if leaves {
                prop_assert_eq!(slots.leave(), left < MOST_CAUGHT_UP);
                left = MOST_CAUGHT_UP.min(left + 1);
            } else {
                slots.used();
                left = left.saturating_sub(1);
            }
            prop_assert_eq!(slots.is_any(), left > 0);
        }
    }
}
