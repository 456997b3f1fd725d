//! Owner after owner of one call: what each begins with, and what it may not say.

use std::sync::{Arc, Mutex};

use antiphon_media::call_export::{Kind, LEAP, MOST_UNHEARD_LEAPS, Permit, Tenure};
use antiphon_media::codec::Coding;
use antiphon_media::downlink::{Encoding, Stream};
use antiphon_media::g711::{G711Decoder, G711Encoder, Law};
use antiphon_media::hearing::{Hearing, HearingState};
use antiphon_media::reports::Source;
use antiphon_media::rtcp::{Builder, ReportBlock};
use antiphon_media::rtp::Packet;
use antiphon_media::speaking::{Legacy, Speaking, SpeakingState, Turn};
use antiphon_media::srtp::{BadState, Opening, ReceiverState, ReceiverStream, Sender};

use crate::ends::{FRAME, FRAME_US, MS, PCMU, keys, listener, ntp, speaking};

const SSRC: u32 = 7;
const THEIRS: u32 = 9;
/// Of the next owner's own clock.
const LATER_US: u64 = 77_000_000;

#[derive(Debug)]
struct Shared(Mutex<Tenure>);

impl Permit for Shared {
    fn takes(&self, kind: Kind) -> bool {
        self.0.lock().unwrap().takes(kind)
    }
}

struct Talker {
    speaking: Speaking,
    encoding: Encoding<G711Encoder>,
}

impl Talker {
    fn new(mut speaking: Speaking, start_us: u64) -> Self {
        speaking.begin_slots(start_us);
        Self { speaking, encoding: Encoding::new(G711Encoder::new(Law::Mu)) }
    }

    fn first() -> Self {
        let mut speaking = speaking(SSRC);
        speaking.start(&keys(true)).unwrap();
        Self::new(speaking, 0)
    }

    fn heir(state: SpeakingState, elapsed_us: u64) -> Self {
        Self::new(resumed(state, LEAP.packets, elapsed_us).unwrap(), LATER_US + 5 * MS)
    }

    /// The slot at that time, with sound.
    fn say(&mut self, at_us: u64) -> (Turn, Vec<u8>) {
        self.speaking.play(&[1000; FRAME], "").unwrap();
        let mut datagram = Vec::new();
        while let Some(order) = self.speaking.hand_out(&mut self.encoding) {
            self.encoding.encode(&order);
            self.speaking.take_back(order, &self.encoding);
        }
        (self.speaking.turn(at_us, at_us, &mut datagram), datagram)
    }
}

fn resumed(state: SpeakingState, leap: u32, elapsed_us: u64) -> Option<Speaking> {
    let SpeakingState { sender, downlink, unheard_leaps } = state;
    let sender = if leap == 0 { sender.unchanged() } else { sender.advanced_by(leap) };
    let legacy = Legacy { sender: sender.unwrap(), downlink, elapsed_us, unheard_leaps: unheard_leaps + 1 };
    let source = Source { ssrc: SSRC, cname: "antiphon".into() };
    Speaking::resume(source, Stream::new(Coding::Pcmu, PCMU, SSRC), 8_000, &keys(true), legacy, LATER_US)
}

#[test]
fn a_heir_speaks_at_once_in_a_talk_spurt_of_its_own_and_rtp_time_has_gone_on() {
    let mut first = Talker::first();
    let (_, last) = first.say(FRAME_US);
    let exported_us = FRAME_US + 30 * MS;
    let state = first.speaking.state(exported_us).unwrap();
    for is_final in [true, false] {
        let leap = if is_final { 0 } else { LEAP.packets };
        let speaking = resumed(state.clone(), leap, 3_000 * MS).unwrap();
        assert!(speaking.is_running());
        // The wheel has a place for it 5 ms later.
        let mut heir = Talker::new(speaking, LATER_US + 5 * MS);
        let (turn, datagram) = heir.say(LATER_US + 5 * MS);
        assert_eq!(turn, Turn::Packet);
        let (last, packet) = (Packet::parse(&last).unwrap(), Packet::parse(&datagram).unwrap());
        assert!(packet.marker);
        assert_eq!(packet.sequence, last.sequence + 1 + leap as u16);
        assert_eq!(packet.timestamp.wrapping_sub(last.timestamp), 8 * (30 + 3_000 + 5));
        let (turn, datagram) = heir.say(LATER_US + 5 * MS + FRAME_US);
        assert_eq!((turn, Packet::parse(&datagram).unwrap().marker), (Turn::Packet, false));
        assert_eq!(heir.speaking.state(LATER_US).unwrap().downlink.packets, 3);
    }
}

#[test]
fn a_stream_that_the_keys_have_no_number_for_is_not_gone_on_with() {
    let mut state = Talker::first().speaking.state(0).unwrap();
    state.sender.streams[0].ssrc += 1;
    assert!(resumed(state, LEAP.packets, 0).is_none());
}

#[test]
fn who_is_not_permitted_says_nothing_and_counts_it() {
    let mut talker = Talker::first();
    let tenure = Arc::new(Shared(Mutex::new(Tenure::of_new_call())));
    let permit: Arc<dyn Permit> = Arc::<Shared>::clone(&tenure);
    talker.speaking.ask_for(permit);
    let before = talker.speaking.state(0).unwrap().sender;
    let mut said = 0;
    tenure.0.lock().unwrap().offer(None).unwrap();
    for slot in 1..u64::from(LEAP.packets) + 4 {
        said += u32::from(talker.say(slot * FRAME_US).0 == Turn::Packet);
    }
    let after = talker.speaking.state(0).unwrap().sender;
    let used = after.streams[0].next_rtp_index - before.streams[0].next_rtp_index;
    assert_eq!((u64::from(said), used), (LEAP.packets.into(), LEAP.packets.into()));
    assert_eq!(talker.speaking.counts().withheld, 3);
    // Reports have an allotment of their own.
    assert!(talker.speaking.report(0, ntp(0), None).is_some());
    tenure.0.lock().unwrap().close();
    assert_eq!(talker.speaking.report(0, ntp(0), None), None);
    assert_eq!(talker.speaking.nack(THEIRS, &[1]), None);
    assert_eq!(talker.speaking.stop(0, ntp(0), None), None, "nor goodbye");
    assert_eq!(talker.speaking.counts().withheld, 6);
}

#[test]
fn a_report_of_this_owners_packet_ends_the_count_of_leaps_and_one_of_anothers_does_not() {
    let unheard = |owner: &Talker| owner.speaking.state(0).unwrap().unheard_leaps;
    let mut owner = Talker::first();
    let mut reported = vec![Packet::parse(&owner.say(FRAME_US).1).unwrap().sequence];
    for leaps in 1..=MOST_UNHEARD_LEAPS {
        let before = SpeakingState { unheard_leaps: leaps - 1, ..owner.speaking.state(0).unwrap() };
        owner = Talker::heir(before, 0);
        let first = owner.speaking.state(0).unwrap().sender.streams[0].next_rtp_index as u16;
        // With any count of turns above.
        let hear = |owner: &mut Talker, sequence: u16| owner.speaking.far_end_heard(u32::from(sequence) | 5 << 16);
        for sequence in reported.iter().copied().chain([first, first - 1]) {
            hear(&mut owner, sequence);
            assert_eq!(unheard(&owner), leaps, "{sequence}");
        }
        let (_, datagram) = owner.say(LATER_US + 5 * MS);
        assert_eq!(Packet::parse(&datagram).unwrap().sequence, first);
        hear(&mut owner, first);
        assert_eq!(unheard(&owner), 0);
        reported.push(first);
    }
}

struct Mouth(Sender);

impl Mouth {
    fn new() -> Self {
        Self(Sender::new(&keys(true), &[Opening { ssrc: THEIRS, first_sequence: 100 }]).unwrap())
    }

    fn say(&mut self, number: u32) -> Vec<u8> {
        let packet = Packet {
            payload_type: PCMU,
            timestamp: number * 160,
            ssrc: THEIRS,
            payload: &[0xAB; 160],
            ..Packet::default()
        };
        let mut datagram = Vec::new();
        assert!(packet.encode_into(&mut datagram));
        self.0.protect_rtp(&mut datagram).unwrap();
        datagram
    }
}

fn ear(state: HearingState) -> Result<Hearing<G711Decoder>, BadState> {
    Hearing::resume(&keys(false), state, listener(SSRC, None), G711Decoder::new(Law::Mu), LATER_US)
}

#[test]
fn what_one_owner_has_heard_the_next_does_not_hear_again_and_what_came_between_is_not_lost() {
    let mut mouth = Mouth::new();
    let mut first = Hearing::new(&keys(false), listener(SSRC, None), G711Decoder::new(Law::Mu), 0);
    let heard: Vec<_> = (0..10).map(|number| mouth.say(number)).collect();
    for (datagram, at) in heard.iter().zip(0..) {
        assert!(first.receive_rtp(datagram.clone(), at * FRAME_US, |_| {}));
    }
    let mut state = HearingState::default();
    first.write_state(&mut state);
    assert_eq!(state.reception.unwrap().expected, 10);
    // What the first one hears after that, nobody knows of.
    for number in 10..60 {
        mouth.say(number);
    }
    let mut second = ear(state.clone()).unwrap();
    let mut unchanged = HearingState::default();
    second.write_state(&mut unchanged);
    assert_eq!(unchanged, state, "before the client is heard");
    for datagram in &heard {
        assert!(!second.receive_rtp(datagram.clone(), LATER_US, |_| {}));
    }
    let mut samples = 0;
    for (number, at) in (60..70).zip(0..) {
        assert!(second.receive_rtp(mouth.say(number), LATER_US + at * FRAME_US, |chunk| samples += chunk.pcm.len()));
    }
    assert_eq!(samples, 10 * 160);
    let statistics = second.statistics();
    assert_eq!((statistics.packets_received, statistics.lost, statistics.replayed), (10, 0, 10));
    let block = second.report_block(LATER_US).unwrap();
    assert_eq!((block.fraction_lost, block.lost), (0, 0));
    second.write_state(&mut state);
    let Some(reception) = state.reception else { panic!() };
    assert_eq!((reception.ssrc, reception.highest & 0xFFFF, reception.received), (THEIRS, 169, 20));
}

#[test]
fn a_receiving_side_that_is_none_is_not_gone_on_with() {
    let stream = ReceiverStream { ssrc: THEIRS, rtp: None, rtcp: None };
    let receiver = ReceiverState { streams: vec![stream, stream] };
    assert_eq!(ear(HearingState { receiver, reception: None }).err(), Some(BadState::SameStreamTwice));
}

#[test]
fn a_report_says_which_packet_of_ours_they_heard_last() {
    let mut mouth = Mouth::new();
    let mut hearing = ear(HearingState::default()).unwrap();
    let block = |ssrc| ReportBlock { ssrc, highest_sequence: 0x3_1234, ..ReportBlock::default() };
    for (ssrc, expected) in [(SSRC, Some(0x3_1234)), (SSRC + 1, None)] {
        let mut report = Builder::new(THEIRS).report(None, &[block(ssrc)]).finish();
        mouth.0.protect_rtcp(&mut report).unwrap();
        let feedback = hearing.receive_rtcp(report, LATER_US, ntp(LATER_US)).unwrap();
        assert_eq!(feedback.highest_sequence, expected);
    }
}
