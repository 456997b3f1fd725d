//! What is heard in place of what did not come.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use antiphon_media::uplink::Mode;

use crate::call::{
    Call, MADE_UP, MS, Marking, OPUS, PLAIN, RED, Said, TICKS, frames, plain, redundant, said, sent_us, settings,
    steady, with_fec,
};

#[test]
fn the_packet_behind_a_gap_gives_back_what_it_repeats() {
    for (missing, last, heard) in [
        (1, with_fec(3), vec![(-2, 20), (3, 20)]),
        (3, with_fec(5), vec![(MADE_UP, 40), (-4, 20), (5, 20)]),
        (1, plain(3), vec![(MADE_UP, 20), (3, 20)]),
        // 10 ms are lost, and 20 repeated: that is another loss.
        (
            1,
            Said { timestamp: plain(2).timestamp.wrapping_add(TICKS / 2), ..with_fec(3) },
            vec![(MADE_UP, 10), (3, 20)],
        ),
        // Opus conceals in steps of 2.5 ms.
        (1, Said { timestamp: plain(3).timestamp.wrapping_add(TICKS / 16), ..plain(3) }, vec![(MADE_UP, 20), (3, 20)]),
        // The sender's clock stood still, or went back: nothing is lost in time.
        (1, Said { timestamp: plain(2).timestamp, ..plain(3) }, vec![(3, 20)]),
        (1, Said { timestamp: plain(1).timestamp, ..with_fec(3) }, vec![(3, 20)]),
    ] {
        let mut call = Call::new(Mode::Speed);
        call.receive(&plain(1), 0);
        assert_eq!(call.carry(&[(100 * MS, last)], 1_000 * MS), heard);
        let statistics = call.statistics();
        assert_eq!(statistics.given_up, missing);
        assert_eq!(statistics.sound_ms, 40 + statistics.concealed_ms + statistics.fec_ms);
    }
}

#[test]
fn what_red_repeats_is_heard_without_a_wait() {
    let mut call = Call::new(Mode::Speed);
    call.receive(&plain(1), 0);
    assert_eq!(call.receive(&redundant(3, 1), 40 * MS), frames([2, 3]));
    assert_eq!(call.due_us, None);
    // The straggler itself is not heard twice.
    assert_eq!(call.receive(&plain(2), 41 * MS), []);
    let statistics = call.statistics();
    assert_eq!((statistics.red_ms, statistics.concealed_ms, statistics.late), (20, 0, 1));
}

#[test]
fn what_red_repeats_is_not_asked_for() {
    let mut call = Call::asking(Mode::Accuracy, 10 * MS);
    call.carry(&[(0, plain(1)), (0, redundant(3, 1))], 1_000 * MS);
    assert!(call.asked.is_empty());
}

#[test]
fn where_no_packet_is_missing_time_that_passed_is_a_pause_whatever_is_repeated() {
    for said in [with_fec(4), redundant(4, 1)] {
        let mut call = Call::new(Mode::Speed);
        call.receive(&plain(1), 0);
        let heard = call.receive(&Said { sequence: plain(2).sequence, ..said }, 60 * MS);
        assert_eq!(heard, [(MADE_UP, 40), (4, 20)]);
        assert_eq!((call.statistics().pause_ms, call.statistics().recovered_ms()), (40, 0));
    }
}

#[test]
fn red_that_repeats_what_was_heard_adds_nothing() {
    let mut call = Call::new(Mode::Speed);
    call.receive(&plain(1), 0);
    for number in 2..50 {
        assert_eq!(call.receive(&redundant(number, 1), sent_us(number)), frames([number]));
    }
    assert_eq!(call.statistics().red_ms, 0);
}

#[test]
fn a_gap_of_which_red_repeats_a_part_waits_for_the_rest() {
    let mut call = Call::new(Mode::Speed);
    call.receive(&plain(1), 0);
    assert_eq!(call.receive(&redundant(4, 1), 0), []);
    assert_eq!(call.poll(40 * MS), [(MADE_UP, 20), (3, 20), (4, 20)]);
    // The one two before is repeated, the one before is not.
    assert_eq!(call.receive(&redundant(7, 2), 50 * MS), []);
    assert_eq!(call.poll(110 * MS), [(5, 20), (MADE_UP, 20), (7, 20)]);
}

#[test]
fn what_red_repeats_may_itself_repeat_the_one_before() {
    let (two, three) = (with_fec(3), plain(4));
    let mut payload = Vec::new();
    let header = [0x80 | OPUS, (TICKS >> 6) as u8, (TICKS << 2) as u8, two.payload.len() as u8, OPUS];
    payload.extend(header.iter().chain(&two.payload).chain(&three.payload));
    let mut call = Call::new(Mode::Speed);
    call.receive(&plain(1), 0);
    let heard = call.carry(&[(60 * MS, Said { payload_type: RED, payload, ..three })], 1_000 * MS);
    assert_eq!(heard, [(-2, 20), (3, 20), (4, 20)]);
}

#[test]
fn red_that_is_broken_or_holds_something_else_is_counted_and_concealed() {
    let broken = Said { payload_type: RED, payload: vec![0x80 | OPUS, 0, 0, 9, OPUS], ..plain(2) };
    let foreign = Said { payload_type: RED, payload: vec![101, 1, 2, 3], ..plain(4) };
    let mut call = Call::new(Mode::Speed);
    let arrivals = [plain(1), broken, plain(3), foreign, plain(5)].map(|said| (0, said));
    assert_eq!(call.carry(&arrivals, 0), [(1, 20), (MADE_UP, 20), (3, 20), (MADE_UP, 20), (5, 20)]);
    assert_eq!((call.statistics().undecodable, call.statistics().foreign), (1, 1));
    assert_eq!(call.statistics().concealed_ms, 20);
}

#[test]
fn a_packet_that_is_no_opus_leaves_its_length_of_silence() {
    for bad in [&[0x4B, 0xFF, 0xFF][..], &[0x48, 0, b'b', b'a', b'd'], &[0x48, 0x40, b'b', b'a', b'd']] {
        let mut call = Call::new(Mode::Speed);
        let mut arrivals = steady(1..=5);
        arrivals[2].1.payload = bad.to_vec();
        let heard = call.carry(&arrivals, 1_000 * MS);
        assert_eq!(heard, [(1, 20), (2, 20), (MADE_UP, 20), (4, 20), (5, 20)]);
        assert_eq!((call.statistics().undecodable, call.statistics().concealed_ms), (1, 20));
    }
}

#[test]
fn an_empty_packet_is_no_sound_and_no_fault() {
    let mut call = Call::new(Mode::Speed);
    call.receive(&plain(1), 0);
    assert_eq!(call.receive(&Said { payload: Vec::new(), ..plain(2) }, 0), []);
    assert_eq!((call.statistics().undecodable, call.statistics().sound_ms), (0, 20));
}

#[test]
fn whoever_was_away_longer_than_a_second_comes_back_to_a_cut() {
    for (last, heard) in
        [(plain(501), vec![(MADE_UP, 1000), (501, 20)]), (with_fec(501), vec![(MADE_UP, 980), (-500, 20), (501, 20)])]
    {
        let mut call = Call::new(Mode::Speed);
        call.receive(&plain(1), 0);
        assert_eq!(call.receive(&last, 10_000 * MS), heard);
    }
}

#[test]
fn a_leap_that_took_no_time_is_a_cut_and_what_follows_is_heard() {
    let (far, near) = (480_000, 24_000);
    for (leap, filled_ms) in [(far, 0), (near + 2 * TICKS, 0), (near, 500)] {
        let mut call = Call::new(Mode::Speed);
        let leaping = |number| Said { timestamp: plain(number).timestamp.wrapping_add(leap), ..plain(number) };
        call.receive(&plain(1), 0);
        let mut heard = frames([2, 3]);
        if filled_ms > 0 {
            heard.insert(0, (MADE_UP, filled_ms));
        }
        assert_eq!(call.carry(&[(0, leaping(2)), (FRAME, leaping(3))], 1_000 * MS), heard);
    }
}

const FRAME: u64 = 20 * MS;

#[test]
fn another_stream_starts_with_a_decoder_that_knows_nothing() {
    let decoder = Marking::default();
    let resets = Arc::clone(&decoder.resets);
    let mut call = Call::of(decoder, settings(Mode::Speed, false));
    call.receive(&plain(1), 0);
    assert_eq!(resets.load(Ordering::Relaxed), 0);
    // Far from where the other stream was, and right away: there is nothing to fill.
    assert_eq!(call.receive(&Said { ssrc: 8, ..said(900, &PLAIN) }, FRAME), frames([900]));
    assert_eq!(resets.load(Ordering::Relaxed), 1);
    assert_eq!(call.statistics().concealed_ms, 0);
}
