//! The silence of a sender that says nothing on purpose.

use antiphon_media::codec::Coding;
use antiphon_media::g711::{G711Decoder, Law};
use antiphon_media::uplink::{Formats, Mode, Settings};

use crate::call::{Call, FRAME_US, MADE_UP, MS, PAUSE, Said, frames, plain, redundant, said, sent_us};

/// The packet that says that a pause begins: two bytes at most hold no sound, nor a number.
fn pause(number: i16) -> Said {
    Said { payload: PAUSE.to_vec(), ..said(number, &PAUSE) }
}

/// RTP sends nothing for the frames that DTX leaves out, and counts only what it sends (RFC 7587 §3.1.3).
fn after_pause(number: i16, left_out: u16) -> Said {
    let said = plain(number);
    Said { sequence: said.sequence.wrapping_sub(left_out), ..said }
}

#[test]
fn a_pause_is_heard_while_it_lasts_and_is_as_long_as_it_was() {
    let mut call = Call::new(Mode::Speed);
    call.carry(&[(sent_us(1), plain(1)), (sent_us(2), pause(2))], sent_us(2));
    let mut silent_ms = 0;
    for step in 1..=10 {
        let now_us = sent_us(2) + step * FRAME_US;
        silent_ms += call.carry(&[], now_us).iter().map(|(_, ms)| ms).sum::<usize>();
        assert_eq!(silent_ms, 20 * (step as usize - 1));
        assert_eq!(call.due_us, Some(now_us + FRAME_US));
        assert!(call.uplink.is_pausing());
    }
    // The eleventh frame after it is spoken again: 200 ms were left out.
    assert_eq!(call.receive(&after_pause(13, 10), sent_us(13)), [(MADE_UP, 20), (13, 20)]);
    assert!(!call.uplink.is_pausing());
    assert_eq!(call.due_us, None);
    let statistics = call.statistics();
    assert_eq!((statistics.pause_ms, statistics.concealed_ms, statistics.sound_ms), (200, 0, 260));
}

#[test]
fn a_pause_is_filled_for_a_second_and_goes_on_with_the_next_packet() {
    let mut call = Call::new(Mode::Speed);
    call.receive(&pause(1), 0);
    call.carry(&[], 5_000 * MS);
    assert_eq!((call.statistics().pause_ms, call.due_us), (1_000, None));
    // Opus sends a sign of life every 400 ms.
    let mut call = Call::new(Mode::Speed);
    let signs: Vec<_> =
        (0..10).map(|sign| (sent_us(20 * sign), Said { sequence: sign.cast_unsigned(), ..pause(20 * sign) })).collect();
    call.carry(&signs, 4_000 * MS);
    assert!((3_900..=4_000).contains(&call.statistics().sound_ms), "{:?}", call.statistics());
}

#[test]
fn what_is_lost_in_a_pause_is_part_of_it() {
    let mut call = Call::new(Mode::Speed);
    call.receive(&pause(1), 0);
    // They come when 80 of the 180 ms before them were heard, and wait for the one that is missing.
    let arrivals = [(100 * MS, after_pause(11, 8)), (120 * MS, after_pause(12, 8))];
    assert_eq!(call.carry(&arrivals, 1_000 * MS), [(MADE_UP, 180), (11, 20), (12, 20)]);
    let statistics = call.statistics();
    assert_eq!((statistics.given_up, statistics.concealed_ms, statistics.pause_ms), (1, 0, 180));
}

#[test]
fn a_pause_is_over_when_something_comes_that_has_to_wait() {
    let mut call = Call::new(Mode::Speed);
    call.receive(&pause(1), 0);
    // A pause of 60 ms, of which 80 were heard: what comes next is late.
    let arrivals = [(100 * MS, after_pause(5, 2)), (120 * MS, after_pause(6, 2))];
    assert_eq!(call.carry(&arrivals, 1_000 * MS), [(MADE_UP, 80), (5, 20), (6, 20)]);
}

#[test]
fn what_was_heard_of_a_pause_is_not_heard_again_beside_what_red_repeats() {
    let mut call = Call::new(Mode::Speed);
    call.receive(&pause(1), 0);
    assert_eq!(call.carry(&[], 60 * MS), [(MADE_UP, 40)]);
    // 60 ms of pause, a packet that is lost and repeated, 40 ms more, and the packet.
    let said = Said { sequence: plain(3).sequence, ..redundant(8, 3) };
    assert_eq!(call.receive(&said, 70 * MS), [(MADE_UP, 20), (5, 20), (MADE_UP, 40), (8, 20)]);
}

#[test]
fn a_pause_ends_with_its_stream() {
    let mut call = Call::new(Mode::Speed);
    call.receive(&pause(1), 0);
    call.receive(&Said { ssrc: 8, payload_type: 101, ..plain(1) }, 0);
    assert!(!call.uplink.is_pausing());
    assert_eq!(call.carry(&[], 1_000 * MS), []);
}

#[test]
fn who_was_held_up_does_not_pause() {
    let mut call = Call::new(Mode::Speed);
    call.receive(&plain(1), 0);
    assert_eq!((call.carry(&[], 900 * MS), call.due_us), (vec![], None));
    assert_eq!(call.receive(&plain(2), 900 * MS), frames([2]));
}

#[test]
fn comfort_noise_pauses_a_call_of_g711() {
    let formats = Formats { coding: Coding::Pcmu, payload_type: 0, red: None, comfort_noise: Some(13) };
    let mut call = Call::of(G711Decoder::new(Law::Mu), Settings { formats, mode: Mode::Speed, nack: false });
    let packet = |number: u16, payload_type, length| Said {
        sequence: number,
        timestamp: 160 * u32::from(number),
        ssrc: 1,
        payload_type,
        payload: vec![0xFF; length],
    };
    call.carry(&[(0, packet(0, 0, 160)), (FRAME_US, packet(1, 13, 1))], 500 * MS);
    assert!(call.uplink.is_pausing());
    assert_eq!(call.statistics().pause_ms, 460);
    let spoken = Said { timestamp: 160 * 30, ..packet(2, 0, 160) };
    call.receive(&spoken, 600 * MS);
    // All of the time from the first packet's begin to the last one's end.
    assert_eq!(call.pcm.len(), 31 * 160);
    assert_eq!(call.statistics().undecodable, 0);
}
