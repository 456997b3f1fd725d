//! Messages over a bad network: each arrives once, whole, and in its stream's order.

use antiphon_media::sctp::{Config, Event, Message, OVERHEAD, Outlet, Reliability, Unsendable};
use proptest::prelude::*;

use crate::link::{BINARY, Conditions, Pair, SECOND, conditions, reliable};

#[derive(Clone, Debug)]
struct Said {
    stream: u16,
    is_unordered: bool,
    length: usize,
    /// Microseconds until the next.
    pause_us: u64,
    from_left: bool,
}

fn talk() -> impl Strategy<Value = Vec<Said>> {
    let length = prop_oneof![5 => 4..200_usize, 2 => 900..1300_usize, 1 => 1300..40_000_usize];
    let pause_us = prop_oneof![3 => Just(0_u64), 1 => 0..300_000_u64];
    let said = (0..4_u16, any::<bool>(), length, pause_us, any::<bool>()).prop_map(
        |(stream, is_unordered, length, pause_us, from_left)| Said {
            stream,
            is_unordered,
            length,
            pause_us,
            from_left,
        },
    );
    prop::collection::vec(said, 1..60)
}

/// Its number, and bytes that tell where they belong.
fn payload(number: usize, length: usize) -> Vec<u8> {
    let mut payload = (number as u32).to_be_bytes().to_vec();
    payload.extend((4..length).map(|at| (at * 31 + number * 7) as u8));
    payload
}

fn number(payload: &[u8]) -> usize {
    u32::from_be_bytes(payload[..4].try_into().unwrap()) as usize
}

fn heard<'a>(events: &'a [Event]) -> Vec<&'a Message> {
    let message = |event: &'a Event| match event {
        Event::Message(message) => Some(message),
        _ => None,
    };
    events.iter().filter_map(message).collect()
}

fn assert_all_arrived(talk: &[Said], from_left: bool, events: &[Event]) {
    let heard = heard(events);
    let mut numbers: Vec<usize> = heard.iter().map(|message| number(&message.payload)).collect();
    for message in &heard {
        let number = number(&message.payload);
        assert_eq!(message.payload, payload(number, talk[number].length));
        assert_eq!((message.stream, message.protocol), (talk[number].stream, BINARY));
    }
    for stream in 0..4 {
        let ordered: Vec<usize> =
            numbers.iter().copied().filter(|at| talk[*at].stream == stream && !talk[*at].is_unordered).collect();
        assert!(ordered.is_sorted(), "stream {stream}: {ordered:?}");
    }
    numbers.sort_unstable();
    let expected: Vec<usize> = (0..talk.len()).filter(|at| talk[*at].from_left == from_left).collect();
    assert_eq!(numbers, expected);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn every_message_arrives_once_and_whole_and_in_order(talk in talk(), conditions in conditions(), seed: u64) {
        let config = Config { receive_window: 30_000, ..Config::default() };
        let mut pair = Pair::established(config, conditions, seed);
        for (number, said) in talk.iter().enumerate() {
            let outlet = Outlet { is_unordered: said.is_unordered, ..reliable(said.stream) };
            let end = if said.from_left { &mut pair.left } else { &mut pair.right };
            prop_assert_eq!(end.send(outlet, &payload(number, said.length)), Ok(()));
            pair.pass(said.pause_us);
        }
        let is_over = |pair: &Pair| pair.left.backlog() == 0 && pair.right.backlog() == 0;
        prop_assert!(pair.run_for(600 * SECOND, is_over), "{:?} {:?}", pair.left.counters(), pair.right.counters());
        assert_all_arrived(&talk, true, &pair.right_events);
        assert_all_arrived(&talk, false, &pair.left_events);
    }
}

#[test]
fn a_large_message_takes_few_round_trips_on_a_clean_network() {
    let mut pair = Pair::established(Config::default(), Conditions::default(), 1);
    let start_us = pair.now_us;
    pair.left.send(reliable(0), &payload(0, 250_000)).unwrap();
    assert!(pair.run_for(SECOND, |pair| !pair.right_events.is_empty()), "{:?}", pair.left.counters());
    assert_eq!(Pair::messages(&pair.right_events), [payload(0, 250_000)]);
    // The window grows by half with each round trip of 20 ms, as every second packet is acknowledged.
    assert!(pair.now_us - start_us < 240_000, "{}", pair.now_us - start_us);
    pair.pass(SECOND);
    assert_eq!(pair.left.backlog(), 0);
    assert_eq!(pair.left.counters().retransmission_timeouts, 0);
    assert_eq!(pair.right.counters().duplicate_chunks, 0);
}

#[test]
fn one_lost_packet_is_sent_again_long_before_a_timeout() {
    let mut pair = Pair::established(Config::default(), Conditions::default(), 1);
    pair.left.send(reliable(0), &payload(0, 100_000)).unwrap();
    let first = pair.left.poll_transmit(pair.now_us);
    assert!(first.is_some());
    let start_us = pair.now_us;
    assert!(pair.run_for(SECOND, |pair| !pair.right_events.is_empty()));
    assert!(pair.now_us - start_us < 300_000, "{}", pair.now_us - start_us);
    assert_eq!(pair.left.counters().retransmission_timeouts, 0);
}

#[test]
fn one_packet_goes_when_the_timer_runs_out_until_something_is_heard() {
    let mut pair = Pair::established(Config::default(), Conditions::default(), 1);
    for number in 0..30 {
        pair.left.send(reliable(0), &payload(number, 700)).unwrap();
    }
    let mut sent = Vec::new();
    for _ in 0..4 {
        sent.push(std::iter::from_fn(|| pair.left.poll_transmit(pair.now_us)).count());
        pair.now_us = pair.left.next_timeout().unwrap();
    }
    // 700 bytes leave room in the window for a second one, and in the packet not.
    assert_eq!(sent, [7, 1, 1, 1]);
    pair.run_for(60 * SECOND, |pair| pair.left.backlog() == 0);
    assert_eq!(Pair::messages(&pair.right_events).len(), 30);
}

#[test]
fn a_closed_window_is_probed_and_opens_again() {
    let config = Config { receive_window: 20_000, ..Config::default() };
    let mut pair = Pair::established(config, Conditions::default(), 1);
    for number in 0..300 {
        pair.left.send(reliable(0), &payload(number, 500)).unwrap();
    }
    // Nobody takes the right side's messages: not those that the window has room for, nor any after.
    for _ in 0..400 {
        while let Some(packet) = pair.left.poll_transmit(pair.now_us) {
            pair.right.handle(pair.now_us, &packet);
        }
        while let Some(packet) = pair.right.poll_transmit(pair.now_us) {
            pair.left.handle(pair.now_us, &packet);
        }
        pair.now_us += SECOND / 2;
    }
    assert!(pair.left.is_established());
    let waiting = 300 - pair.left.backlog() / (500 + OVERHEAD);
    // And of probes one more than fits.
    let fits = |bytes: usize| bytes / (500 + OVERHEAD);
    assert!((fits(20_000)..=1 + fits(Config::most_received(20_000))).contains(&waiting), "{waiting}");
    // Nothing but probes goes to where there is no room, and they become rare.
    assert!((5..60).contains(&pair.right.counters().dropped_chunks), "{:?}", pair.right.counters());
    pair.run_for(60 * SECOND, |pair| pair.left.backlog() == 0);
    assert_eq!(Pair::messages(&pair.right_events).len(), 300);
}

#[test]
fn what_has_no_room_is_refused_before_memory_is_spent() {
    let config = Config { largest_backlog: 10_000, ..Config::default() };
    let mut pair = Pair::established(config, Conditions::default(), 1);
    assert_eq!(pair.left.send(reliable(0), &[]), Err(Unsendable::Empty));
    assert_eq!(pair.left.send(reliable(0), &vec![0; 10_000]), Err(Unsendable::NoRoom));
    let mut taken = 0;
    while pair.left.send(reliable(0), b"tiny").is_ok() {
        taken += 1;
    }
    assert_eq!(taken, 10_000 / (4 + OVERHEAD));
    assert!(pair.left.backlog() <= 10_000);
    pair.pass(10 * SECOND);
    assert_eq!(pair.left.backlog(), 0);
    assert_eq!(Pair::messages(&pair.right_events).len(), taken);
}

#[test]
fn a_message_that_is_too_long_is_left_out_and_the_next_arrives() {
    let config = Config { largest_message: 5_000, ..Config::default() };
    let mut pair = Pair::established(config, Conditions::default(), 1);
    pair.left.send(reliable(0), &payload(0, 5_001)).unwrap();
    pair.left.send(reliable(0), &payload(1, 5_000)).unwrap();
    pair.pass(10 * SECOND);
    assert_eq!(Pair::messages(&pair.right_events), [payload(1, 5_000)]);
    assert_eq!(pair.right.counters().lost_messages, 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn given_up_messages_hold_up_nothing_and_the_others_arrive(
        conditions in conditions(),
        seed: u64,
        limits in prop::collection::vec((0..4_u8, 1..3_000_usize, 0..100_000_u64, any::<bool>()), 1..60),
    ) {
        let mut pair = Pair::established(Config::default(), conditions, seed);
        for (number, (limit, length, pause_us, is_unordered)) in limits.iter().enumerate() {
            let reliability = match limit {
                0 => Reliability::Retransmissions(0),
                1 => Reliability::Retransmissions(2),
                2 => Reliability::Until(pair.now_us + 100_000),
                _ => Reliability::Reliable,
            };
            let outlet = Outlet { stream: number as u16 % 3, protocol: BINARY, is_unordered: *is_unordered, reliability };
            pair.left.send(outlet, &payload(number, length + 4)).unwrap();
            pair.pass(*pause_us);
        }
        prop_assert!(pair.run_for(600 * SECOND, |pair| pair.left.backlog() == 0), "{:?}", pair.left);
        let heard = heard(&pair.right_events);
        let mut numbers: Vec<usize> = heard.iter().map(|message| number(&message.payload)).collect();
        for message in &heard {
            let number = number(&message.payload);
            prop_assert_eq!(&message.payload, &payload(number, limits[number].1 + 4));
        }
        for stream in 0..3 {
            let of_stream = |at: &&usize| **at % 3 == stream && !limits[**at].3;
            prop_assert!(numbers.iter().filter(of_stream).is_sorted());
        }
        numbers.sort_unstable();
        prop_assert!(numbers.is_sorted_by(|left, right| left < right), "twice: {:?}", numbers);
        for (number, (limit, ..)) in limits.iter().enumerate() {
            prop_assert!(*limit != 3 || numbers.contains(&number), "{} of {:?}", number, numbers);
        }
    }
}
