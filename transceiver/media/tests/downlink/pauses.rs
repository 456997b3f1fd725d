//! Pauses of Opus: those that the encoder makes (DTX), and those between what is said.

use antiphon_media::codec::{Coding, Encoder, Unencodable};
use antiphon_media::downlink::{Silence, Stream};

use crate::one_hand::Downlink;
use crate::plain::{FRAME, FRAME_US, RATE, START_US};

/// Four bytes a frame, and more of it the louder it is above 100; if it pauses, one byte for silence. Of sound below zero
/// it knows nothing.
struct ShortEncoder {
    pauses: bool,
}

impl Encoder for ShortEncoder {
    fn sample_rate(&self) -> u32 {
        RATE
    }

    fn encode(&mut self, pcm: &[i16], out: &mut Vec<u8>) -> Result<(), Unencodable> {
        match pcm[FRAME / 2] {
            ..0 => return Err(Unencodable),
            0 if self.pauses && pcm.iter().all(|sample| *sample == 0) => out.push(0x7B),
            level => {
                out.extend([0x7B, 1, 2, 3]);
                let level = u8::try_from(level).unwrap_or(u8::MAX);
                out.extend((100..level).map(|_| level));
            }
        }
        Ok(())
    }

    fn set_expected_loss(&mut self, _percent: u8) {}

    fn reset(&mut self) {}
}

fn downlink(silence: Silence, pauses: bool) -> Downlink<ShortEncoder> {
    let stream = Stream { silence, ..Stream::new(Coding::Opus, 111, 1) };
    Downlink::new(stream, ShortEncoder { pauses }, START_US, 0)
}

/// (slot, payload's length, marker) of what is sent.
fn sent(downlink: &mut Downlink<ShortEncoder>, slots: std::ops::Range<u64>) -> Vec<(u64, usize, bool)> {
    let mut sent = Vec::new();
    for slot in slots {
        let packet = downlink.take(START_US + slot * FRAME_US);
        sent.extend(packet.map(|packet| (slot, packet.payload.len(), packet.marker)));
    }
    sent
}

#[test]
fn of_a_pause_in_speech_only_the_first_packet_is_sent_and_the_position_goes_on() {
    let mut downlink = downlink(Silence::Unsent, true);
    for level in [100, 0, 0, 0, 100] {
        downlink.play(&[level; FRAME], "a").unwrap();
    }
    assert_eq!(sent(&mut downlink, 0..5), [(0, 4, true), (1, 1, false), (4, 4, true)]);
    assert_eq!(downlink.playout().played_ms, 100);
}

#[test]
fn a_pause_is_announced_by_a_packet_without_sound_in_the_mode_of_the_one_before() {
    let mut downlink = downlink(Silence::Announced, false);
    downlink.play(&[100; FRAME], "a").unwrap();
    assert_eq!(sent(&mut downlink, 0..4), [(0, 4, true), (1, 4, false), (2, 4, false), (3, 4, false)]);
    let packet = downlink.take(START_US + 4 * FRAME_US).unwrap();
    assert_eq!((packet.payload, packet.marker, packet.timestamp), (&[0x78][..], false, 4 * 960));
    assert!(Coding::Opus.is_pause(packet.payload));
    assert_eq!(sent(&mut downlink, 5..20), []);
    downlink.play(&[100; FRAME], "a").unwrap();
    let again = [(20, 4, true), (21, 4, false), (22, 4, false), (23, 4, false), (24, 1, false)];
    assert_eq!(sent(&mut downlink, 20..30), again);
}

#[test]
fn a_pause_that_the_encoder_announced_is_announced_once() {
    let mut downlink = downlink(Silence::Announced, true);
    downlink.play(&[100; FRAME], "a").unwrap();
    assert_eq!(sent(&mut downlink, 0..10), [(0, 4, true), (1, 4, false), (2, 1, false)]);
}

#[test]
fn speech_right_behind_an_end_needs_no_announcement() {
    let mut downlink = downlink(Silence::Announced, false);
    downlink.play(&[100; FRAME], "a").unwrap();
    downlink.end_of_item("a");
    downlink.play(&[100; FRAME], "b").unwrap();
    let lengths: Vec<usize> = sent(&mut downlink, 0..10).iter().map(|packet| packet.1).collect();
    assert_eq!(lengths, [4, 4, 4, 4, 4, 4, 1]);
}

#[test]
fn a_frame_that_cannot_be_encoded_is_a_pause_of_its_length() {
    let mut downlink = downlink(Silence::Unsent, false);
    for level in [100, -100, 100] {
        downlink.play(&[level; FRAME], "a").unwrap();
    }
    assert_eq!(sent(&mut downlink, 0..3), [(0, 4, true), (2, 4, true)]);
    assert_eq!((downlink.counts().unencodable, downlink.playout().played_ms), (1, 60));
}

#[test]
fn payloads_of_all_lengths_come_out_of_the_queue_as_they_went_in() {
    let mut downlink = downlink(Silence::Unsent, false);
    let level = |number: u64| 100 + (number * 37 % 23) as u8;
    downlink.play(&[100; 3 * FRAME], "").unwrap();
    for slot in 0..200 {
        downlink.play(&[i16::from(level(slot)); FRAME], "").unwrap();
        let payload = downlink.take(START_US + slot * FRAME_US).unwrap().payload.to_vec();
        let level = slot.checked_sub(3).map_or(100, level);
        assert_eq!(payload[..4], [0x7B, 1, 2, 3]);
        assert_eq!(payload[4..], vec![level; usize::from(level) - 100]);
    }
}
