//! What comes from the network, and what is made of it.

use antiphon_media::g711::{G711Decoder, Law};
use antiphon_media::hearing::{Arrival, Feedback, Hearing};
use antiphon_media::rtcp::{Builder, ReportBlock, SenderInfo};
use antiphon_media::rtp::Packet;
use antiphon_media::srtp::{Opening, Sender};
use proptest::prelude::*;

use crate::ends::{MS, PCMU, keys, listener, ntp};

const OWN: u32 = 1;
const THEIRS: u32 = 2;

/// Who has the keys, and us.
fn line() -> (Sender, Hearing<G711Decoder>) {
    let opening = Opening { ssrc: THEIRS, first_sequence: 100 };
    let sender = Sender::new(&keys(true), &[opening]).unwrap();
    (sender, Hearing::new(&keys(false), listener(OWN, None), G711Decoder::new(Law::Mu), 0))
}

fn said(sender: &mut Sender, number: u32, payload_type: u8) -> Vec<u8> {
    let packet =
        Packet { payload_type, timestamp: number * 160, ssrc: THEIRS, payload: &[0xAB; 160], ..Packet::default() };
    let mut datagram = Vec::new();
    assert!(packet.encode_into(&mut datagram));
    sender.protect_rtp(&mut datagram).unwrap();
    datagram
}

#[test]
fn what_comes_is_counted_by_what_was_wrong_with_it() {
    let (mut sender, mut hearing) = line();
    let good = said(&mut sender, 0, PCMU);
    let length = good.len() as u64;
    assert!(hearing.receive_rtp(good.clone(), 0, |_| {}));
    assert!(!hearing.receive_rtp(good, MS, |_| {}), "the same again");
    let mut forged = said(&mut sender, 1, PCMU);
    *forged.last_mut().unwrap() ^= 1;
    assert!(!hearing.receive_rtp(forged, MS, |_| {}));
    assert!(!hearing.receive_rtp(vec![0x80, 0, 1], MS, |_| {}));
    assert!(hearing.receive_rtp(said(&mut sender, 2, 99), MS, |_| {}), "authentic, but of another payload type");
    // It waits for the one that was forged.
    hearing.poll(300 * MS, |_| {});
    let statistics = hearing.statistics();
    assert_eq!((statistics.packets_received, statistics.bytes_received), (2, 2 * length));
    assert_eq!((statistics.replayed, statistics.authentication_failures, statistics.refused), (1, 1, 1));
    assert_eq!(statistics.uplink.foreign, 1);
    assert_eq!(statistics.first_heard_us, Some(0));
}

#[test]
fn beyond_a_hundred_at_once_and_two_hundred_a_second_nothing_is_even_authenticated() {
    let (mut sender, mut hearing) = line();
    for number in 0..150 {
        let authentic = hearing.receive_rtp(said(&mut sender, number, PCMU), 0, |_| {});
        // The first one's stream was not known yet.
        assert_eq!(authentic, number < 101);
    }
    assert_eq!(hearing.statistics().surplus_packets, 49);
    for number in 150..1_150_u32 {
        hearing.receive_rtp(said(&mut sender, number, PCMU), u64::from(number - 149) * MS, |_| {});
    }
    let statistics = hearing.statistics();
    let worked_on = statistics.packets_received - 101;
    assert_eq!(worked_on + statistics.surplus_packets - 49, 1_000);
    assert!((199..=201).contains(&worked_on), "{worked_on}");
}

#[test]
fn who_knows_no_ssrc_uses_up_nothing_of_the_clients() {
    let (mut sender, mut hearing) = line();
    assert!(hearing.receive_rtp(said(&mut sender, 0, PCMU), 0, |_| {}));
    let mut report = Builder::new(THEIRS).report(None, &[]).finish();
    sender.protect_rtcp(&mut report).unwrap();
    for number in 1..500_u32 {
        let now_us = u64::from(number) * 20 * MS;
        for forged in 0..100_u32 {
            let mut packet = vec![0x80; 180];
            packet[8] = forged as u8;
            hearing.receive_rtp(packet, now_us, |_| {});
            hearing.receive_rtcp(vec![0x80, 200, 0, 1, forged as u8, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0], now_us, ntp(0));
        }
        assert!(hearing.receive_rtp(said(&mut sender, number, PCMU), now_us, |_| {}), "{number}");
    }
    assert!(hearing.receive_rtcp(report, 500 * 20 * MS, ntp(0)).is_some());
    let statistics = hearing.statistics();
    assert!(statistics.authentication_failures + statistics.refused <= 100 + 200 * 10);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn who_waits_for_us_did_not_wait_in_the_network(waits in prop::collection::vec(0..100_u64, 2..40)) {
        let (mut sender, mut hearing) = line();
        let (mut now_us, mut heard) = (0, 0);
        let mut came_us = 0;
        for (number, wait) in (0..).zip(&waits) {
            came_us = u64::from(number) * 20 * MS;
            now_us = u64::max(now_us, came_us + wait * MS);
            // Timers run while it waits, later than it came.
            hearing.poll(now_us, |chunk| heard += chunk.pcm.len());
            let arrival = Arrival { came_us, now_us };
            prop_assert!(hearing.receive_rtp(said(&mut sender, number, PCMU), arrival, |chunk| heard += chunk.pcm.len()));
        }
        let info = SenderInfo { ntp: ntp(0), timestamp: 0, packets: 1, payload_bytes: 160 };
        let answered = ReportBlock { ssrc: OWN, last_sender_report: ntp(came_us - MS).middle(), ..ReportBlock::default() };
        let mut report = Builder::new(THEIRS).report(Some(info), &[answered]).finish();
        sender.protect_rtcp(&mut report).unwrap();
        let arrival = Arrival { came_us, now_us };
        prop_assert!(hearing.receive_rtcp(report, arrival, ntp(came_us)).is_some());
        let statistics = hearing.statistics();
        prop_assert_eq!(statistics.jitter_us, 0);
        prop_assert_eq!((statistics.lost, statistics.packets_received), (0, waits.len() as u64));
        let block = hearing.report_block(now_us + MS).unwrap();
        prop_assert_eq!(block.jitter, 0);
        // In 1/65536 s: since it came, not since we looked.
        let delay_us = u64::from(block.delay) * 1_000_000 / 65_536;
        prop_assert!(delay_us.abs_diff(now_us + MS - came_us) < 20, "{delay_us}");
        prop_assert!(hearing.rtt_us().unwrap().abs_diff(MS) < 50);
        hearing.poll(now_us + 100 * MS, |chunk| heard += chunk.pcm.len());
        prop_assert_eq!(heard, waits.len() * 160);
    }
}

#[test]
fn reports_and_nacks_of_other_streams_are_not_ours() {
    let (mut sender, mut hearing) = line();
    let mut nack = Builder::new(THEIRS).report(None, &[]).nack(OWN + 7, &[1, 2]).nack(OWN, &[5, 9]).finish();
    sender.protect_rtcp(&mut nack).unwrap();
    let feedback = hearing.receive_rtcp(nack.clone(), 0, ntp(0)).unwrap();
    assert_eq!((feedback.lost, feedback.loss), (vec![5, 9], None));
    assert_eq!(hearing.receive_rtcp(nack, 0, ntp(0)), None, "the same again");
    let block = |ssrc, fraction_lost| ReportBlock { ssrc, fraction_lost, ..ReportBlock::default() };
    let mut others = Builder::new(THEIRS).report(None, &[block(OWN + 7, 128)]).finish();
    sender.protect_rtcp(&mut others).unwrap();
    assert_eq!(hearing.receive_rtcp(others, 0, ntp(0)), Some(Feedback::default()));
    assert!(!hearing.statistics().far_end.has_reported());
    let mut both = Builder::new(THEIRS).report(None, &[block(OWN, 64), block(OWN + 7, 128)]).finish();
    sender.protect_rtcp(&mut both).unwrap();
    assert_eq!(hearing.receive_rtcp(both, 0, ntp(0)).unwrap().loss, Some(0.25));
    let lost: Vec<u16> = (0..500).collect();
    let mut greedy = Builder::new(THEIRS).report(None, &[]).nack(OWN, &lost).nack(OWN, &lost).finish();
    sender.protect_rtcp(&mut greedy).unwrap();
    assert_eq!(hearing.receive_rtcp(greedy, 0, ntp(0)).unwrap().lost.len(), 64);
}

#[test]
fn speech_that_fills_no_chunk_does_not_wait_for_longer_than_one() {
    let (mut sender, mut hearing) = line();
    hearing.receive_rtp(said(&mut sender, 0, PCMU), 0, |_| panic!("not yet"));
    let due_us = hearing.due_us().unwrap();
    assert_eq!(due_us, 40 * MS);
    hearing.poll(due_us - 1, |_| panic!("not yet"));
    let mut given = Vec::new();
    hearing.poll(due_us, |chunk| given.push(chunk.pcm.len()));
    assert_eq!((given, hearing.due_us()), (vec![160], None));
}

/// The lengths of what is given until the mark is reached, and when that is.
fn until_mark(hearing: &mut Hearing<G711Decoder>, mut now_us: u64) -> (Vec<usize>, u64) {
    let mut given = Vec::new();
    hearing.mark(now_us);
    while !hearing.reaches_mark(|chunk| given.push(chunk.pcm.len())) {
        now_us = hearing.due_us().unwrap();
        hearing.poll(now_us, |chunk| given.push(chunk.pcm.len()));
    }
    (given, now_us)
}

#[test]
fn a_mark_lies_behind_all_that_came_before_it_and_waits_for_nothing_else() {
    let (mut sender, mut hearing) = line();
    assert_eq!(until_mark(&mut hearing, 0), (vec![], 0));
    hearing.receive_rtp(said(&mut sender, 0, PCMU), 0, |_| panic!("not yet"));
    assert_eq!(until_mark(&mut hearing, MS), (vec![160], MS));
    assert_eq!(hearing.due_us(), None, "nothing is left");
    assert!(!hearing.reaches_mark(|_| {}), "once");
    let mut given = Vec::new();
    hearing.receive_rtp(said(&mut sender, 1, PCMU), 20 * MS, |_| panic!("not yet"));
    hearing.receive_rtp(said(&mut sender, 2, PCMU), 40 * MS, |chunk| given.push(chunk.pcm.len()));
    assert_eq!(given, [320]);
}

#[test]
fn a_mark_waits_with_what_lies_behind_a_gap_and_no_longer_than_that_may() {
    let (mut sender, mut hearing) = line();
    hearing.receive_rtp(said(&mut sender, 0, PCMU), 0, |_| {});
    let missing = said(&mut sender, 1, PCMU);
    hearing.receive_rtp(said(&mut sender, 2, PCMU), 20 * MS, |_| {});
    hearing.mark(20 * MS);
    assert!(!hearing.reaches_mark(|_| {}));
    let mut given = 0;
    hearing.receive_rtp(missing, 25 * MS, |chunk| given += chunk.pcm.len());
    assert!(hearing.reaches_mark(|chunk| given += chunk.pcm.len()));
    assert_eq!(given, 3 * 160);

    let (mut sender, mut hearing) = line();
    hearing.receive_rtp(said(&mut sender, 0, PCMU), 0, |_| {});
    said(&mut sender, 1, PCMU);
    hearing.receive_rtp(said(&mut sender, 2, PCMU), 20 * MS, |_| {});
    let wait_us = hearing.statistics().uplink.wait_ms * MS;
    let (given, now_us) = until_mark(&mut hearing, 20 * MS);
    assert_eq!(given.iter().sum::<usize>(), 3 * 160, "concealed");
    assert_eq!(now_us, 20 * MS + wait_us);
}

#[test]
fn gaps_that_follow_one_another_do_not_hold_a_mark_up() {
    let (mut sender, mut hearing) = line();
    hearing.mark(0);
    assert!(hearing.reaches_mark(|_| {}));
    let mut reached_us = None;
    for number in 0..40_u32 {
        let now_us = u64::from(number) * 20 * MS;
        let packet = said(&mut sender, number, PCMU);
        // Every other one is lost.
        if number % 2 == 0 {
            hearing.receive_rtp(packet, now_us, |_| {});
            // The second one, behind another gap, is the same one.
            if number == 2 || number == 4 {
                hearing.mark(now_us);
            }
        }
        hearing.poll(now_us, |_| {});
        if number >= 2 && hearing.reaches_mark(|_| {}) {
            reached_us.get_or_insert(now_us);
        }
    }
    // The first gap was waited for, those after the mark were not.
    assert!(reached_us.unwrap() <= 40 * MS + 130 * MS, "{reached_us:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_are_too_strange_and_its_timer_never_stands_still(
        datagrams in prop::collection::vec(
            (prop::option::of((0..64_u32, 0..100_u8)), prop::collection::vec(any::<u8>(), 0..60), 0..100 * MS),
            0..60,
        ),
    ) {
        let (mut sender, mut hearing) = line();
        let mut now_us = 0;
        for (authentic, bytes, after_us) in datagrams {
            now_us += after_us;
            if let Some((number, payload_type)) = authentic {
                hearing.receive_rtp(said(&mut sender, number, payload_type), now_us, |_| {});
            } else {
                hearing.receive_rtp(bytes.clone(), now_us, |_| {});
                hearing.receive_rtcp(bytes, now_us, ntp(now_us));
            }
            hearing.poll(now_us, |_| {});
            if after_us % 3 == 0 {
                hearing.mark(now_us);
            }
            hearing.reaches_mark(|_| {});
            prop_assert!(hearing.due_us().is_none_or(|due_us| due_us > now_us));
            hearing.take_asked();
        }
    }
}
