//! Sequence numbers and timestamps on their circles.

use antiphon_media::rtp::{ExtendedSequence, sequence_ahead, timestamp_ahead};
use proptest::prelude::*;

#[test]
fn distances_are_the_short_way_round() {
    assert_eq!(sequence_ahead(2, 65_533), 5);
    assert_eq!(sequence_ahead(65_533, 2), -5);
    assert_eq!(sequence_ahead(0x7FFF, 0), 32_767);
    assert_eq!(sequence_ahead(0x8000, 0), -32_768);
    assert_eq!(timestamp_ahead(960, u32::MAX), 961);
    assert_eq!(timestamp_ahead(u32::MAX, 960), -961);
    assert_eq!(timestamp_ahead(1 << 31, 0), i32::MIN);
}

#[test]
fn a_packet_from_before_the_first_has_a_place_before_it() {
    let mut sequence = ExtendedSequence::starting_at(0);
    let first = sequence.highest();
    assert_eq!(sequence.advance(65_535), first - 1);
    assert_eq!((sequence.highest(), sequence.reported()), (first, 0));
}

#[test]
fn the_report_counts_wraps_above_the_sequence_number() {
    let mut sequence = ExtendedSequence::starting_at(65_000);
    assert_eq!(sequence.reported(), 65_000);
    for step in 1..=200_000_u32 {
        sequence.advance((65_000 + step) as u16);
    }
    assert_eq!(sequence.reported(), 265_000);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn steps_of_less_than_half_a_turn_are_followed_over_any_wraps(
        first in any::<u16>(),
        steps in prop::collection::vec(-32_768..=32_767_i64, 0..200),
    ) {
        let mut sequence = ExtendedSequence::starting_at(first);
        let mut highest = sequence.highest();
        for step in steps {
            let place = highest.checked_add_signed(step).unwrap();
            prop_assert_eq!(sequence.extend(place as u16), place);
            prop_assert_eq!(sequence.advance(place as u16), place);
            highest = highest.max(place);
            prop_assert_eq!(sequence.highest(), highest);
        }
    }
}
