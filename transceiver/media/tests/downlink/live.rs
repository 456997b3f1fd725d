//! Live sound, which comes as fast as it goes: what has piled up of it is left out again.

use proptest::prelude::*;

use crate::plain::{FRAME, Line, RATE, largest_step};

/// As a backend's: 40 ms.
const CHUNK: usize = 2 * FRAME;
const SECOND: usize = 50;
/// What may wait all the time, and a chunk that has just come.
const NO_LATER_MS: u64 = 40 + 40;

/// A tone of 96 Hz from its n-th sample on: steps of no more than 400. What is left out of it is no whole number of periods.
fn tone(from: usize, samples: usize) -> Vec<i16> {
    let phase = |n: usize| f64::from((n % 83) as u8) / 83.0 * std::f64::consts::TAU;
    let sample = |n: usize| (5_000.0 * phase(n).sin()) as i16;
    (from..from + samples).map(sample).collect()
}

/// Gives a chunk in every other slot; what is heard in `slots`, and the most that waited.
fn talk(line: &mut Line, given: &mut usize, slots: usize) -> (Vec<i16>, u64) {
    let (mut heard, mut most_ms) = (Vec::new(), 0);
    for slot in 0..slots {
        if slot % 2 == 0 {
            line.downlink.play_live(&tone(*given, CHUNK)).unwrap();
            *given += CHUNK;
        }
        most_ms = most_ms.max(line.downlink.queued_ms());
        heard.extend(line.hear(1));
    }
    (heard, most_ms)
}

#[test]
fn what_a_stall_has_piled_up_is_left_out_within_a_second_without_a_click() {
    let (mut line, mut given) = (Line::new(), 0);
    let (_, usual_ms) = talk(&mut line, &mut given, 2 * SECOND);
    assert!(usual_ms <= NO_LATER_MS, "{usual_ms}");
    assert_eq!(line.downlink.counts().skipped, 0);
    for _ in 0..5 {
        line.downlink.play_live(&tone(given, CHUNK)).unwrap();
        given += CHUNK;
    }
    let (heard, most_ms) = talk(&mut line, &mut given, SECOND + 4);
    assert!(most_ms >= 200, "{most_ms}");
    let (_, afterwards_ms) = talk(&mut line, &mut given, 2 * SECOND);
    assert!(afterwards_ms <= NO_LATER_MS, "{afterwards_ms}");
    assert!(largest_step(&heard) <= 400 + 5_000 / 40, "{}", largest_step(&heard));
    let counts = line.downlink.counts();
    assert!((160..=200).contains(&(counts.skipped * 1000 / u64::from(RATE))), "{}", counts.skipped);
    assert_eq!((counts.ran_dry, counts.flushed), (0, 0));
}

#[test]
fn of_a_second_that_piled_up_a_second_is_left_out() {
    let (mut line, mut given) = (Line::new(), 0);
    for _ in 0..25 {
        line.downlink.play_live(&tone(given, CHUNK)).unwrap();
        given += CHUNK;
    }
    talk(&mut line, &mut given, SECOND + 4);
    let (_, most_ms) = talk(&mut line, &mut given, SECOND);
    assert!(most_ms <= NO_LATER_MS, "{most_ms}");
}

#[test]
fn a_pause_is_left_out_sooner_than_a_word() {
    let mut line = Line::new();
    let word = vec![9_000; 3 * FRAME];
    let loud = |heard: &[i16]| heard.iter().filter(|sample| **sample == 9_000).count();
    let mut heard = Vec::new();
    for _ in 0..3 {
        line.downlink.play_live(&vec![0; CHUNK]).unwrap();
    }
    for number in 0..90 {
        // A pause of twelve frames and a word of three, at the pace of time, behind 120 ms that wait.
        if number % 15 == 0 {
            line.downlink.play_live(&[&[0; 12 * FRAME], &word[..]].concat()).unwrap();
        }
        heard.extend(line.hear(1));
    }
    heard.extend(line.hear(SECOND));
    assert!(line.downlink.counts().skipped > 0);
    assert_eq!(loud(&heard), 6 * word.len());
}

#[test]
fn a_network_that_delays_in_turns_is_not_taken_for_a_stall() {
    let (mut line, mut given) = (Line::new(), 0);
    for _ in 0..20 {
        // Two chunks late by 80 ms, and then all at once.
        line.downlink.play_live(&tone(given, 3 * CHUNK)).unwrap();
        given += 3 * CHUNK;
        line.hear(6);
    }
    assert_eq!(line.downlink.counts().skipped, 0);
}

#[test]
fn responses_are_heard_to_their_end_however_long_they_wait() {
    let mut line = Line::new();
    line.downlink.play_live(&[1; FRAME]).unwrap();
    line.play(2 * RATE as usize, 1000, "");
    line.play(2 * RATE as usize, 1000, "item");
    for _ in 0..3 * SECOND {
        line.play(FRAME, 1000, "item");
        line.hear(1);
    }
    assert_eq!(line.downlink.counts().skipped, 0);
}

#[test]
fn live_sound_behind_a_response_waits_for_its_end() {
    let (mut line, mut given) = (Line::new(), 0);
    talk(&mut line, &mut given, 2);
    line.play(3 * RATE as usize, 1000, "item");
    talk(&mut line, &mut given, 3 * SECOND - 2);
    assert_eq!(line.downlink.counts().skipped, 0);
    assert_eq!(line.downlink.playout().item_id.as_ref(), "item");
    talk(&mut line, &mut given, SECOND + 10);
    let (_, most_ms) = talk(&mut line, &mut given, SECOND);
    assert!(most_ms <= NO_LATER_MS, "{most_ms}");
}

#[test]
fn live_sound_is_encoded_three_frames_ahead_and_so_never_in_vain() {
    let (mut line, mut given) = (Line::new(), 0);
    line.downlink.play_live(&tone(0, 10 * FRAME)).unwrap();
    assert_eq!(line.work().encoded, 3);
    talk(&mut line, &mut given, 3 * SECOND);
    assert!(line.downlink.counts().skipped > 0);
    assert!(line.work().encoded as u64 <= line.downlink.counts().sent / FRAME as u64 + 3);
    assert_eq!(line.work().resets, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_sample_is_sent_flushed_skipped_or_waits_and_only_live_ones_are_skipped(
        steps in prop::collection::vec((0..4_u8, 0..1200_usize, 1..4_usize), 1..200),
    ) {
        let mut line = Line::new();
        let mut live = 0;
        for (kind, samples, slots) in steps {
            match kind {
                0 => line.play(samples, 1000, "item"),
                3 if samples < 100 => { line.downlink.flush(); }
                _ => {
                    line.downlink.play_live(&tone(0, samples)).unwrap();
                    live += samples as u64;
                }
            }
            let _ = line.hear(slots);
            let counts = line.downlink.counts();
            prop_assert!(counts.skipped <= live);
            let waiting = counts.given - counts.sent - counts.flushed - counts.skipped;
            prop_assert!(line.downlink.queued_ms() >= waiting * 1000 / u64::from(RATE));
        }
        line.hear(2_000);
        let counts = line.downlink.counts();
        prop_assert_eq!(counts.given, counts.sent + counts.flushed + counts.skipped);
        prop_assert_eq!(line.downlink.queued_ms(), 0);
    }
}
