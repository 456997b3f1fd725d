//! What goes out, when, and what does not.

use antiphon_media::downlink::Encoding;
use antiphon_media::g711::{G711Encoder, Law};
use antiphon_media::rtcp::{Compound, Packet as Rtcp, ReportBlock};
use antiphon_media::rtp::Packet;
use antiphon_media::speaking::{NotNew, Speaking, Turn};
use antiphon_media::srtp::Receiver;
use antiphon_media::wheel::MOST_CAUGHT_UP;

use crate::ends::{FRAME, FRAME_US, MS, keys, ntp, speaking};

const SSRC: u32 = 7;

fn started() -> (Speaking, Encoding<G711Encoder>) {
    let mut speaking = speaking(SSRC);
    speaking.start(&keys(true)).unwrap();
    speaking.begin_slots(0);
    (speaking, Encoding::new(G711Encoder::new(Law::Mu)))
}

fn encode(speaking: &mut Speaking, encoding: &mut Encoding<G711Encoder>) {
    let order = speaking.hand_out(encoding).unwrap();
    encoding.encode(&order);
    speaking.take_back(order, encoding);
}

fn slot(speaking: &mut Speaking, number: u64) -> Turn {
    speaking.turn(number * FRAME_US, number * FRAME_US, &mut Vec::new())
}

#[test]
fn the_encoders_owner_is_called_once_until_nothing_is_left() {
    let (mut speaking, mut encoding) = started();
    assert!(!speaking.calls_encoder());
    speaking.play(&[1000; 2 * FRAME], "").unwrap();
    assert!(speaking.calls_encoder());
    speaking.play(&[1000; FRAME], "").unwrap();
    assert!(!speaking.calls_encoder());
    for _ in 0..3 {
        encode(&mut speaking, &mut encoding);
        assert!(!speaking.calls_encoder());
    }
    assert!(speaking.hand_out(&mut encoding).is_none());
    assert!(!speaking.calls_encoder());
    speaking.play(&[1000; FRAME], "").unwrap();
    assert!(speaking.calls_encoder());
}

#[test]
fn what_was_played_before_the_start_is_heard_from_the_first_slot_on() {
    let mut speaking = speaking(SSRC);
    let mut encoding = Encoding::new(G711Encoder::new(Law::Mu));
    speaking.play(&[1000; FRAME], "").unwrap();
    encode(&mut speaking, &mut encoding);
    let mut datagram = Vec::new();
    assert_eq!(speaking.turn(0, 0, &mut datagram), Turn::Silence);
    speaking.start(&keys(true)).unwrap();
    speaking.begin_slots(5 * MS);
    assert_eq!(speaking.turn(4 * MS, 4 * MS, &mut datagram), Turn::Silence);
    assert_eq!(speaking.turn(5 * MS, 6 * MS, &mut datagram), Turn::Packet);
    let packet = Packet::parse(&datagram).unwrap();
    assert!(packet.marker);
    assert_eq!((packet.timestamp, packet.sequence), (u32::MAX - 1000, 0x7FF0));
    assert_eq!(speaking.counts().first_sent_us, Some(6 * MS));
    assert_eq!(speaking.start(&keys(true)), Err(NotNew));
}

#[test]
fn the_silence_after_a_sound_is_encoded_ahead_like_the_sound() {
    let (mut speaking, mut encoding) = started();
    speaking.play(&[1000; 2 * FRAME], "item").unwrap();
    speaking.end_of_item("item");
    let mut turns = Vec::new();
    for number in 0..8 {
        while let Some(order) = speaking.hand_out(&mut encoding) {
            encoding.encode(&order);
            speaking.take_back(order, &encoding);
        }
        turns.push(slot(&mut speaking, number));
    }
    let sent = turns.iter().filter(|turn| **turn == Turn::Packet).count();
    assert!(sent >= 2 + 40 / 20, "the sound and 40 ms: {turns:?}");
    assert_eq!(turns, [vec![Turn::Packet; sent], vec![Turn::Silence; 8 - sent]].concat());
}

#[test]
fn a_slot_that_lacks_a_frame_is_left_to_the_encoders_owner_and_so_are_those_after_it() {
    let (mut speaking, mut encoding) = started();
    speaking.play(&[1000; 20 * FRAME], "").unwrap();
    let turns: Vec<_> = (0..MOST_CAUGHT_UP).map(|number| slot(&mut speaking, number)).collect();
    assert!(turns.iter().all(|turn| *turn == Turn::Unencoded), "{turns:?}");
    let mut datagram = Vec::new();
    for number in 0..MOST_CAUGHT_UP {
        let (slot, order) = speaking.begin_turn(number * FRAME_US, &mut encoding).unwrap();
        let order = order.unwrap();
        encoding.encode(&order);
        speaking.take_back(order, &encoding);
        assert_eq!(speaking.end_turn(slot, 0, &mut datagram), Turn::Packet);
    }
    assert!(speaking.begin_turn(0, &mut encoding).is_none(), "that slot was used");
    encode(&mut speaking, &mut encoding);
    assert_eq!(slot(&mut speaking, 7), Turn::Packet);
}

#[test]
fn a_report_says_what_was_sent_if_anything_was_and_bye_is_the_end() {
    let (mut speaking, mut encoding) = started();
    let mut receiver = Receiver::new(&keys(false));
    let mut read = |mut datagram: Vec<u8>| {
        receiver.unprotect_rtcp(&mut datagram).unwrap();
        datagram
    };
    let block = ReportBlock { ssrc: 9, lost: 3, ..ReportBlock::default() };
    let packet = read(speaking.report(MS, ntp(MS), Some(block)).unwrap());
    let packets: Vec<_> = Compound::parse(&packet).unwrap().packets().collect();
    let [Rtcp::Report(report), Rtcp::SourceDescription(names)] = packets[..] else { panic!("{packets:?}") };
    assert_eq!((report.ssrc, report.sender), (SSRC, None));
    assert_eq!(report.blocks().collect::<Vec<_>>(), [block]);
    assert_eq!(names.chunks().next().unwrap().cname, Some(&b"antiphon"[..]));

    speaking.play(&[1000; FRAME], "").unwrap();
    encode(&mut speaking, &mut encoding);
    assert_eq!(slot(&mut speaking, 1), Turn::Packet);
    let packet = read(speaking.report(30 * MS, ntp(30 * MS), None).unwrap());
    let Some(Rtcp::Report(report)) = Compound::parse(&packet).unwrap().packets().next() else { panic!() };
    let info = report.sender.unwrap();
    // RTP time is the slots': 30 ms are 240 ticks.
    assert_eq!((info.packets, info.payload_bytes, info.timestamp), (1, 160, (u32::MAX - 1000).wrapping_add(240)));
    assert_eq!(info.ntp, ntp(30 * MS));

    let packet = read(speaking.nack(9, &[4, 6]).unwrap());
    let packets: Vec<_> = Compound::parse(&packet).unwrap().packets().collect();
    let [Rtcp::Report(_), Rtcp::SourceDescription(_), Rtcp::Nack(nack)] = packets[..] else { panic!("{packets:?}") };
    assert_eq!((nack.media_ssrc, nack.lost().collect::<Vec<_>>()), (9, vec![4, 6]));

    let packet = read(speaking.stop(MS, ntp(MS), None).unwrap());
    let packets: Vec<_> = Compound::parse(&packet).unwrap().packets().collect();
    let [Rtcp::Report(_), Rtcp::SourceDescription(_), Rtcp::Goodbye(bye)] = packets[..] else { panic!("{packets:?}") };
    assert_eq!(bye.ssrcs().collect::<Vec<_>>(), [SSRC]);
    assert_eq!(speaking.counts().packets_sent, 5);
}

#[test]
fn after_the_end_nothing_is_said_encoded_or_begun_again() {
    for is_started in [true, false] {
        let (mut speaking, mut encoding) = started();
        if !is_started {
            speaking = crate::ends::speaking(SSRC);
        }
        speaking.play(&[1000; 3 * FRAME], "").unwrap();
        assert_eq!(speaking.stop(0, ntp(0), None).is_some(), is_started);
        assert_eq!(speaking.stop(0, ntp(0), None), None);
        assert!(speaking.hand_out(&mut encoding).is_none());
        assert!(!speaking.calls_encoder());
        assert_eq!(slot(&mut speaking, 1), Turn::Silence);
        assert!(speaking.begin_turn(FRAME_US, &mut encoding).is_none());
        assert_eq!(speaking.report(0, ntp(0), None), None);
        assert_eq!(speaking.nack(9, &[1]), None);
        assert_eq!(speaking.play(&vec![1000; 600 * 8_000], ""), Ok(()));
        assert_eq!(speaking.start(&keys(true)), Err(NotNew));
    }
}
