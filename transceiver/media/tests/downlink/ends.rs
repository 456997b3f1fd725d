//! Where sound begins and ends: faded, so that nothing clicks, and never later than it has to be.

use antiphon_media::downlink::{FrameLength, Stream};
use proptest::prelude::*;

use crate::plain::{FADE, FRAME, Line, PlainEncoder, RATE, START_US, largest_step, stream};

#[test]
fn silence_sends_nothing() {
    let mut line = Line::new();
    assert_eq!([line.take(), line.take(), line.take()], [None, None, None]);
}

#[test]
fn a_sound_fades_in_goes_on_and_fades_out_and_after_40_ms_of_silence_nothing_is_sent() {
    let mut line = Line::new();
    line.play(2 * FRAME, 1000, "");
    let [first, second, closing] = [line.take().unwrap(), line.take().unwrap(), line.take().unwrap()];
    assert_eq!(first[0], 0);
    assert!(first.is_sorted());
    assert_eq!(first[FADE..], [1000; FRAME - FADE]);
    assert_eq!(second, [1000; FRAME]);
    assert!(closing[..FADE].is_sorted_by(|before, after| before > after));
    assert!((900..1000).contains(&closing[0]));
    assert_eq!(closing[FADE - 1..], [0; FRAME - FADE + 1]);
    assert_eq!([line.take(), line.take(), line.take()], [Some(vec![0; FRAME]), Some(vec![0; FRAME]), None]);
    assert_eq!(line.downlink.counts().ran_dry, 1);
}

#[test]
fn what_is_less_than_a_frame_waits_one_slot_for_more_and_is_then_sent() {
    let mut line = Line::new();
    line.play(50, 1000, "");
    assert_eq!(line.take(), None);
    let last = line.take().unwrap();
    assert_eq!((last[49], &last[50 + FADE..]), (1000, &[0; FRAME - 50 - FADE][..]));
    assert_eq!(line.downlink.playout().played_samples, 50);
    assert_eq!([line.take(), line.take(), line.take()], [Some(vec![0; FRAME]), Some(vec![0; FRAME]), None]);
}

#[test]
fn a_rest_that_all_but_fills_its_frame_fades_over_its_end() {
    let mut line = Line::new();
    line.play(FRAME + FRAME - 1, 8000, "");
    let heard = line.hear(3);
    assert_eq!(line.downlink.counts().sent, 2 * FRAME as u64 - 1);
    assert!(largest_step(&heard) <= 200, "{}", largest_step(&heard));
}

#[test]
fn an_end_that_is_known_is_encoded_before_its_slot_is_due() {
    let mut line = Line::new();
    line.play(FRAME + 30, 1000, "a");
    assert_eq!(line.work().encoded, 1);
    line.downlink.end_of_item("a");
    assert_eq!(line.work().encoded, 2);
    assert_eq!(line.take().unwrap().len(), FRAME);
    let last = line.take().unwrap();
    assert_eq!((last[29], last[30 + FADE]), (1000, 0));
    assert_eq!((line.work().encoded, line.downlink.counts().ran_dry), (2, 0));
}

#[test]
fn an_end_at_the_end_of_a_frame_is_a_fade_alone() {
    let mut line = Line::new();
    line.play(FRAME, 1000, "a");
    line.downlink.end_of_item("a");
    line.downlink.end_of_item("a");
    assert_eq!(line.work().encoded, 2);
    let heard = line.hear(2);
    assert!(largest_step(&heard) <= 25);
    assert_eq!(line.downlink.counts().padded, FRAME as u64);
}

#[test]
fn an_end_of_a_rest_that_is_just_beginning_waits_for_nothing() {
    let mut line = Line::new();
    line.play(50, 1000, "a");
    line.downlink.end_of_item("a");
    assert!(line.take().is_some());
}

#[test]
fn an_end_after_the_sound_ran_dry_and_an_end_of_another_item_do_nothing() {
    let mut line = Line::new();
    line.downlink.end_of_item("a");
    line.play(FRAME, 1000, "a");
    line.hear(4);
    line.downlink.end_of_item("a");
    line.play(30, 1000, "b");
    line.downlink.end_of_item("a");
    assert_eq!(line.work().encoded, 4);
    assert_eq!(line.take(), None);
}

#[test]
fn an_item_that_ended_is_faded_out_and_the_one_behind_it_in() {
    let mut line = Line::new();
    line.play(FRAME + 10, 1000, "a");
    line.downlink.end_of_item("a");
    line.play(FRAME, -1000, "b");
    let heard = line.hear(5);
    assert!(largest_step(&heard) <= 25, "{}", largest_step(&heard));
    assert_eq!(heard[2 * FRAME + FADE..3 * FRAME], [-1000; FRAME - FADE]);
}

#[test]
fn ends_are_kept_for_sound_that_is_not_encoded_yet() {
    let mut line = Line::new();
    line.play(20 * FRAME + 30, 1000, "a");
    line.downlink.end_of_item("a");
    line.play(20 * FRAME, 500, "b");
    let heard = line.hear(44);
    assert!(largest_step(&heard) <= 25, "{}", largest_step(&heard));
    assert_eq!(line.downlink.counts().ran_dry, 1);
    assert_eq!(line.downlink.counts().sent, 40 * FRAME as u64 + 30);
}

#[test]
fn a_flush_leaves_only_a_fade_and_what_comes_next_is_heard_after_it() {
    let mut line = Line::new();
    line.play(5 * FRAME, 1000, "a");
    let mut heard = line.hear(2);
    line.downlink.flush();
    line.play(FRAME, -500, "b");
    heard.extend(line.hear(3));
    assert!(largest_step(&heard) <= 25, "{}", largest_step(&heard));
    assert_eq!(heard[2 * FRAME + FADE - 1..3 * FRAME], [0; FRAME - FADE + 1]);
    assert_eq!(heard[3 * FRAME + FADE..4 * FRAME], [-500; FRAME - FADE]);
}

#[test]
fn the_silence_behind_a_sound_gives_way_to_what_comes_next() {
    let mut line = Line::new();
    for slots in [2, 3] {
        line.play(FRAME, 1000, "a");
        assert_eq!(line.take().unwrap()[FADE..], [1000; FRAME - FADE]);
        line.hear(slots - 1);
    }
}

#[test]
fn a_flush_of_what_was_never_heard_sends_nothing() {
    let mut line = Line::new();
    line.play(10 * FRAME, 1000, "a");
    line.downlink.flush();
    assert_eq!(line.take(), None);
}

#[test]
fn a_second_flush_does_not_throw_the_fade_away() {
    let mut line = Line::new();
    line.play(5 * FRAME, 1000, "a");
    let mut heard = line.hear(1);
    line.downlink.flush();
    line.play(5 * FRAME, 1000, "b");
    line.downlink.flush();
    line.downlink.flush();
    heard.extend(line.hear(4));
    assert!(largest_step(&heard) <= 25, "{}", largest_step(&heard));
    assert_eq!(line.take(), None);
}

#[test]
fn frames_of_each_length_are_cut_at_each_rate() {
    for frame in FrameLength::ALL {
        for rate in [8_000, 16_000, 24_000, 48_000] {
            let samples = frame.at(rate) as usize;
            let mut line = Line::with(Stream { frame, ..stream() }, PlainEncoder::new(rate));
            line.play(3 * samples, 700, "");
            // Three of sound, one that fades out, and 40 ms of silence.
            let sent = 4 + 40 / frame.ms();
            for slot in 0..sent {
                let packet = line.downlink.take(START_US + slot * frame.us()).unwrap();
                assert_eq!(packet.payload.len(), 2 * samples);
            }
            assert_eq!(line.downlink.take(START_US + sent * frame.us()), None);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_ever_clicks(steps in prop::collection::vec((0..500_usize, 0..4_u8), 1..60)) {
        let mut line = Line::new();
        let mut heard = vec![0];
        for (samples, step) in steps {
            match step {
                0 => line.play(samples, 8000, "a"),
                1 => line.downlink.end_of_item("a"),
                2 => { line.downlink.flush(); }
                _ => heard.extend(line.hear(1)),
            }
        }
        heard.extend(line.hear(300));
        // A fade of 40 steps; one that is cut short by a rest of some samples is no steeper.
        prop_assert!(largest_step(&heard) <= 8000 / FADE as u16 + 1, "{}", largest_step(&heard));
        prop_assert_eq!(heard.last(), Some(&0));
    }

    #[test]
    fn every_sample_is_sent_once_and_in_order(lengths in prop::collection::vec(1..4 * FRAME, 1..20)) {
        let mut line = Line::new();
        let total: usize = lengths.iter().sum();
        let mut samples = 1..;
        for length in lengths {
            let piece: Vec<i16> = samples.by_ref().take(length).collect();
            line.downlink.play(&piece, "").unwrap();
        }
        // The rest of a frame that would be all there is waits a slot.
        let slots = total / FRAME + 2;
        let heard: Vec<i16> = (0..slots).filter_map(|_| line.take()).flatten().collect();
        // The fades change the first samples and the last, not their number.
        let whole = FADE..total.saturating_sub(FADE).max(FADE);
        let expected: Vec<i16> = (1..).skip(whole.start).take(whole.len()).collect();
        prop_assert_eq!(&heard[whole], expected);
        let counts = line.downlink.counts();
        prop_assert_eq!(counts.sent, total as u64);
        prop_assert_eq!(counts.sent + counts.padded, (line.work().encoded * FRAME) as u64);
    }
}

#[test]
fn the_rate_is_the_encoders() {
    assert_eq!(FrameLength::Twenty.at(RATE) as usize, FRAME);
    assert_eq!(FrameLength::ALL.map(|frame| FrameLength::from_ms(frame.ms())), FrameLength::ALL.map(Some));
    assert_eq!(FrameLength::from_ms(60), None);
}
