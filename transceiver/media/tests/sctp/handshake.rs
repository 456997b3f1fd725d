//! How an association comes about, and how it ends.

use antiphon_media::sctp::{Address, Chunk, Config, Ended, Event, Packet, Unsendable, Writer, kind};
use proptest::prelude::*;

use crate::link::{Conditions, Pair, SECOND, START_US, Side, conditions, reliable};

fn perfect() -> Conditions {
    Conditions::default()
}

#[test]
fn one_side_may_begin_or_both() {
    for both in [false, true] {
        let mut pair = Pair::new(Config::default(), perfect(), 1);
        pair.left.connect();
        if both {
            pair.right.connect();
        }
        pair.pass(SECOND / 10);
        assert_eq!(pair.left_events, [Event::Established]);
        assert_eq!(pair.right_events, [Event::Established]);
    }
}

#[test]
fn nothing_is_kept_of_an_init() {
    let mut pair = Pair::new(Config::default(), perfect(), 1);
    pair.left.connect();
    let init = pair.left.poll_transmit(START_US).unwrap();
    for _ in 0..100 {
        pair.right.handle(START_US, &init);
        let answer = pair.right.poll_transmit(START_US).unwrap();
        assert!(matches!(Packet::parse(&answer).unwrap().chunks[..], [Chunk::InitAck(_)]));
        assert_eq!(pair.right.next_timeout(), None);
    }
}

#[test]
fn a_forged_or_old_cookie_opens_nothing() {
    for (late_us, damage) in [(0, true), (61 * SECOND, false)] {
        let mut pair = Pair::new(Config::default(), perfect(), 1);
        pair.left.connect();
        let init = pair.left.poll_transmit(START_US).unwrap();
        pair.right.handle(START_US, &init);
        let answer = pair.right.poll_transmit(START_US).unwrap();
        pair.left.handle(START_US, &answer);
        let mut echo = pair.left.poll_transmit(START_US).unwrap();
        if damage {
            echo = crate::link::with_byte_changed(&echo, 20);
        }
        pair.right.handle(START_US + late_us, &echo);
        assert!(!pair.right.is_established());
        // What was too old is begun anew, once its sender hears of it.
        let complaint = pair.right.poll_transmit(START_US + late_us);
        assert_eq!(complaint.is_none(), damage);
        pair.now_us = START_US + late_us;
        if let Some(complaint) = complaint {
            pair.fly(Side::Left, &complaint);
            pair.pass(SECOND);
            assert!(pair.left.is_established() && pair.right.is_established());
        }
    }
}

#[test]
fn messages_wait_for_the_handshake() {
    let mut pair = Pair::new(Config::default(), perfect(), 1);
    pair.left.send(reliable(0), b"early").unwrap();
    pair.left.connect();
    pair.right.connect();
    pair.pass(SECOND);
    assert_eq!(Pair::messages(&pair.right_events), [b"early"]);
    assert_eq!(pair.right_events[0], Event::Established);
}

#[test]
fn nobody_there_is_told_after_some_tries() {
    let mut pair = Pair::new(Config::default(), Conditions { lost: 100, ..perfect() }, 1);
    pair.left.connect();
    pair.pass(300 * SECOND);
    assert_eq!(pair.left_events, [Event::Ended(Ended::Unreachable)]);
    assert_eq!(pair.left.counters().packets_sent, 9);
}

#[test]
fn a_peer_that_falls_silent_is_given_up() {
    for has_data in [true, false] {
        let mut pair = Pair::established(Config::default(), perfect(), 1);
        pair.conditions.lost = 100;
        if has_data {
            pair.left.send(reliable(0), b"anybody?").unwrap();
        }
        pair.pass(600 * SECOND);
        assert_eq!(pair.left_events, [Event::Ended(Ended::Unreachable)]);
        assert!(pair.now_us - START_US > 60 * SECOND);
        assert_eq!(pair.left.send(reliable(0), b"late"), Err(Unsendable::Ended));
        assert_eq!(pair.left.next_timeout(), None);
    }
}

#[test]
fn an_idle_association_lives_on_by_heartbeats() {
    let mut pair = Pair::established(Config::default(), perfect(), 1);
    let sent = pair.left.counters().packets_sent;
    pair.pass(3600 * SECOND);
    assert!(pair.left.is_established() && pair.right.is_established());
    assert!((200..=260).contains(&(pair.left.counters().packets_sent - sent)), "{:?}", pair.left.counters());
}

#[test]
fn an_abort_ends_both_at_once() {
    let mut pair = Pair::established(Config::default(), perfect(), 1);
    pair.left.abort();
    pair.pass(SECOND);
    assert_eq!(pair.left_events, [Event::Ended(Ended::Aborted)]);
    assert_eq!(pair.right_events, [Event::Ended(Ended::AbortedByPeer)]);
}

#[test]
fn a_peer_that_begins_anew_is_not_followed() {
    let mut pair = Pair::established(Config::default(), perfect(), 1);
    let mut stranger = Pair::new(Config::default(), perfect(), 1);
    stranger.left = antiphon_media::sctp::Association::new(Config::default(), crate::link::secrets(3));
    stranger.left.connect();
    let init = stranger.left.poll_transmit(START_US).unwrap();
    pair.right.handle(pair.now_us, &init);
    assert_eq!(pair.right.poll_transmit(pair.now_us), None);
    assert_eq!(pair.right.counters().unexpected_chunks, 1);
    // Its own INIT, come twice, is answered.
    let mut again = Pair::new(Config::default(), perfect(), 1);
    again.left.connect();
    let init = again.left.poll_transmit(START_US).unwrap();
    pair.right.handle(pair.now_us, &init);
    assert!(pair.right.poll_transmit(pair.now_us).is_some());
    pair.left.send(reliable(0), b"on").unwrap();
    pair.pass(SECOND);
    assert_eq!(Pair::messages(&pair.right_events), [b"on"]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_handshake_comes_about_over_a_bad_network(conditions in conditions(), seed: u64, both: bool) {
        let mut pair = Pair::new(Config::default(), conditions, seed);
        pair.left.connect();
        if both {
            pair.right.connect();
        }
        prop_assert!(pair.run_for(60 * SECOND, |pair| pair.left.is_established() && pair.right.is_established()));
        pair.left.send(reliable(1), b"hello").unwrap();
        pair.right.send(reliable(2), b"well met").unwrap();
        pair.pass(60 * SECOND);
        prop_assert_eq!(Pair::messages(&pair.right_events), [b"hello"]);
        prop_assert_eq!(Pair::messages(&pair.left_events), [b"well met"]);
    }

    #[test]
    fn an_end_in_order_loses_nothing(conditions in conditions(), seed: u64, count in 0..60_usize) {
        let mut pair = Pair::established(Config::default(), conditions, seed);
        for number in 0..count {
            pair.left.send(reliable(0), &[number as u8; 300]).unwrap();
        }
        // The right side's association does not say this itself, and takes what answers it for a stray.
        let state = pair.left.state(pair.now_us).unwrap();
        let say = |pair: &mut Pair, kind: u8, body: &[u8]| {
            let mut writer = Writer::new(Address { source_port: 5000, destination_port: 5000, tag: state.local_tag }, 1000);
            assert!(writer.chunk(kind, 0, |chunk| chunk.extend(body)));
            pair.left.handle(pair.now_us, &writer.finish());
        };
        say(&mut pair, kind::SHUTDOWN, &state.acknowledged_tsn.to_be_bytes());
        prop_assert_eq!(pair.left.send(reliable(0), b"late"), Err(Unsendable::Ended));
        prop_assert!(pair.run_for(200 * SECOND, |pair| pair.right.counters().unexpected_chunks > 0));
        prop_assert_eq!(Pair::messages(&pair.right_events).len(), count);
        prop_assert_eq!(pair.left.backlog(), 0);
        say(&mut pair, kind::SHUTDOWN_COMPLETE, &[]);
        pair.exchange();
        prop_assert_eq!(&pair.left_events, &[Event::Ended(Ended::ShutDown)]);
    }
}
