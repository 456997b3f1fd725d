//! How long a gap waits: what the path teaches, what is asked for, and that the bound holds.

use antiphon_media::uplink::{Link, Mode, Wait};

use crate::call::{Call, FRAME_US, MADE_UP, MS, Said, frames, plain, sent_us};

#[test]
fn before_anything_is_known_a_gap_waits_40_ms_or_110() {
    for (mode, wait_us) in [(Mode::Speed, 40 * MS), (Mode::Accuracy, 110 * MS)] {
        let mut call = Call::new(mode);
        call.receive(&plain(1), 0);
        call.receive(&plain(3), 0);
        assert_eq!(call.due_us, Some(wait_us));
    }
}

#[test]
fn where_gaps_are_never_filled_they_wait_ever_less() {
    for (mode, least_us) in [(Mode::Speed, 10 * MS), (Mode::Accuracy, 60 * MS)] {
        let mut wait = Wait::new(mode, false);
        let waits: Vec<u64> = (0..40)
            .map(|_| {
                wait.was_in_vain();
                wait.now_us()
            })
            .collect();
        assert!(waits.is_sorted_by(|one, other| one >= other), "{waits:?}");
        assert_eq!(waits.last(), Some(&least_us));
        assert!(waits[7] < 2 * least_us, "{waits:?}");
    }
}

#[test]
fn a_gap_given_up_is_one_lesson_however_many_wait_behind_it() {
    let mut call = Call::new(Mode::Speed);
    let arrivals: Vec<_> = [1, 3, 4, 5, 6, 7].map(|number| (0, plain(number))).into();
    call.carry(&arrivals, 1_000 * MS);
    assert_eq!((call.statistics().given_up, call.statistics().wait_ms), (1, 35));
}

#[test]
fn what_another_stream_lacked_is_forgotten() {
    let mut call = Call::asking(Mode::Speed, 20 * MS);
    let other = |sequence: u16, number| Said { ssrc: 8, sequence, ..plain(number) };
    call.carry(&[(0, plain(1)), (0, plain(3))], 0);
    call.carry(&[(MS, other(5, 1)), (MS, other(7, 3))], MS);
    assert_eq!(call.asked, [(0, plain(2).sequence), (MS, 6)]);

    let mut call = Call::asking(Mode::Speed, 20 * MS);
    let other = |number| Said { ssrc: 8, ..plain(number) };
    call.carry(&[(0, plain(1)), (0, plain(3))], 0);
    call.uplink.set_link(Link::default());
    call.carry(&[(MS, other(1)), (MS, other(3)), (2 * MS, other(2))], 2 * MS);
    assert_eq!((call.statistics().retransmitted_ms, call.statistics().reordered), (0, 1));
}

#[test]
fn a_straggler_teaches_to_wait_for_its_like_but_not_beyond_the_bound() {
    for (mode, after_ms, wait_ms) in [
        (Mode::Speed, 20, 40),
        (Mode::Speed, 40, 55),
        (Mode::Speed, 60, 60),
        (Mode::Speed, 61, 40),
        (Mode::Accuracy, 100, 170),
        (Mode::Accuracy, 199, 200),
        (Mode::Accuracy, 500, 110),
    ] {
        let mut wait = Wait::new(mode, false);
        wait.straggled(after_ms * MS);
        assert_eq!(wait.now_us(), wait_ms * MS, "{mode:?} {after_ms}");
    }
}

#[test]
fn a_straggler_that_was_too_late_is_in_time_the_next_time() {
    let mut call = Call::new(Mode::Speed);
    for (number, heard) in [(1, vec![(MADE_UP, 20), (3, 20)]), (4, frames([5, 6]))] {
        let begin_us = sent_us(number);
        call.receive(&plain(number), begin_us);
        let mut later = call.receive(&plain(number + 2), begin_us);
        let due_us = call.due_us.unwrap();
        if due_us <= begin_us + 50 * MS {
            later.extend(call.poll(due_us));
        }
        later.extend(call.receive(&plain(number + 1), begin_us + 50 * MS));
        assert_eq!(later, heard);
    }
    assert_eq!((call.statistics().late, call.statistics().reordered), (1, 1));
}

#[test]
fn an_answer_is_waited_for_if_it_can_come_in_time() {
    for (mode, rtt_ms, jitter_ms, wait_ms) in [
        (Mode::Speed, 20, 0, 40),
        (Mode::Speed, 40, 0, 50),
        (Mode::Speed, 40, 3, 56),
        (Mode::Speed, 50, 30, 60),
        (Mode::Speed, 51, 0, 40),
        (Mode::Accuracy, 60, 0, 160),
        (Mode::Accuracy, 100, 0, 200),
        (Mode::Accuracy, 190, 0, 200),
        (Mode::Accuracy, 191, 0, 110),
    ] {
        let link = Link { rtt_us: Some(rtt_ms * MS), jitter_us: jitter_ms * MS };
        let mut wait = Wait::new(mode, true);
        wait.set_link(link);
        assert_eq!(wait.now_us(), wait_ms * MS, "{mode:?} {rtt_ms}");
        let mut unasked = Wait::new(mode, false);
        unasked.set_link(link);
        assert_eq!(unasked.now_us(), Wait::new(mode, false).now_us());
    }
}

#[test]
fn what_is_missing_is_asked_for_at_once_and_its_answer_is_heard_in_order() {
    let mut call = Call::asking(Mode::Speed, 40 * MS);
    call.receive(&plain(1), 0);
    call.receive(&plain(3), 40 * MS);
    assert_eq!(call.asked, [(40 * MS, plain(2).sequence)]);
    assert_eq!(call.carry(&[(82 * MS, plain(2))], 90 * MS), frames([2, 3]));
    let statistics = call.statistics();
    assert_eq!((statistics.retransmitted_ms, statistics.recovered_ms(), statistics.reordered), (20, 20, 0));
    assert_eq!(call.asked.len(), 1);
}

#[test]
fn what_came_by_itself_before_an_answer_could_was_not_sent_again() {
    let mut call = Call::asking(Mode::Speed, 40 * MS);
    call.receive(&plain(1), 0);
    call.receive(&plain(3), 40 * MS);
    assert_eq!(call.receive(&plain(2), 50 * MS), frames([2, 3]));
    assert_eq!((call.statistics().retransmitted_ms, call.statistics().reordered), (0, 1));
}

#[test]
fn accuracy_asks_again_and_speed_does_not_ask_in_vain() {
    for (mode, rtt_ms, asked_ms) in [
        (Mode::Speed, 40, vec![0]),
        (Mode::Speed, 100, vec![]),
        (Mode::Accuracy, 40, vec![0, 60]),
        (Mode::Accuracy, 100, vec![0]),
        (Mode::Accuracy, 250, vec![]),
    ] {
        let mut call = Call::asking(mode, rtt_ms * MS);
        call.receive(&plain(1), 0);
        call.carry(&[(0, plain(3))], 1_000 * MS);
        let times: Vec<u64> = call.asked.iter().map(|(at_us, _)| at_us / MS).collect();
        assert_eq!(times, asked_ms, "{mode:?} {rtt_ms}");
        assert_eq!(call.due_us, None);
    }
}

#[test]
fn an_answer_to_the_first_of_two_askings_is_one_and_an_answer_that_comes_too_late_is_none() {
    for (mode, answered_ms, recovered_ms, late) in [(Mode::Accuracy, 65, 20, 0), (Mode::Speed, 55, 0, 1)] {
        let mut call = Call::asking(mode, 40 * MS);
        call.carry(&[(0, plain(1)), (0, plain(3)), (answered_ms * MS, plain(2))], 1_000 * MS);
        let statistics = call.statistics();
        assert_eq!((statistics.retransmitted_ms, statistics.late, statistics.reordered), (recovered_ms, late, 0));
    }
}

#[test]
fn nothing_is_asked_for_where_it_was_not_negotiated_or_nothing_is_measured() {
    for (mut call, link) in [
        (Call::new(Mode::Accuracy), Link { rtt_us: Some(10 * MS), jitter_us: 0 }),
        (Call::asking(Mode::Accuracy, 10 * MS), Link::default()),
    ] {
        call.uplink.set_link(link);
        call.carry(&[(0, plain(1)), (0, plain(3)), (FRAME_US, plain(5))], 1_000 * MS);
        assert!(call.asked.is_empty());
    }
}

#[test]
fn what_accuracy_waits_for_speed_has_given_up() {
    let arrivals = [(0, plain(1)), (0, plain(3)), (90 * MS, plain(2))];
    assert_eq!(Call::new(Mode::Accuracy).carry(&arrivals, 1_000 * MS), frames([1, 2, 3]));
    assert_eq!(Call::new(Mode::Speed).carry(&arrivals, 1_000 * MS), [(1, 20), (MADE_UP, 20), (3, 20)]);
}
