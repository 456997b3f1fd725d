//! The registry's rule: whatever is offered in whatever order, one export has one successor.

use std::collections::HashSet;

use antiphon_media::call_export::{Conflict, Edition, Replacement};
use proptest::prelude::*;

fn edition(generation: u32, serial: u32) -> Edition {
    Edition { generation, serial }
}

fn check(held: Option<Edition>, expected: Option<Edition>, offered: Edition) -> Result<(), Conflict> {
    Replacement { expected, offered }.check(held)
}

#[test]
fn an_owner_renews_and_the_next_one_claims() {
    assert_eq!(check(None, None, Edition::FIRST), Ok(()));
    let held = Some(edition(3, 7));
    assert_eq!(check(held, held, edition(3, 8)), Ok(()));
    // Two offers got lost.
    assert_eq!(check(held, held, edition(3, 10)), Ok(()));
    assert_eq!(check(held, held, edition(4, 0)), Ok(()));
}

#[test]
fn what_does_not_follow_is_refused_whoever_holds_what() {
    let expected = Some(edition(3, 7));
    for offered in [edition(3, 7), edition(3, 6), edition(2, 9), edition(4, 1), edition(5, 0), edition(0, 0)] {
        for held in [None, expected, Some(edition(4, 0))] {
            assert_eq!(check(held, expected, offered), Err(Conflict::NotNext), "{offered:?}");
        }
    }
}

#[test]
fn who_comes_too_late_is_told_what_happened() {
    let expected = Some(edition(3, 7));
    let fenced = |held| Err(Conflict::Fenced { held });
    let other = |held| Err(Conflict::Other { held });
    // The owner, after a claim.
    assert_eq!(check(Some(edition(4, 0)), expected, edition(3, 8)), fenced(edition(4, 0)));
    // The owner, whose last offer was stored without its knowing.
    assert_eq!(check(Some(edition(3, 8)), expected, edition(3, 9)), other(edition(3, 8)));
    // A heir, whose predecessor has renewed; a heir, after another one.
    assert_eq!(check(Some(edition(3, 8)), expected, edition(4, 0)), other(edition(3, 8)));
    assert_eq!(check(Some(edition(4, 0)), expected, edition(4, 0)), fenced(edition(4, 0)));
    // Both, after the call's end.
    assert_eq!(check(None, expected, edition(3, 8)), Err(Conflict::Gone));
    assert_eq!(check(None, expected, edition(4, 0)), Err(Conflict::Gone));
    // The first offer of a call, which was stored without its owner's knowing; a second owner of the same call.
    assert_eq!(check(Some(Edition::FIRST), None, edition(0, 1)), other(Edition::FIRST));
    assert_eq!(check(Some(edition(1, 0)), None, edition(0, 1)), fenced(edition(1, 0)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn editions_only_grow_and_each_is_stored_once(
        offers in prop::collection::vec((0..3_u32, 0..4_u32, 0..4_u32, 0..4_u32), 1..200),
    ) {
        let mut held = Some(Edition::FIRST);
        let mut stored = HashSet::from([Edition::FIRST]);
        let mut owners = HashSet::from([0]);
        for (expected_generation, expected_serial, generation, serial) in offers {
            let offered = edition(generation, serial);
            let before = held;
            if check(held, Some(edition(expected_generation, expected_serial)), offered).is_ok() {
                prop_assert!(Some(offered) > before);
                prop_assert!(stored.insert(offered));
                // A generation begins once.
                prop_assert_eq!(owners.insert(generation), before.unwrap().generation != generation);
                held = Some(offered);
            }
        }
    }
}
