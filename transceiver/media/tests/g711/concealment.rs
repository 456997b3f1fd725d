//! What is heard in place of lost G.711.

use antiphon_media::codec::Decoder;
use antiphon_media::g711::{G711Decoder, Law};
use proptest::prelude::*;

const FRAME: usize = 160;

/// A voice of `hertz`: a few harmonics, as loud as speech.
fn voice(hertz: f64, samples: usize) -> Vec<i16> {
    let wave = |index: u32| {
        let phase = std::f64::consts::TAU * hertz * f64::from(index) / 8_000.0;
        (1..5).map(|number| 4_000.0 * (f64::from(number) * phase).sin() / f64::from(number)).sum::<f64>() as i16
    };
    (0..).map(wave).take(samples).collect()
}

fn payload(pcm: &[i16]) -> Vec<u8> {
    pcm.iter().map(|sample| Law::Mu.encode(*sample)).collect()
}

fn decoder_that_heard(pcm: &[i16]) -> G711Decoder {
    let mut decoder = G711Decoder::new(Law::Mu);
    for frame in pcm.chunks(FRAME) {
        decoder.decode(&payload(frame), false, &mut Vec::new()).unwrap();
    }
    decoder
}

fn concealed(decoder: &mut G711Decoder, frames: usize) -> Vec<i16> {
    let mut out = Vec::new();
    for _ in 0..frames {
        decoder.conceal(FRAME, &mut out);
    }
    out
}

fn power(pcm: &[i16]) -> f64 {
    pcm.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / f64::from(pcm.len() as u32)
}

#[test]
fn a_voice_goes_on_at_its_pitch_over_a_lost_frame() {
    for hertz in [70.0, 100.0, 125.0, 190.0] {
        let spoken = voice(hertz, 6 * FRAME);
        let mut decoder = decoder_that_heard(&spoken[..5 * FRAME]);
        let made_up = concealed(&mut decoder, 1);
        let missed: Vec<i16> = made_up.iter().zip(&spoken[5 * FRAME..]).map(|(one, other)| one - other).collect();
        let decibels = 10.0 * (power(&spoken[5 * FRAME..]) / power(&missed)).log10();
        assert!(decibels > 8.0, "{hertz} Hz: {decibels:.1} dB");
    }
}

#[test]
fn a_loss_in_two_halves_sounds_as_the_whole() {
    let mut whole = decoder_that_heard(&voice(130.0, 5 * FRAME));
    let mut halves = whole.clone();
    let mut out = Vec::new();
    for _ in 0..8 {
        halves.conceal(FRAME / 2, &mut out);
    }
    assert_eq!(out, concealed(&mut whole, 4));
}

#[test]
fn periods_are_joined_without_a_click() {
    // No whole number of samples a period.
    for hertz in [70.0, 123.0, 187.0] {
        let spoken = voice(hertz, 5 * FRAME);
        let step = |pcm: &[i16]| pcm.windows(2).map(|pair| (pair[1] - pair[0]).unsigned_abs()).max().unwrap();
        let made_up = concealed(&mut decoder_that_heard(&spoken), 2);
        assert!(step(&made_up) <= step(&spoken) + step(&spoken) / 8, "{hertz}: {} {}", step(&made_up), step(&spoken));
    }
}

#[test]
fn what_was_made_up_is_part_of_what_the_next_loss_is_made_of() {
    let mut decoder = decoder_that_heard(&voice(190.0, 50));
    // Too little was heard to tell a pitch from; silence has passed since.
    assert_eq!(concealed(&mut decoder, 2), [0; 2 * FRAME]);
    decoder.decode(&payload(&voice(190.0, 80)), false, &mut Vec::new()).unwrap();
    assert!(power(&concealed(&mut decoder, 1)) > 0.0);
}

#[test]
fn it_is_as_loud_for_10_ms_then_fades_and_is_silent_after_60() {
    let spoken = voice(100.0, 5 * FRAME);
    let made_up = concealed(&mut decoder_that_heard(&spoken), 5);
    let powers: Vec<f64> = made_up.chunks(80).map(power).collect();
    assert!((powers[0] / power(&spoken[4 * FRAME..]) - 1.0).abs() < 0.1, "{powers:?}");
    assert!(powers[..6].is_sorted_by(|one, other| one > other), "{powers:?}");
    assert!(made_up[480..].iter().all(|sample| *sample == 0));
}

#[test]
fn what_comes_back_is_faded_in_over_5_ms_and_then_is_what_was_said() {
    let spoken = voice(100.0, 12 * FRAME);
    let mut decoder = decoder_that_heard(&spoken[..5 * FRAME]);
    let last = *concealed(&mut decoder, 5).last().unwrap();
    let frame = payload(&spoken[10 * FRAME..11 * FRAME]);
    let mut out = Vec::new();
    decoder.decode(&frame, false, &mut out).unwrap();
    assert_eq!(out.len(), FRAME);
    assert!(i32::from(out[0]).abs() < 200 && last == 0);
    assert!(out[40..].iter().zip(&frame[40..]).all(|(sample, code)| *sample == Law::Mu.decode(*code)));
    out.clear();
    decoder.decode(&frame, false, &mut out).unwrap();
    assert!(out.iter().zip(&frame).all(|(sample, code)| *sample == Law::Mu.decode(*code)));
}

#[test]
fn before_anything_was_heard_and_after_a_reset_there_is_silence() {
    let mut decoder = decoder_that_heard(&voice(100.0, 5 * FRAME));
    decoder.reset();
    assert_eq!(concealed(&mut decoder, 2), [0; 2 * FRAME]);
    assert_eq!(concealed(&mut decoder_that_heard(&[1_000; 50]), 1), [0; FRAME]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_was_heard_what_is_made_up_is_as_long_as_asked_and_no_louder(
        steps in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 1..400)), 0..20),
    ) {
        let mut decoder = G711Decoder::new(Law::A);
        let (mut out, mut loudest) = (Vec::new(), 0);
        for (lost, payload) in steps {
            let begin = out.len();
            if lost {
                decoder.conceal(payload.len(), &mut out);
            } else {
                decoder.decode(&payload, false, &mut out).unwrap();
                loudest = payload.iter().map(|code| i32::from(Law::A.decode(*code)).abs()).max().max(Some(loudest)).unwrap();
            }
            prop_assert_eq!(out.len() - begin, payload.len());
            prop_assert!(out[begin..].iter().all(|sample| i32::from(*sample).abs() <= loudest));
        }
    }
}
