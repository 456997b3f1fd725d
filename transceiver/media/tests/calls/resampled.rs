//! G.711 at a backend's rate: what is in its band comes through, what is not does not come back as something else.

use std::f64::consts::PI;

use antiphon_media::codec::{Decoder, Encoder, Undecodable, Unencodable};
use antiphon_media::resampled::{Factor, ResampledDecoder, ResampledEncoder};
use proptest::prelude::*;

const OWN: u32 = 8_000;

/// Payloads that are the samples.
struct Raw;

impl Encoder for Raw {
    fn sample_rate(&self) -> u32 {
        OWN
    }

    fn encode(&mut self, pcm: &[i16], out: &mut Vec<u8>) -> Result<(), Unencodable> {
        out.extend(pcm.iter().flat_map(|sample| sample.to_be_bytes()));
        Ok(())
    }

    fn set_expected_loss(&mut self, _percent: u8) {}

    fn reset(&mut self) {}
}

impl Decoder for Raw {
    fn sample_rate(&self) -> u32 {
        OWN
    }

    fn decode(&mut self, packet: &[u8], _fec: bool, out: &mut Vec<i16>) -> Result<(), Undecodable> {
        out.extend(packet.as_chunks().0.iter().map(|pair| i16::from_be_bytes(*pair)));
        if packet.is_empty() { Err(Undecodable) } else { Ok(()) }
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        out.extend(std::iter::repeat_n(7, samples));
    }

    fn reset(&mut self) {}
}

fn tone(hertz: f64, rate: u32, samples: usize) -> Vec<i16> {
    let sample = |at| (10_000.0 * (2.0 * PI * hertz * f64::from(at) / f64::from(rate)).sin()).round() as i16;
    (0_u32..).map(sample).take(samples).collect()
}

/// The level of `hertz` in `pcm`, in dB of the tone above.
fn level(pcm: &[i16], hertz: f64, rate: u32) -> f64 {
    let (mut cosine, mut sine, mut window_sum) = (0.0, 0.0, 0.0);
    let length = f64::from(u32::try_from(pcm.len()).unwrap());
    for (at, sample) in (0_u32..).zip(pcm) {
        // Hann: what lies beside is 60 dB down and more.
        let window = 1.0 - (2.0 * PI * f64::from(at) / length).cos();
        let angle = 2.0 * PI * hertz * f64::from(at) / f64::from(rate);
        cosine += window * f64::from(*sample) * angle.cos();
        sine += window * f64::from(*sample) * angle.sin();
        window_sum += window;
    }
    20.0 * (2.0 * cosine.hypot(sine) / window_sum / 10_000.0).max(1e-9).log10()
}

fn down(pcm: &[i16], rate: u32) -> Vec<i16> {
    let mut encoder = ResampledEncoder::new(Raw, Factor::between(OWN, rate).unwrap());
    let mut payload = Vec::new();
    encoder.encode(pcm, &mut payload).unwrap();
    payload.as_chunks().0.iter().map(|pair| i16::from_be_bytes(*pair)).collect()
}

fn up(pcm: &[i16], rate: u32) -> Vec<i16> {
    let mut decoder = ResampledDecoder::new(Raw, Factor::between(OWN, rate).unwrap());
    let payload: Vec<u8> = pcm.iter().flat_map(|sample| sample.to_be_bytes()).collect();
    let mut out = Vec::new();
    decoder.decode(&payload, false, &mut out).unwrap();
    out
}

#[test]
fn the_telephones_band_comes_through_both_ways_and_images_do_not() {
    for rate in [16_000, 24_000, 48_000] {
        for hertz in [300.0, 1_000.0, 2_000.0, 3_000.0, 3_300.0] {
            let raised = up(&tone(hertz, OWN, 8_000), rate);
            assert_eq!(raised.len(), 8_000 * (rate / OWN) as usize);
            let settled = &raised[1_000..];
            assert!(level(settled, hertz, rate).abs() < 0.15, "{hertz} Hz to {rate}: {}", level(settled, hertz, rate));
            for image in [f64::from(OWN) - hertz, f64::from(OWN) + hertz] {
                if image < f64::from(rate) / 2.0 {
                    assert!(
                        level(settled, image, rate) < -55.0,
                        "{image} Hz at {rate}: {}",
                        level(settled, image, rate)
                    );
                }
            }
            let lowered = down(&tone(hertz, rate, rate as usize), rate);
            assert_eq!(lowered.len(), 8_000);
            assert!(level(&lowered[1_000..], hertz, OWN).abs() < 0.15, "{hertz} Hz from {rate}");
        }
    }
}

#[test]
fn what_the_lower_rate_cannot_hold_is_not_folded_into_it() {
    for rate in [16_000, 24_000, 48_000] {
        for hertz in [4_700.0, 5_000.0, 6_500.0, 7_900.0] {
            let lowered = down(&tone(hertz, rate, rate as usize), rate);
            let folded = level(&lowered[1_000..], f64::from(OWN) - hertz, OWN);
            assert!(folded < -55.0, "{hertz} Hz from {rate}: {folded}");
        }
    }
}

#[test]
fn the_delay_is_2_ms_and_the_loudest_does_not_wrap() {
    let mut click = vec![0; 400];
    click[100] = i16::MAX;
    let raised = up(&click, 24_000);
    let (loudest, _) = raised.iter().enumerate().max_by_key(|(_, sample)| **sample).unwrap();
    assert!((345..=349).contains(&loudest), "{loudest}");
    let mut click = vec![0; 600];
    click[300] = i16::MAX;
    let lowered = down(&click, 24_000);
    let (loudest, _) = lowered.iter().enumerate().max_by_key(|(_, sample)| **sample).unwrap();
    // 47 samples later, of which three make one: the nearest to the middle of 96 taps.
    assert_eq!(loudest, 115);
    let square: Vec<i16> = (0..800).map(|at| if at / 20 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
    let raised = up(&square, 24_000);
    // Where the square is high for long, so is what is made of it.
    assert!(raised[60 * 3 + 48..].chunks_exact(60).enumerate().all(|(turn, half)| (half[30] > 0) == (turn % 2 == 1)));
}

#[test]
fn only_whole_multiples_up_to_six_are_made() {
    for rate in [8_000, 16_000, 24_000, 48_000] {
        assert!(Factor::between(OWN, rate).is_some(), "{rate}");
    }
    for (own, rate) in [(OWN, 0), (OWN, 4_000), (OWN, 12_000), (OWN, 44_100), (OWN, 56_000), (0, 8_000)] {
        assert_eq!(Factor::between(own, rate), None, "{own} {rate}");
    }
    assert_eq!(up(&[1, 2, 3], OWN), [1, 2, 3]);
    assert_eq!(down(&[1, 2, 3], OWN), [1, 2, 3]);
    let mut encoder = ResampledEncoder::new(Raw, Factor::between(OWN, 24_000).unwrap());
    assert_eq!(encoder.encode(&[0; 481], &mut Vec::new()), Err(Unencodable));
}

#[test]
fn what_is_made_up_has_its_length_at_the_higher_rate_and_a_reset_forgets() {
    let mut decoder = ResampledDecoder::new(Raw, Factor::between(OWN, 24_000).unwrap());
    let mut out = Vec::new();
    decoder.conceal(480, &mut out);
    assert_eq!((out.len(), out[479]), (480, 7));
    assert_eq!(decoder.decode(&[], false, &mut Vec::new()), Err(Undecodable));
    decoder.reset();
    let (mut again, mut fresh) = (Vec::new(), Vec::new());
    decoder.conceal(480, &mut again);
    ResampledDecoder::new(Raw, Factor::between(OWN, 24_000).unwrap()).conceal(480, &mut fresh);
    assert_eq!(again, fresh);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn it_does_not_matter_how_the_sound_is_cut(
        pcm in prop::collection::vec(any::<i16>(), 1..400),
        cut in any::<prop::sample::Index>(),
    ) {
        let factor = Factor::between(OWN, 24_000).unwrap();
        let (left, right) = pcm.split_at(cut.index(pcm.len()));
        let mut pieces = Vec::new();
        let mut decoder = ResampledDecoder::new(Raw, factor);
        for piece in [left, right].into_iter().filter(|piece| !piece.is_empty()) {
            let payload: Vec<u8> = piece.iter().flat_map(|sample| sample.to_be_bytes()).collect();
            decoder.decode(&payload, false, &mut pieces).unwrap();
        }
        let raised = up(&pcm, 24_000);
        prop_assert_eq!(&pieces, &raised);
        let mut encoder = ResampledEncoder::new(Raw, factor);
        let (mut payload, middle) = (Vec::new(), 3 * left.len());
        encoder.encode(&raised[..middle], &mut payload).unwrap();
        encoder.encode(&raised[middle..], &mut payload).unwrap();
        let lowered: Vec<i16> = payload.as_chunks().0.iter().map(|pair| i16::from_be_bytes(*pair)).collect();
        prop_assert_eq!(lowered, down(&raised, 24_000));
    }
}
