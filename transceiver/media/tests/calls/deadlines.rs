//! Each call's one deadline.

use std::collections::BTreeMap;

use antiphon_media::deadlines::Deadlines;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_earliest_that_has_come_is_popped_and_each_call_has_one(
        steps in prop::collection::vec((0..8_u64, prop::option::of(0..50_u64), 0..50_u64), 0..200),
    ) {
        let (mut deadlines, mut model) = (Deadlines::default(), BTreeMap::new());
        for (key, at_us, now_us) in steps {
            deadlines.set(key, at_us);
            match at_us {
                Some(at_us) => model.insert(key, at_us),
                None => model.remove(&key),
            };
            prop_assert_eq!(deadlines.next_us(), model.values().min().copied());
            let earliest = model.iter().map(|(key, at_us)| (*at_us, *key)).min().filter(|(at_us, _)| *at_us <= now_us);
            prop_assert_eq!(deadlines.pop(now_us), earliest.map(|(_, key)| key));
            if let Some((_, key)) = earliest {
                model.remove(&key);
            }
        }
    }
}
