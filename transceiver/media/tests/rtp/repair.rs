//! Loss repaired by asking: which packets are asked for, and which are sent again.

use antiphon_media::missing::{MOST_MISSING, Missing};
use antiphon_media::rtp::{ANSWER_WITHIN_US, KEPT, Packet, Sent};
use antiphon_media::switchboard::REPEATED;
use proptest::prelude::*;

const MS: u64 = 1_000;
const WAIT_US: u64 = 60 * MS;
const RTT: Option<u64> = Some(20 * MS);

/// One turn of the circle up, just before its end.
const FIRST: u64 = 2 * 65_536 - 2;

fn missing(arrived: impl IntoIterator<Item = u64>) -> Missing {
    let mut missing = Missing::default();
    for index in arrived {
        missing.arrived(FIRST + index, 0);
    }
    missing
}

fn names(indexes: &[u64]) -> Vec<u16> {
    indexes.iter().map(|index| (FIRST + index) as u16).collect()
}

#[test]
fn a_gap_is_asked_for_over_the_wrap() {
    let mut missing = missing([0, 1, 5]);
    assert_eq!(missing.ask(0, RTT, WAIT_US), [0, 1, 2]);
}

#[test]
fn what_came_or_was_passed_is_not_asked_for() {
    let mut missing = missing([0, 5, 2]);
    missing.passed(FIRST + 3);
    assert_eq!(missing.ask(0, RTT, WAIT_US), names(&[3, 4]));
    missing.passed(FIRST + 9);
    assert!(missing.is_empty());
}

#[test]
fn nothing_is_asked_for_that_cannot_come_in_time() {
    let mut gap = missing([0, 2]);
    assert!(gap.ask(0, None, WAIT_US).is_empty());
    assert!(gap.ask(0, Some(56 * MS), WAIT_US).is_empty());
    assert!(gap.ask(36 * MS, RTT, WAIT_US).is_empty());
    assert_eq!(gap.ask(0, Some(55 * MS), WAIT_US), names(&[1]));
    assert_eq!(missing([0, 2]).ask(35 * MS, RTT, WAIT_US), names(&[1]));
    // An accuracy mode that waits longer asks farther.
    assert_eq!(missing([0, 2]).ask(0, Some(150 * MS), 200 * MS), names(&[1]));
}

#[test]
fn it_is_asked_again_after_one_and_a_half_round_trips_and_three_times_in_all() {
    let mut gap = missing([0, 2]);
    let asked: Vec<u64> = (0..1_000).filter(|ms| !gap.ask(ms * MS, RTT, 10_000 * MS).is_empty()).collect();
    assert_eq!(asked, [0, 30, 60]);
}

#[test]
fn an_outage_is_not_asked_for() {
    let mut gap = missing([0, 2, 3 + MOST_MISSING + 1]);
    assert!(gap.is_empty());
    gap.arrived(FIRST + 30, 0);
    assert_eq!(gap.ask(0, RTT, WAIT_US), names(&(21..30).collect::<Vec<_>>()));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_history_of_a_stream_holds_what_is_repeated_after_a_change_of_the_way_back(
        first in any::<u16>(),
        count in 0..200_u16,
    ) {
        let mut sent = Sent::default();
        let all: Vec<_> = (0..count).map(|step| datagram(first.wrapping_add(step))).collect();
        for datagram in &all {
            sent.keep(0, datagram);
        }
        let latest = all.iter().skip(all.len().saturating_sub(usize::from(REPEATED)));
        prop_assert!(sent.repeat(REPEATED).eq(latest));
        prop_assert_eq!(sent.repeat(REPEATED).count(), 0);
    }

    #[test]
    fn only_what_did_not_come_is_asked_for_and_boundedly(
        arrivals in prop::collection::vec((0..400_u64, 0..30_u64), 1..100),
        rtt_us in prop::option::of(0..200 * MS),
    ) {
        let mut missing = Missing::default();
        let (mut now_us, mut came) = (0, Vec::new());
        for (index, after_ms) in arrivals {
            now_us += after_ms * MS;
            missing.arrived(FIRST + index, now_us);
            came.push((FIRST + index) as u16);
            let asked = missing.ask(now_us, rtt_us, WAIT_US);
            prop_assert!(asked.len() as u64 <= MOST_MISSING);
            prop_assert!(asked.iter().all(|name| !came.contains(name)));
        }
    }
}

fn datagram(sequence: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    assert!(Packet { sequence, payload: &sequence.to_be_bytes(), ..Packet::default() }.encode_into(&mut bytes));
    bytes
}

/// Frames sent every 20 ms, and the time of the last.
fn sent(count: u16) -> (Sent, u64) {
    let mut sent = Sent::default();
    for step in 0..count {
        sent.keep(u64::from(step) * 20 * MS, &datagram(65_530_u16.wrapping_add(step)));
    }
    (sent, u64::from(count - 1) * 20 * MS)
}

#[test]
fn what_is_asked_for_is_sent_again_byte_for_byte() {
    let (mut sent, now_us) = sent(10);
    let answer = sent.answer(now_us, RTT, [65_535, 0, 1, 77]);
    assert_eq!(answer, [datagram(65_535), datagram(0), datagram(1)]);
}

#[test]
fn a_client_that_asks_with_every_packet_is_answered_twice() {
    let (mut sent, now_us) = sent(10);
    let answered: Vec<u64> =
        (0..200).filter(|ms| !sent.answer(now_us + ms * MS, Some(40 * MS), [2]).is_empty()).collect();
    assert_eq!(answered, [0, 40]);
}

#[test]
fn what_is_old_or_was_overwritten_is_not_sent_again() {
    let (mut sent, now_us) = sent(KEPT as u16 + 1);
    assert!(sent.answer(now_us, RTT, [65_530]).is_empty());
    assert!(sent.answer(ANSWER_WITHIN_US + 20 * MS, RTT, [65_531]).is_empty());
    assert_eq!(sent.answer(ANSWER_WITHIN_US + 20 * MS - 1, RTT, [65_531]).len(), 1);
}

#[test]
fn a_nack_does_not_amplify() {
    let (mut sent, mut now_us) = sent(64);
    let (mut repeated, mut packets) = (0, 0);
    for sequence in 58..1058_u16 {
        now_us += 20 * MS;
        sent.keep(now_us, &datagram(sequence));
        packets += 1;
        for _ in 0..4 {
            repeated += sent.answer(now_us, RTT, (0..=u16::MAX).rev().chain(0..=sequence)).len();
            repeated += sent.answer(now_us, RTT, (0..KEPT as u16).map(|back| sequence.wrapping_sub(back))).len();
        }
    }
    assert!(repeated <= packets / 3 + 10, "{repeated} of {packets}");
    assert!(repeated >= packets / 3, "{repeated} of {packets}");
}

#[test]
fn the_latest_are_repeated_once_oldest_first() {
    let (mut sent, now_us) = sent(100);
    let expected: Vec<_> = (86..94).map(datagram).collect();
    assert_eq!(sent.repeat(8).collect::<Vec<_>>(), expected);
    assert_eq!(sent.repeat(8).count(), 0);
    sent.keep(now_us, &datagram(94));
    assert_eq!(sent.repeat(8).collect::<Vec<_>>(), [datagram(94)]);
    assert_eq!(sent.repeat(1000).count(), KEPT - 9);
    assert_eq!(Sent::default().repeat(8).count(), 0);
}

#[test]
fn what_is_no_rtp_is_not_kept() {
    let mut sent = Sent::default();
    sent.keep(0, &datagram(0)[..11]);
    assert_eq!(sent.repeat(8).count(), 0);
    assert!(sent.answer(0, RTT, [0]).is_empty());
}
