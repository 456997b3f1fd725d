//! What is in order passes at once, and what is not is put in order.

use antiphon_media::uplink::Mode;
use antiphon_media::uplink::order::{MOST_HELD, MOST_HELD_BYTES, Order, Spoken, Turn};

use crate::call::{Call, MADE_UP, MS, PLAIN, Said, frames, plain, said, sent_us, steady};

#[test]
fn what_is_in_order_is_heard_in_the_call_that_brings_it_also_over_the_wraps() {
    let mut call = Call::new(Mode::Speed);
    for number in 1..200 {
        assert_eq!(call.receive(&plain(number), sent_us(number)), frames([number]));
        assert_eq!(call.due_us, None);
    }
}

#[test]
fn packets_that_changed_places_are_put_right() {
    let mut call = Call::new(Mode::Speed);
    call.receive(&plain(1), 0);
    assert_eq!(call.receive(&plain(3), 20 * MS), []);
    assert_eq!(call.receive(&plain(2), 30 * MS), frames([2, 3]));
    assert_eq!((call.statistics().reordered, call.statistics().late), (1, 0));
}

#[test]
fn a_straggler_behind_the_wait_is_late_and_a_copy_is_not() {
    let mut call = Call::new(Mode::Speed);
    call.receive(&plain(1), 0);
    call.receive(&plain(3), 20 * MS);
    assert_eq!(call.receive(&plain(3), 21 * MS), []);
    assert_eq!(call.poll(60 * MS - 1), []);
    assert_eq!(call.poll(60 * MS), [(MADE_UP, 20), (3, 20)]);
    for copy in [1, 2, 2, 3] {
        assert_eq!(call.receive(&plain(copy), 70 * MS), []);
    }
    let statistics = call.statistics();
    assert_eq!((statistics.given_up, statistics.late, statistics.twice), (1, 1, 4));
}

#[test]
fn a_gap_longer_than_the_wait_could_fill_is_given_up_at_once() {
    for (mode, missing, waits) in [
        (Mode::Speed, 10, true),
        (Mode::Speed, 11, false),
        (Mode::Accuracy, 16, true),
        (Mode::Accuracy, 17, false),
        (Mode::Accuracy, 40, false),
    ] {
        let mut call = Call::new(mode);
        call.receive(&plain(1), 0);
        let heard = call.receive(&plain(2 + missing), 1_000 * MS);
        assert_eq!(heard.is_empty(), waits, "{mode:?} {missing}");
        assert_eq!(call.due_us.is_some(), waits);
    }
}

#[test]
fn an_outage_behind_a_gap_is_given_up_when_the_gap_is() {
    let mut call = Call::new(Mode::Speed);
    call.receive(&plain(1), 0);
    call.receive(&plain(3), 0);
    assert_eq!(call.receive(&plain(20), 20 * MS), []);
    assert_eq!(call.receive(&plain(2), 30 * MS), [(2, 20), (3, 20), (MADE_UP, 320), (20, 20)]);
}

#[test]
fn each_gap_has_its_own_wait() {
    let mut call = Call::new(Mode::Speed);
    call.receive(&plain(1), 0);
    call.receive(&plain(3), 0);
    call.receive(&plain(5), 30 * MS);
    assert_eq!(call.due_us, Some(40 * MS));
    assert_eq!(call.poll(40 * MS), [(MADE_UP, 20), (3, 20)]);
    assert!(call.due_us > Some(50 * MS));
    assert_eq!(call.receive(&plain(4), 50 * MS), frames([4, 5]));
}

#[test]
fn the_oldest_of_the_held_sets_the_wait_even_behind_two_gaps() {
    let mut call = Call::new(Mode::Speed);
    call.receive(&plain(1), 0);
    call.receive(&plain(5), 0);
    call.receive(&plain(3), 35 * MS);
    let due_us = call.due_us.unwrap();
    assert!((40 * MS..=60 * MS).contains(&due_us));
    assert_eq!(call.poll(due_us), [(MADE_UP, 20), (3, 20), (MADE_UP, 20), (5, 20)]);
}

#[test]
fn another_ssrc_is_another_stream_and_the_old_ones_stragglers_are_late_for_a_second() {
    let other = |number| Said { ssrc: 8, ..plain(number) };
    let mut call = Call::new(Mode::Speed);
    call.receive(&plain(1), 0);
    call.receive(&plain(3), 20 * MS);
    assert_eq!(call.receive(&other(500), 30 * MS), [(MADE_UP, 20), (3, 20), (500, 20)]);
    assert_eq!(call.receive(&plain(4), 40 * MS), []);
    assert_eq!(call.statistics().late, 1);
    assert_eq!(call.receive(&other(501), 50 * MS), frames([501]));
    assert_eq!(call.receive(&plain(5), 2_000 * MS), frames([5]));
    assert_eq!(call.receive(&plain(6), 2_020 * MS), frames([6]));
}

#[test]
fn a_flood_behind_a_gap_is_bounded() {
    let mut order = Order::default();
    order.begin(1);
    let payload = [0; 1500];
    let (mut most, mut bytes) = (0, 0);
    for place in (1..2_000).filter(|place| place % 16 != 2) {
        let turn = order.push(place, Spoken { payload_type: 0, timestamp: 0, payload: &payload }, 0);
        assert!(matches!(turn, Turn::Now { .. } | Turn::Held { .. }), "{turn:?}");
        bytes += if matches!(turn, Turn::Held { .. }) { payload.len() } else { 0 };
        let mut held = 0;
        while order.is_full() {
            let packet = order.take().unwrap();
            bytes -= packet.spoken().payload.len();
            order.reuse(packet);
            held += 1;
        }
        assert!(bytes <= MOST_HELD_BYTES);
        most = most.max(held);
    }
    assert_eq!(most, 1);
    assert!(MOST_HELD_BYTES / payload.len() < MOST_HELD);

    let mut call = Call::new(Mode::Speed);
    call.receive(&plain(1), 0);
    let flood: Vec<_> = (3..500).map(|number| (1, plain(number))).collect();
    call.carry(&flood, 2);
    assert!(call.statistics().given_up == 1 && call.statistics().wait_ms == 40);
}

#[test]
fn what_another_stream_gave_up_is_forgotten() {
    let mut order = Order::default();
    let spoken = Spoken { payload_type: 0, timestamp: 0, payload: &[] };
    for (begin, after_us) in [(10, Some(50 * MS)), (20, None)] {
        order.begin(begin);
        if begin == 10 {
            order.push(12, spoken, 0);
            assert!(order.take().is_some());
        }
        assert_eq!(order.push(11, spoken, 50 * MS), Turn::Late { after_us });
        order.begin(10);
        order.push(12, spoken, 0);
        assert!(order.take().is_some());
    }
}

#[test]
fn places_at_the_end_of_the_circle_of_64_bits_do_not_panic() {
    let mut order = Order::default();
    let spoken = Spoken { payload_type: 0, timestamp: 0, payload: &[] };
    order.begin(u64::MAX - 1);
    for place in [u64::MAX - 1, u64::MAX, u64::MAX, 0, u64::MAX - 200] {
        order.push(place, spoken, 0);
    }
    order.begin(0);
    assert!(matches!(order.push(u64::MAX, spoken, 0), Turn::Held { .. }));
    assert!(order.take().is_some());
}

#[test]
fn a_burst_after_a_stall_is_heard_at_once_and_adds_nothing() {
    let mut call = Call::new(Mode::Speed);
    let arrivals: Vec<_> = steady(1..=50)
        .into_iter()
        .map(|(_, said)| (if said.sequence == 65_531 { 0 } else { 500 * MS }, said))
        .collect();
    assert_eq!(call.carry(&arrivals, 2_000 * MS), frames(1..=50));
}

#[test]
fn payload_types_that_are_not_heard_take_their_place_and_nothing_else() {
    let mut call = Call::new(Mode::Speed);
    let tones = Said { payload_type: 101, ..said(2, &PLAIN) };
    call.receive(&plain(1), 0);
    assert_eq!(call.receive(&tones, 20 * MS), []);
    assert_eq!(call.receive(&plain(3), 40 * MS), [(MADE_UP, 20), (3, 20)]);
    assert_eq!(call.statistics().foreign, 1);
}
