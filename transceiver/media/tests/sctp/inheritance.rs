//! What an export holds, what an heir does first, and when it says that it cannot go on.

use antiphon_media::sctp::{
    Association, AssociationState, BadState, Chunk, Config, Ended, Event, Held, LONGEST_LEAP, Outlet, Packet,
};

use crate::link::{Conditions, MILLISECOND, Pair, SECOND, Side, reliable, secrets};

fn pair() -> Pair {
    Pair::established(Config::default(), Conditions::default(), 1)
}

fn heir(pair: &Pair, state: AssociationState, leap: u32) -> Association {
    let inherited = state.advanced_by(leap).unwrap();
    Association::resume(pair.now_us, Config::default(), secrets(9), inherited).unwrap()
}

fn exported(pair: &Pair) -> AssociationState {
    pair.left.state(pair.now_us).unwrap()
}

/// The TSNs of DATA chunks.
fn tsns(packet: &[u8]) -> Vec<u32> {
    let tsn = |chunk: &Chunk<'_>| if let Chunk::Data(data) = chunk { Some(data.tsn) } else { None };
    Packet::parse(packet).unwrap().chunks.iter().filter_map(tsn).collect()
}

#[test]
fn an_idle_association_is_a_few_numbers() {
    let mut pair = pair();
    for number in 0..100 {
        pair.left.send(reliable(number % 4), b"to the right").unwrap();
        pair.right.send(reliable(number % 4), b"to the left").unwrap();
    }
    pair.pass(SECOND);
    let state = exported(&pair);
    assert_eq!((state.outgoing.len(), state.held.len(), state.streams.len()), (0, 0, 4));
    assert_eq!(state.acknowledged_tsn.wrapping_add(1), pair.left.next_tsn());
}

#[test]
fn what_is_in_flight_goes_again_under_the_same_tsns() {
    let mut pair = pair();
    for number in 0..3 {
        pair.left.send(reliable(0), &[number; 900]).unwrap();
    }
    let sent: Vec<u32> = std::iter::from_fn(|| pair.left.poll_transmit(pair.now_us)).flat_map(|it| tsns(&it)).collect();
    let state = exported(&pair).unchanged();
    pair.left = Association::resume(pair.now_us, Config::default(), secrets(9), state).unwrap();
    let again: Vec<u32> =
        std::iter::from_fn(|| pair.left.poll_transmit(pair.now_us)).flat_map(|it| tsns(&it)).collect();
    assert_eq!((sent.len(), &sent), (3, &again));
}

#[test]
fn the_heir_of_an_old_export_uses_no_tsn_again() {
    let mut pair = pair();
    pair.left.send(reliable(0), b"known to the heir").unwrap();
    pair.pass(SECOND);
    let export = exported(&pair);
    for _ in 0..20 {
        pair.left.send(reliable(0), b"not known to it").unwrap();
    }
    pair.pass(SECOND);
    let used = pair.left.next_tsn();
    pair.left = heir(&pair, export, 30);
    assert_eq!(pair.left.next_tsn(), used.wrapping_add(10));
    pair.left.send(reliable(0), b"and on").unwrap();
    pair.pass(SECOND);
    assert_eq!(Pair::messages(&pair.right_events).last().unwrap(), b"and on");
    assert_eq!(pair.left.backlog(), 0);
    assert_eq!(pair.right.counters().lost_messages, 0);
}

#[test]
fn what_the_other_side_says_first_is_heard_at_once_if_the_export_missed_nothing() {
    let mut pair = pair();
    let export = exported(&pair);
    pair.left = heir(&pair, export, 30);
    pair.right.send(reliable(0), b"still there?").unwrap();
    pair.pass(15 * MILLISECOND);
    assert_eq!(Pair::messages(&pair.left_events), [b"still there?"]);
}

#[test]
fn an_heir_that_missed_something_hears_what_comes_twice_and_tells_what_it_missed() {
    let mut pair = pair();
    let export = exported(&pair);
    for _ in 0..7 {
        pair.right.send(reliable(0), b"to the dead").unwrap();
    }
    pair.pass(SECOND);
    pair.left_events.clear();
    pair.left = heir(&pair, export, 30);
    pair.right.send(reliable(0), b"to the heir").unwrap();
    pair.right.send(reliable(0), b"and again").unwrap();
    pair.pass(300 * MILLISECOND);
    assert_eq!(pair.left_events, []);
    pair.pass(SECOND);
    assert_eq!(pair.left_events[0], Event::CaughtUp { unseen_chunks: 7 });
    assert_eq!(Pair::messages(&pair.left_events), [b"to the heir".as_slice(), b"and again"]);
    assert_eq!(pair.right.backlog(), 0);
}

/// The left side was taken over, missed something and has caught up.
fn caught_up() -> Pair {
    let mut pair = pair();
    let export = exported(&pair);
    pair.right.send(reliable(0), b"to the dead").unwrap();
    pair.pass(SECOND);
    pair.left = heir(&pair, export, 30);
    pair.right.send(reliable(0), b"to the heir").unwrap();
    pair.pass(5 * SECOND);
    assert!(pair.left_events.contains(&Event::CaughtUp { unseen_chunks: 1 }));
    pair.left_events.clear();
    pair
}

#[test]
fn a_whole_unordered_message_passes_the_gap_of_an_heir_that_has_caught_up() {
    let mut pair = caught_up();
    pair.right.send(reliable(0), b"lost").unwrap();
    pair.right.poll_transmit(pair.now_us).unwrap();
    pair.right.send(Outlet { is_unordered: true, ..reliable(0) }, b"passes").unwrap();
    pair.pass(15 * MILLISECOND);
    assert_eq!(Pair::messages(&pair.left_events), [b"passes"]);
    pair.pass(10 * SECOND);
    assert_eq!(Pair::messages(&pair.left_events), [b"passes".as_slice(), b"lost"]);
}

/// As long as what the dead had acknowledged may be among what is missing, a gap is given up; not for ever after.
#[test]
fn an_heir_that_has_caught_up_long_ago_waits_for_a_gap_as_anybody_does() {
    let outlives_a_gap = |silence_us: u64, is_handed_over: bool| {
        let mut pair = caught_up();
        if is_handed_over {
            let state = exported(&pair).unchanged();
            pair.left = Association::resume(pair.now_us, Config::default(), secrets(9), state).unwrap();
        }
        pair.pass(silence_us);
        pair.right.send(reliable(0), b"new").unwrap();
        pair.pass(SECOND);
        pair.right.send(reliable(0), b"lost").unwrap();
        pair.right.poll_transmit(pair.now_us).unwrap();
        pair.right.send(reliable(0), b"held").unwrap();
        pair.pass(15 * MILLISECOND);
        pair.conditions.lost = 100;
        pair.pass(20 * SECOND);
        pair.conditions.lost = 0;
        pair.pass(60 * SECOND);
        Pair::messages(&pair.left_events) == [b"new".as_slice(), b"lost", b"held"]
    };
    for is_handed_over in [false, true] {
        assert!(!outlives_a_gap(SECOND, is_handed_over));
        assert!(outlives_a_gap(120 * SECOND, is_handed_over));
    }
}

/// Nothing has to come for its patience to end.
#[test]
fn a_planned_heir_gives_up_the_gap_that_it_was_given() {
    let mut pair = caught_up();
    pair.right.send(reliable(0), b"lost").unwrap();
    pair.right.poll_transmit(pair.now_us).unwrap();
    pair.right.send(reliable(0), b"held").unwrap();
    pair.pass(15 * MILLISECOND);
    pair.conditions.lost = 100;
    let state = exported(&pair).unchanged();
    pair.left = Association::resume(pair.now_us, Config::default(), secrets(9), state).unwrap();
    pair.pass(20 * SECOND);
    assert!(pair.left_events.iter().any(|event| matches!(event, Event::Ended(_))), "{:?}", pair.left_events);
}

#[test]
fn a_message_of_which_the_dead_had_the_beginning_is_left_out_and_told() {
    let mut pair = pair();
    let export = exported(&pair);
    pair.right.send(reliable(0), &vec![7; 20_000]).unwrap();
    pair.pass(40 * MILLISECOND);
    assert_eq!(Pair::messages(&pair.left_events).len(), 0);
    pair.left = heir(&pair, export, 30);
    pair.right.send(reliable(0), b"whole").unwrap();
    pair.pass(10 * SECOND);
    assert!(matches!(pair.left_events[0], Event::CaughtUp { .. }));
    assert_eq!(Pair::messages(&pair.left_events), [b"whole"]);
    assert_eq!(pair.left.counters().lost_messages, 1);
    assert_eq!(pair.right.backlog(), 0);
}

#[test]
fn a_close_that_waits_for_what_the_dead_had_is_done() {
    let mut pair = pair();
    let export = exported(&pair);
    pair.right.send(reliable(3), b"to the dead").unwrap();
    pair.pass(SECOND);
    pair.left_events.clear();
    pair.left = heir(&pair, export, 30);
    pair.right.reset_stream(3);
    pair.pass(20 * SECOND);
    assert_eq!(pair.left_events, [Event::CaughtUp { unseen_chunks: 1 }, Event::StreamsReset(vec![3])]);
    assert_eq!(Pair::messages(&pair.right_events).len(), 0);
    assert_eq!(pair.right_events, [Event::ResetSettled { streams: vec![3], is_performed: true }]);
}

#[test]
fn a_close_after_one_that_the_dead_did_is_done_at_once() {
    let mut pair = pair();
    let export = exported(&pair);
    pair.right.reset_stream(3);
    pair.pass(SECOND);
    pair.left_events.clear();
    pair.left = heir(&pair, export, 30);
    pair.right.reset_stream(4);
    pair.pass(SECOND);
    assert_eq!(pair.left_events, [Event::StreamsReset(vec![4])]);
    assert_eq!(pair.right_events.last(), Some(&Event::ResetSettled { streams: vec![4], is_performed: true }));
}

#[test]
fn a_close_that_follows_closes_of_the_dead_finds_its_number() {
    let mut pair = pair();
    let export = exported(&pair);
    for stream in 0..3 {
        pair.left.reset_stream(stream);
        pair.pass(SECOND);
    }
    pair.left = heir(&pair, export, 30);
    pair.left.reset_stream(9);
    pair.pass(10 * SECOND);
    assert_eq!(pair.left_events.last(), Some(&Event::ResetSettled { streams: vec![9], is_performed: true }));
    assert_eq!(pair.right_events.last(), Some(&Event::StreamsReset(vec![9])));
}

#[test]
fn an_heir_tells_how_far_it_leaps_in_each_stream() {
    let mut pair = pair();
    for (stream, count) in [(2, 5), (7, 1)] {
        for _ in 0..count {
            pair.left.send(reliable(stream), b"said").unwrap();
        }
    }
    pair.pass(SECOND);
    let export = exported(&pair);
    let first = pair.left.next_tsn();
    pair.left = heir(&pair, export, 30);
    pair.left.send(reliable(2), b"and on").unwrap();
    let packet = pair.left.poll_transmit(pair.now_us).unwrap();
    let packet = Packet::parse(&packet).unwrap();
    let [Chunk::Sack(_), Chunk::ForwardTsn(forward), Chunk::Data(data)] = &packet.chunks[..] else {
        panic!("{packet:?}")
    };
    assert_eq!(forward.cumulative, first.wrapping_add(29));
    assert_eq!(forward.streams().collect::<Vec<_>>(), [(2, 34), (7, 30)]);
    assert_eq!((data.tsn, data.stream, data.sequence), (first.wrapping_add(30), 2, 35));
}

#[test]
fn a_stream_that_no_export_names_is_taken_up_beyond_what_the_dead_may_have_said_on_it() {
    let mut pair = pair();
    let export = exported(&pair);
    for _ in 0..3 {
        pair.left.send(reliable(5), b"not known to the heir").unwrap();
    }
    pair.pass(SECOND);
    pair.left = heir(&pair, export, 30);
    pair.pass(SECOND);
    for message in [b"one", b"two"] {
        pair.left.send(reliable(5), message).unwrap();
    }
    let packet = pair.left.poll_transmit(pair.now_us).unwrap();
    let packet = Packet::parse(&packet).unwrap();
    let [Chunk::ForwardTsn(forward), Chunk::Data(one), Chunk::Data(two)] = &packet.chunks[..] else {
        panic!("{packet:?}")
    };
    assert_eq!(forward.streams().collect::<Vec<_>>(), [(5, 29)]);
    assert_eq!((one.sequence, two.sequence), (30, 31));
    assert_eq!(one.tsn, forward.cumulative.wrapping_add(1));
    pair.left.send(reliable(6), b"and another").unwrap();
    pair.pass(10 * SECOND);
    let heard = Pair::messages(&pair.right_events);
    // The packet that was looked at was lost, and came again.
    assert_eq!(heard[3..], [b"one".to_vec(), b"two".to_vec(), b"and another".to_vec()]);
    assert_eq!(pair.left.backlog(), 0);
    let next = exported(&pair);
    assert_eq!((next.first_sequence, next.leaps.len()), (30, 0));
}

#[test]
fn a_leap_that_was_too_short_ends_the_association() {
    let mut pair = pair();
    let export = exported(&pair);
    for _ in 0..20 {
        pair.left.send(reliable(0), b"more than it was said").unwrap();
    }
    pair.pass(SECOND);
    pair.left = heir(&pair, export, 5);
    pair.right.send(reliable(0), b"hello").unwrap();
    pair.pass(10 * SECOND);
    assert_eq!(pair.left_events.last(), Some(&Event::Ended(Ended::Irrecoverable)));
    assert_eq!(pair.right_events.last(), Some(&Event::Ended(Ended::AbortedByPeer)));
}

#[test]
fn a_gap_that_nobody_fills_ends_the_association() {
    let mut pair = pair();
    let export = exported(&pair);
    pair.right.send(reliable(0), b"to the dead").unwrap();
    pair.pass(SECOND);
    pair.left = heir(&pair, export, 30);
    pair.right.send(reliable(0), b"comes once").unwrap();
    let packet = pair.right.poll_transmit(pair.now_us).unwrap();
    pair.fly(Side::Left, &packet);
    // The peer takes what it sent for acknowledged, and will not send it again.
    pair.right = Association::new(Config::default(), secrets(7));
    pair.pass(14 * SECOND);
    assert!(pair.left.is_established());
    pair.pass(2 * SECOND);
    assert_eq!(pair.left_events.last(), Some(&Event::Ended(Ended::Irrecoverable)));
}

#[test]
fn an_heir_can_be_succeeded_before_its_leap_is_heard_of() {
    let mut pair = pair();
    pair.left.send(reliable(0), b"one").unwrap();
    for _ in 0..5 {
        let export = exported(&pair);
        pair.left.send(reliable(0), b"lost with its sender").unwrap();
        pair.left.poll_transmit(pair.now_us);
        pair.left = heir(&pair, export, 10);
    }
    pair.left.send(reliable(0), b"two").unwrap();
    pair.pass(10 * SECOND);
    assert_eq!(Pair::messages(&pair.right_events), [b"one", b"two"]);
    assert_eq!(exported(&pair).leaps, []);
}

#[test]
fn exports_that_cannot_be_gone_on_from_are_refused() {
    let pair = pair();
    let state = exported(&pair);
    assert_eq!(state.clone().advanced_by(0).unwrap_err(), BadState::LeapOutOfRange);
    assert_eq!(state.clone().advanced_by(LONGEST_LEAP + 1).unwrap_err(), BadState::LeapOutOfRange);
    let mut plain = state.clone();
    plain.extensions.partial_reliability = false;
    assert_eq!(plain.clone().advanced_by(1).unwrap_err(), BadState::NoPartialReliability);
    let resume =
        |state: AssociationState| Association::resume(0, Config::default(), secrets(9), state.unchanged()).map(|_| ());
    assert_eq!(resume(plain), Ok(()));
    let mut wrong = state.clone();
    wrong.remote_tag = 0;
    assert_eq!(resume(wrong), Err(BadState::OutOfBounds));
    let mut wrong = state.clone();
    wrong.streams = (0..300).map(|stream| (stream, 0)).collect();
    assert_eq!(resume(wrong), Err(BadState::OutOfBounds));
    for far in [0, 1 << 20, u32::MAX] {
        let mut wrong = state.clone();
        wrong.held = vec![(state.received_tsn.wrapping_add(far), Held::Delivered)];
        assert_eq!(resume(wrong), Err(BadState::OutOfBounds));
    }
}

#[test]
fn there_is_no_export_while_something_waits_to_be_told() {
    let mut pair = pair();
    pair.right.send(reliable(0), b"taken?").unwrap();
    while let Some(packet) = pair.right.poll_transmit(pair.now_us) {
        pair.left.handle(pair.now_us, &packet);
    }
    assert_eq!(pair.left.state(pair.now_us), None);
    assert!(pair.left.poll_event().is_some());
    assert!(pair.left.state(pair.now_us).is_some());
    assert_eq!(Association::new(Config::default(), secrets(1)).state(0), None);
}
