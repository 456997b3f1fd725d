//! With libopus at both ends: what a listener hears where sound runs dry, is cut, and begins again.

use antiphon_media::codec::{Coding, Encoder, Unencodable};
use antiphon_media::downlink::{Silence, Stream};
use antiphon_media::opus_packet;

use crate::one_hand::Downlink;
use crate::plain::largest_step;

const RATE: u32 = 24_000;
const FRAME: usize = 480;
const SAMPLES: u32 = FRAME as u32;
const FRAME_US: u64 = 20_000;

struct Libopus(opus::Encoder);

impl Libopus {
    fn new() -> Self {
        let mut encoder = opus::Encoder::new(RATE, opus::Channels::Mono, opus::Application::Voip).unwrap();
        encoder.set_bitrate(opus::Bitrate::Bits(32_000)).unwrap();
        encoder.set_inband_fec(true).unwrap();
        Self(encoder)
    }
}

impl Encoder for Libopus {
    fn sample_rate(&self) -> u32 {
        RATE
    }

    fn encode(&mut self, pcm: &[i16], out: &mut Vec<u8>) -> Result<(), Unencodable> {
        let mut packet = [0; 1500];
        let length = self.0.encode(pcm, &mut packet).map_err(|_| Unencodable)?;
        out.extend_from_slice(&packet[..length]);
        Ok(())
    }

    fn set_expected_loss(&mut self, percent: u8) {
        self.0.set_packet_loss_perc(i32::from(percent)).unwrap();
    }

    fn reset(&mut self) {
        self.0.reset_state().unwrap();
    }
}

struct Call {
    downlink: Downlink<Libopus>,
    decoder: opus::Decoder,
    slot: u64,
    said: u32,
    heard: Vec<i16>,
    packets: Vec<Option<Vec<u8>>>,
}

impl Call {
    fn new(silence: Silence) -> Self {
        let stream = Stream { silence, ..Stream::new(Coding::Opus, 111, 1) };
        Self {
            downlink: Downlink::new(stream, Libopus::new(), 0, 0),
            decoder: opus::Decoder::new(RATE, opus::Channels::Mono).unwrap(),
            slot: 0,
            said: 0,
            heard: Vec::new(),
            packets: Vec::new(),
        }
    }

    /// What concealment draws out longest: noise, as of an "s".
    fn hiss(&mut self, samples: u32) {
        let noise = |at: u32| (at.wrapping_mul(2_654_435_761) >> 18) as i16 - 8192;
        let pcm: Vec<i16> = (0..samples).map(noise).collect();
        self.downlink.play(&pcm, "a").unwrap();
    }

    /// A tone of 300 Hz, which goes on where it was.
    fn say(&mut self, samples: u32) {
        let turn = std::f64::consts::TAU * 300.0 / f64::from(RATE);
        let tone = |at: u32| (10_000.0 * (turn * f64::from(at)).sin()) as i16;
        let pcm: Vec<i16> = (self.said..self.said + samples).map(tone).collect();
        self.said += samples;
        self.downlink.play(&pcm, "a").unwrap();
    }

    /// A listener that conceals what does not come, as they all do.
    fn hear(&mut self, slots: usize) {
        for _ in 0..slots {
            let packet = self.downlink.take(self.slot * FRAME_US).map(|packet| packet.payload.to_vec());
            self.slot += 1;
            let mut pcm = [0; FRAME];
            self.decoder.decode(packet.as_deref().unwrap_or_default(), &mut pcm, false).unwrap();
            self.heard.extend(pcm);
            self.packets.push(packet);
        }
    }

    fn loudest(&self, slots: std::ops::Range<usize>) -> u16 {
        self.heard[slots.start * FRAME..slots.end * FRAME].iter().map(|sample| sample.unsigned_abs()).max().unwrap()
    }
}

/// A tone of 300 Hz and 10,000 has steps of up to 785; the rest is libopus's.
const STEP: u16 = 1000;

#[test]
fn sound_that_runs_dry_and_goes_on_does_not_click_and_is_silent_between() {
    let mut call = Call::new(Silence::Unsent);
    call.say(10 * SAMPLES + 111);
    call.hear(20);
    call.say(10 * SAMPLES);
    call.hear(20);
    assert_eq!(call.packets.iter().flatten().count(), 13 + 13);
    assert!(largest_step(&call.heard) < STEP, "{}", largest_step(&call.heard));
    assert!(call.loudest(3..9) > 8_000);
    assert!(call.loudest(13..20) < 100, "{}", call.loudest(13..20));
    assert!(call.loudest(24..29) > 8_000);
    assert!(call.loudest(33..40) < 100, "{}", call.loudest(33..40));
    assert_eq!(call.downlink.counts().ran_dry, 2);
}

#[test]
fn the_measure_finds_the_click_of_a_sound_that_just_stops() {
    let mut call = Call::new(Silence::Unsent);
    call.say(10 * SAMPLES);
    call.hear(10);
    let (peak, _) = call.heard.iter().enumerate().max_by_key(|(_, sample)| **sample).unwrap();
    let mut cut = call.heard[..=peak].to_vec();
    cut.push(0);
    assert!(largest_step(&cut) > 8 * STEP, "{}", largest_step(&cut));
}

#[test]
fn a_barge_in_does_not_click_and_the_answer_begins_softly() {
    let mut call = Call::new(Silence::Unsent);
    call.say(50 * SAMPLES);
    call.hear(10);
    let playout = call.downlink.flush();
    assert_eq!((playout.played_ms, playout.unplayed_ms), (200, 800));
    call.hear(10);
    call.say(10 * SAMPLES);
    call.hear(15);
    assert!(largest_step(&call.heard) < STEP, "{}", largest_step(&call.heard));
    assert!(call.loudest(12..20) < 100, "{}", call.loudest(12..20));
}

#[test]
fn every_payload_is_a_frame_of_20_ms_and_an_announced_pause_decodes_to_silence() {
    let mut call = Call::new(Silence::Announced);
    call.say(10 * SAMPLES);
    call.downlink.end_of_item("a");
    call.hear(20);
    let payloads: Vec<&Vec<u8>> = call.packets.iter().flatten().collect();
    assert_eq!(payloads.len(), 10 + 4);
    assert!(payloads.iter().all(|payload| opus_packet::duration(payload) == Some(960)));
    assert!(opus_packet::is_pause(payloads[13]));
    assert!(call.loudest(12..20) < 100, "{}", call.loudest(12..20));
    assert!(largest_step(&call.heard) < STEP, "{}", largest_step(&call.heard));
}

#[test]
fn noise_that_stops_in_the_middle_is_not_drawn_out() {
    for rest in [0, 7, 240, 470] {
        let mut call = Call::new(Silence::Unsent);
        call.hiss(10 * SAMPLES + rest);
        call.hear(30);
        assert!(call.loudest(2..10) > 8_000);
        assert!(call.loudest(13..30) < 100, "{rest}: {}", call.loudest(13..30));
    }
}
