//! What the other side's reports say of our stream.

use antiphon_media::far_end::FarEnd;
use antiphon_media::rtcp::{NtpTime, ReportBlock};

const EPOCH_US: u64 = 1_795_226_400_000_000;

fn at(us: u64) -> NtpTime {
    NtpTime::from_unix_us(EPOCH_US + us)
}

fn answering(sent: NtpTime, delay: u32) -> ReportBlock {
    ReportBlock {
        fraction_lost: 64,
        lost: 5,
        jitter: 96,
        last_sender_report: sent.middle(),
        delay,
        ..Default::default()
    }
}

fn heard(block: &ReportBlock, now: NtpTime) -> FarEnd {
    let mut far_end = FarEnd::default();
    far_end.hear(block, now);
    far_end
}

fn assert_near(us: Option<u64>, expected: u64) {
    // A unit of the reports' time is 15 us.
    assert!(us.unwrap().abs_diff(expected) <= 45, "{us:?} instead of {expected}");
}

#[test]
fn the_round_trip_is_what_the_far_end_did_not_keep() {
    let far_end = heard(&answering(at(0), 300 * 65_536 / 1000), at(350_000));
    assert_near(far_end.rtt_us(), 50_000);
    assert_eq!((far_end.lost(), far_end.loss(), far_end.jitter_us(48_000)), (5, 0.25, 2_000));
}

#[test]
fn the_round_trip_is_right_when_the_middle_of_the_time_wraps() {
    // The middle 32 bits wrap every 65,536 s; this is 10 ms before.
    let into_wrap_us = (EPOCH_US / 1_000_000 + 2_208_988_800) % 65_536 * 1_000_000;
    let sent_us = 65_536 * 1_000_000 - into_wrap_us - 10_000;
    assert!(at(sent_us).middle() > at(sent_us + 80_000).middle());
    assert_near(heard(&answering(at(sent_us), 0), at(sent_us + 80_000)).rtt_us(), 80_000);
}

#[test]
fn a_far_end_that_had_no_sender_report_says_nothing_of_the_round_trip() {
    let far_end = heard(&ReportBlock { lost: -2, ..Default::default() }, at(0));
    assert_eq!((far_end.rtt_us(), far_end.smoothed_rtt_us(), far_end.lost()), (None, None, -2));
}

#[test]
fn a_round_trip_a_hair_below_zero_is_zero_and_one_far_below_is_a_lie() {
    assert_eq!(heard(&answering(at(0), 70_000), at(1_000_000)).rtt_us(), Some(0));
    assert_eq!(heard(&answering(at(0), 700_000), at(1_000_000)).rtt_us(), None);
}

#[test]
fn one_slow_answer_moves_the_smoothed_round_trip_by_an_eighth() {
    let mut far_end = FarEnd::default();
    assert_eq!(far_end.jitter_us(48_000), 0);
    far_end.hear(&answering(at(0), 0), at(40_000));
    far_end.hear(&answering(at(0), 0), at(120_000));
    assert_near(far_end.rtt_us(), 120_000);
    assert_near(far_end.smoothed_rtt_us(), 50_000);
}
