//! The same with libopus and speech: what is repeated is nearer to what was said than what is made up.

use std::path::PathBuf;

use antiphon_media::codec::{Coding, Decoder, Undecodable};
use antiphon_media::opus_packet::{CLOCK_RATE, carries_fec};
use antiphon_media::uplink::{Formats, Mode, Settings, Statistics};
use opus::{Application, Bitrate, Channels};

use crate::call::{Call, FRAME_US, OPUS, RED, Said, redundant_of};

/// Of the recordings.
const RATE: u32 = 16_000;
const FRAME: usize = 320;

struct LibOpus(opus::Decoder);

impl LibOpus {
    fn new() -> Self {
        Self(opus::Decoder::new(RATE, Channels::Mono).unwrap())
    }

    fn run(&mut self, packet: &[u8], samples: usize, fec: bool, out: &mut Vec<i16>) -> Result<(), Undecodable> {
        let begin = out.len();
        out.resize(begin + samples, 0);
        match self.0.decode(packet, &mut out[begin..], fec) {
            Ok(decoded) => assert_eq!(decoded, samples),
            Err(_) => return Err(Undecodable),
        }
        Ok(())
    }
}

impl Decoder for LibOpus {
    fn sample_rate(&self) -> u32 {
        RATE
    }

    fn decode(&mut self, packet: &[u8], fec: bool, out: &mut Vec<i16>) -> Result<(), Undecodable> {
        let ticks = Coding::Opus.duration(packet).ok_or(Undecodable)?;
        self.run(packet, (ticks * RATE / CLOCK_RATE) as usize, fec, out)
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        self.run(&[], samples, false, out).unwrap();
    }

    fn reset(&mut self) {
        self.0.reset_state().unwrap();
    }
}

/// The samples of a recording: 16 bit, mono, behind 44 bytes of header.
fn speech(name: &str) -> Vec<i16> {
    let vectors = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../../tests/vectors/speech");
    let wav = std::fs::read(vectors.join(name)).unwrap();
    assert_eq!((&wav[..4], &wav[36..40]), (&b"RIFF"[..], &b"data"[..]));
    wav[44..].as_chunks().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
}

fn encoded(pcm: &[i16], expected_loss: i32) -> Vec<Said> {
    let mut encoder = opus::Encoder::new(RATE, Channels::Mono, Application::Voip).unwrap();
    encoder.set_bitrate(Bitrate::Bits(32_000)).unwrap();
    encoder.set_inband_fec(expected_loss > 0).unwrap();
    encoder.set_packet_loss_perc(expected_loss).unwrap();
    let packet = |(number, frame): (usize, &[i16])| Said {
        sequence: number as u16,
        timestamp: number as u32 * 960,
        ssrc: 1,
        payload_type: OPUS,
        payload: encoder.encode_vec(frame, 1500).unwrap(),
    };
    pcm.chunks_exact(FRAME).enumerate().map(packet).collect()
}

fn carried(packets: &[Said], lost: impl Fn(usize) -> bool) -> (Vec<i16>, Statistics) {
    let formats = Formats { coding: Coding::Opus, payload_type: OPUS, red: Some(RED), comfort_noise: None };
    let mut call = Call::of(LibOpus::new(), Settings { formats, mode: Mode::Speed, nack: false });
    let arrivals = packets.iter().enumerate().filter(|(number, _)| !lost(*number));
    let arrivals: Vec<_> = arrivals.map(|(number, said)| (number as u64 * FRAME_US, said.clone())).collect();
    call.carry(&arrivals, (packets.len() as u64 + 100) * FRAME_US);
    let statistics = call.statistics();
    (call.pcm, statistics)
}

/// Of the lost frames, in dB, against what is heard when nothing is lost.
fn snr(heard: &[i16], whole: &[i16], lost: impl Fn(usize) -> bool) -> f64 {
    assert_eq!(heard.len(), whole.len());
    let (mut signal, mut noise) = (0.0, 1e-9);
    for (_, (heard, whole)) in
        heard.chunks(FRAME).zip(whole.chunks(FRAME)).enumerate().filter(|(number, _)| lost(*number))
    {
        for (heard, whole) in heard.iter().zip(whole) {
            signal += f64::from(*whole).powi(2);
            noise += (f64::from(*heard) - f64::from(*whole)).powi(2);
        }
    }
    10.0 * (signal / noise).log10()
}

#[test]
fn what_is_repeated_in_band_is_nearer_to_what_was_said_than_what_is_made_up_and_red_is_the_same() {
    let lost = |number: usize| number % 10 == 5;
    for name in ["river.wav", "harbour.wav", "mountain.wav"] {
        let spoken = speech(name);
        let repeating = encoded(&spoken, 20);
        let (whole, statistics) = carried(&repeating, |_| false);
        assert_eq!((statistics.concealed_ms, statistics.fec_ms), (0, 0));
        let (recovered, statistics) = carried(&repeating, lost);
        // libopus repeats what is loud enough to be speech.
        let repeated = repeating
            .iter()
            .enumerate()
            .filter(|(number, said)| *number > 0 && lost(number - 1) && carries_fec(&said.payload));
        assert_eq!(statistics.fec_ms, 20 * repeated.count() as u64);
        let silent = encoded(&spoken, 0);
        let (made_up, concealing) = carried(&silent, lost);
        assert_eq!((concealing.fec_ms, concealing.concealed_ms), (0, statistics.fec_ms + statistics.concealed_ms));
        let (by_fec, by_nothing) = (snr(&recovered, &whole, lost), snr(&made_up, &carried(&silent, |_| false).0, lost));
        assert!(by_fec > by_nothing + 5.0, "{name}: {by_fec:.1} dB with FEC, {by_nothing:.1} dB without");

        let mut red = repeating.clone();
        for (number, pair) in repeating.windows(2).enumerate() {
            red[number + 1] = redundant_of(&pair[1], &pair[0]);
        }
        let (same, statistics) = carried(&red, lost);
        assert_eq!((statistics.concealed_ms, statistics.fec_ms), (0, 0));
        assert!(same == whole, "{name}");
    }
}

#[test]
fn packets_that_changed_places_are_heard_as_if_they_had_not() {
    let packets = encoded(&speech("river.wav"), 0);
    let mut crooked = packets.clone();
    for pair in crooked[1..].chunks_exact_mut(2) {
        pair.swap(0, 1);
    }
    assert!(carried(&packets, |_| false).0 == carried(&crooked, |_| false).0);
}

#[test]
fn a_pause_of_an_encoder_with_dtx_is_heard_at_its_full_length() {
    let mut spoken = speech("river.wav");
    spoken.truncate(50 * FRAME);
    spoken.resize(150 * FRAME, 0);
    spoken.extend_from_within(..50 * FRAME);
    let mut encoder = opus::Encoder::new(RATE, Channels::Mono, Application::Voip).unwrap();
    encoder.set_dtx(true).unwrap();
    let mut packets = Vec::new();
    for (number, frame) in (0_u32..).zip(spoken.chunks_exact(FRAME)) {
        let payload = encoder.encode_vec(frame, 1500).unwrap();
        if payload.len() > 1 {
            let sequence = packets.len() as u16;
            let said = Said { sequence, timestamp: number * 960, ssrc: 1, payload_type: OPUS, payload };
            packets.push((u64::from(number) * FRAME_US, said));
        }
    }
    assert!(packets.len() < 150, "{}", packets.len());
    let formats = Formats { coding: Coding::Opus, payload_type: OPUS, red: None, comfort_noise: None };
    let mut call = Call::of(LibOpus::new(), Settings { formats, mode: Mode::Speed, nack: false });
    call.carry(&packets, 5_000_000);
    assert_eq!(call.pcm.len(), spoken.len());
    assert_eq!(call.statistics().concealed_ms, 0);
    assert!(call.statistics().pause_ms > 1_000);
}
