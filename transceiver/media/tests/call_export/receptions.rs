//! A stream that another owner received before.

use antiphon_media::reception::ReceptionState;
use antiphon_media::receptions::{Receptions, Stream};
use antiphon_media::rtp::Packet;
use proptest::prelude::*;

const RATE: u32 = 48_000;

fn hear(receptions: &mut Receptions, sequence: u16) -> (u64, Stream) {
    let packet = Packet { ssrc: 5, sequence, timestamp: u32::from(sequence) * 960, ..Packet::default() };
    let place = receptions.receive(&packet, u64::from(sequence) * 20_000);
    (place.sequence, place.stream)
}

#[test]
fn a_takeover_counts_no_packet_as_lost_and_keeps_what_was_lost_before() {
    let mut first = Receptions::new(RATE);
    for sequence in (65_500..=65_535).filter(|sequence| sequence % 10 != 0) {
        hear(&mut first, sequence);
    }
    let mut second = Receptions::resume(RATE, first.state());
    // 150 went to the dead owner, or to nobody.
    assert_eq!(hear(&mut second, 150), (65_536 * 2 + 150, Stream::New));
    let block = second.current().unwrap().report(3_000_000);
    assert_eq!((block.highest_sequence, block.lost, block.fraction_lost), (65_536 + 150, 3, 0));
    hear(&mut second, 152);
    let block = second.current().unwrap().report(3_100_000);
    assert_eq!((block.lost, block.fraction_lost), (4, 128));
}

#[test]
fn an_owner_that_hears_nothing_hands_on_what_it_was_given() {
    let state = ReceptionState { ssrc: 5, highest: 70_000, expected: 40, received: 39 };
    let mut receptions = Receptions::resume(RATE, Some(state));
    assert_eq!(receptions.state(), Some(state));
    let other = Packet { ssrc: 6, sequence: 9, ..Packet::default() };
    receptions.receive(&other, 0);
    assert_eq!(receptions.state().unwrap().ssrc, 6);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_state_is_gone_on_from(
        highest: u64,
        expected: u64,
        received: u64,
        sequences in prop::collection::vec(any::<u16>(), 1..20),
    ) {
        let state = ReceptionState { ssrc: 5, highest, expected, received };
        let mut receptions = Receptions::resume(RATE, Some(state));
        for sequence in sequences {
            hear(&mut receptions, sequence);
            receptions.current().unwrap().report(1);
            receptions.lost();
        }
    }
}
