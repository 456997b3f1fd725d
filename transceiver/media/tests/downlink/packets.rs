//! Timestamps, markers and counts of what is sent.

use antiphon_media::codec::Coding;
use antiphon_media::downlink::Stream;
use antiphon_media::rtcp::NtpTime;
use antiphon_media::rtp::Packet;
use antiphon_media::rtp::red::Red;

use crate::one_hand::Downlink;
use crate::plain::{FRAME, FRAME_US, Line, PlainEncoder, RATE, START_US, said};

fn opus(stream: Stream, first_timestamp: u32) -> Downlink<PlainEncoder> {
    Downlink::new(stream, PlainEncoder::new(RATE), START_US, first_timestamp)
}

fn stream() -> Stream {
    Stream::new(Coding::Opus, 111, 0xABCD)
}

/// (slot, timestamp, marker) of what is sent.
fn sent(downlink: &mut Downlink<PlainEncoder>, slots: impl IntoIterator<Item = u64>) -> Vec<(u64, u32, bool)> {
    let mut sent = Vec::new();
    for slot in slots {
        if let Some(packet) = downlink.take(START_US + slot * FRAME_US) {
            assert_eq!((packet.payload_type, packet.ssrc, packet.sequence), (111, 0xABCD, 0));
            sent.push((slot, packet.timestamp, packet.marker));
        }
    }
    sent
}

#[test]
fn markers_and_timestamps_across_silences() {
    let mut downlink = opus(stream(), 5000);
    assert_eq!(sent(&mut downlink, 0..10), []);
    downlink.play(&[1; 2 * FRAME], "a").unwrap();
    let first = sent(&mut downlink, 10..60);
    downlink.play(&[1; FRAME], "b").unwrap();
    let second = sent(&mut downlink, 60..70);
    // What was said, the fade, and 40 ms of silence.
    let spurt = |slots: std::ops::Range<u64>| -> Vec<_> {
        slots.clone().map(|slot| (slot, 5000 + slot as u32 * 960, slot == slots.start)).collect()
    };
    assert_eq!((first, second), (spurt(10..15), spurt(60..64)));
}

#[test]
fn timestamps_wrap() {
    let mut downlink = opus(stream(), 0_u32.wrapping_sub(960));
    downlink.play(&[1; 2 * FRAME], "").unwrap();
    let expected = [(0, 0_u32.wrapping_sub(960), true), (1, 0, false), (2, 960, false)];
    assert_eq!(sent(&mut downlink, 0..3), expected);
}

#[test]
fn slots_that_were_passed_over_show_as_a_pause() {
    let mut downlink = opus(stream(), 0);
    downlink.play(&[1; 4 * FRAME], "").unwrap();
    let packets = sent(&mut downlink, [0, 1, 7, 8]);
    assert_eq!(packets, [(0, 0, true), (1, 960, false), (7, 7 * 960, true), (8, 8 * 960, false)]);
}

#[test]
fn a_slot_gives_a_packet_once_and_none_is_before_the_start() {
    let mut downlink = opus(stream(), 0);
    downlink.play(&[1; 4 * FRAME], "").unwrap();
    assert_eq!(downlink.take(START_US - 1), None);
    assert_eq!(sent(&mut downlink, [1, 1, 0, 2]), [(1, 960, true), (2, 1920, false)]);
}

#[test]
fn speech_right_behind_a_flush_is_no_new_talk_spurt() {
    let mut downlink = opus(stream(), 0);
    downlink.play(&[1; 10 * FRAME], "a").unwrap();
    sent(&mut downlink, 0..3);
    assert_eq!(said(&downlink.flush()), ("a", 60, 140, vec![]));
    downlink.play(&[1; FRAME], "b").unwrap();
    let packets = sent(&mut downlink, 3..11);
    assert_eq!(packets, [3, 4, 5, 6, 7].map(|slot| (slot, slot as u32 * 960, false)));
}

#[test]
fn a_packet_is_written_with_a_place_for_its_sequence_number() {
    let mut downlink = opus(stream(), 7);
    downlink.play(&[1; FRAME], "").unwrap();
    let mut bytes = Vec::new();
    assert!(downlink.take(START_US).unwrap().encode_into(&mut bytes));
    let read = Packet::parse(&bytes).unwrap();
    assert_eq!((read.payload_type, read.sequence, read.timestamp, read.marker), (111, 0, 7, true));
    assert_eq!(read.payload.len(), 2 * FRAME);
}

#[test]
fn g711_has_its_own_clock() {
    let mut line = Line::new();
    line.play(FRAME, 1, "");
    let first = line.downlink.take(START_US + FRAME_US).map(|packet| (packet.payload_type, packet.timestamp));
    let second = line.downlink.take(START_US + 2 * FRAME_US).map(|packet| (packet.payload_type, packet.timestamp));
    assert_eq!((first, second), (Some((0, 5160)), Some((0, 5320))));
}

#[test]
fn reports_say_what_was_sent_and_are_no_senders_when_nothing_was() {
    let mut downlink = opus(stream(), 0_u32.wrapping_sub(48));
    assert_eq!(downlink.sender_info(START_US, NtpTime(1)), None);
    downlink.play(&[1; 2 * FRAME], "").unwrap();
    sent(&mut downlink, 0..10);
    let info = downlink.sender_info(START_US + 50_000, NtpTime(9)).unwrap();
    assert_eq!((info.packets, info.payload_bytes), (5, 5 * 2 * FRAME as u32));
    assert_eq!((info.timestamp, info.ntp), (2400 - 48, NtpTime(9)));
    assert_eq!(downlink.sender_info(START_US + 60_000, NtpTime(1)), None);
    assert_eq!(downlink.state(START_US - 2_000).timestamp, 0_u32.wrapping_sub(48 + 96));
}

#[test]
fn with_redundancy_each_packet_says_the_one_before_once_more_but_none_across_a_pause() {
    let stream = Stream { redundancy: Some(63), ..stream() };
    let mut downlink = Downlink::new(stream, PlainEncoder::new(RATE / 4), START_US, 1000);
    downlink.play(&[300; 2 * FRAME / 4], "").unwrap();
    let mut before = Vec::new();
    for slot in 0..5 {
        let packet = downlink.take(START_US + slot * FRAME_US).unwrap();
        assert_eq!(packet.payload_type, 63);
        let red = Red::parse(packet.payload, packet.timestamp).unwrap();
        assert_eq!((red.primary.payload_type, red.primary.payload.len()), (111, FRAME / 2));
        let redundant: Vec<_> = red.redundant().map(|block| (block.timestamp, block.payload.to_vec())).collect();
        assert_eq!(redundant, before);
        before = vec![(packet.timestamp, red.primary.payload.to_vec())];
    }
    assert_eq!(downlink.take(START_US + 5 * FRAME_US), None);
    downlink.play(&[300; FRAME / 4], "").unwrap();
    let packet = downlink.take(START_US + 6 * FRAME_US).unwrap();
    assert_eq!(Red::parse(packet.payload, packet.timestamp).unwrap().redundant().count(), 0);
}

#[test]
fn what_was_sent_before_slots_that_were_passed_over_is_not_repeated() {
    let stream = Stream { redundancy: Some(63), ..stream() };
    let mut downlink = Downlink::new(stream, PlainEncoder::new(RATE / 4), START_US, 1000);
    downlink.play(&[300; 3 * FRAME / 4], "").unwrap();
    for (slot, redundant) in [(0, 0), (1, 1), (4, 0)] {
        let packet = downlink.take(START_US + slot * FRAME_US).unwrap();
        assert_eq!(Red::parse(packet.payload, packet.timestamp).unwrap().redundant().count(), redundant);
    }
}
