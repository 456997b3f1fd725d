//! What is counted of a stream that is received.

use antiphon_media::reception::Reception;
use antiphon_media::receptions::{Receptions, Stream};
use antiphon_media::rtcp::NtpTime;
use antiphon_media::rtp::Packet;
use proptest::prelude::*;

const FRAME_US: u64 = 20_000;

fn begun(index: u64, now_us: u64) -> Reception {
    Reception::starting_with(9, 48_000, index as u16, (index * 960) as u32, now_us)
}

/// The frames `indexes`, each at its time.
fn received(arrivals: &[(u64, u64)]) -> Reception {
    let [(first, at_us), rest @ ..] = arrivals else { panic!("nothing arrived") };
    let mut reception = begun(*first, *at_us);
    for (index, now_us) in rest {
        reception.receive(*index as u16, (index * 960) as u32, *now_us);
    }
    reception
}

#[test]
fn a_steady_stream_has_no_jitter_across_both_wraps() {
    let first = (1_u64 << 32) / 960 / 65_536 * 65_536 - 3;
    let reception = received(&(0..30_000).map(|step| (first + step, 7 + step * FRAME_US)).collect::<Vec<_>>());
    assert_eq!((reception.jitter_us(), reception.lost()), (0, 0));
}

#[test]
fn a_clock_of_8_khz_has_ticks_of_125_us() {
    let mut reception = Reception::starting_with(9, 8_000, 0, 0, 0);
    for step in 1..2_000_u64 {
        let late_us = if step % 2 == 0 { 0 } else { 4_000 };
        reception.receive(step as u16, (160 * step) as u32, step * FRAME_US + late_us);
    }
    assert!((3_900..=4_100).contains(&reception.jitter_us()), "{}", reception.jitter_us());
    let block = reception.report(0);
    assert!((31..=33).contains(&block.jitter), "{block:?}");
}

#[test]
fn losses_are_counted_and_the_fraction_starts_anew_with_each_report() {
    let arrived: Vec<_> = (65_531..65_732).filter(|index| index % 10 != 0).map(|index| (index, 0)).collect();
    let mut reception = received(&arrived);
    let first = reception.report(0);
    assert_eq!((first.lost, first.fraction_lost, first.highest_sequence), (20, (20 * 256 / 201) as u8, 65_731));
    for index in 65_732..65_832_u64 {
        reception.receive(index as u16, (index * 960) as u32, 0);
    }
    let second = reception.report(0);
    assert_eq!((second.lost, second.fraction_lost), (20, 0));
    assert_eq!(reception.report(0).fraction_lost, 0);
}

#[test]
fn packets_that_come_after_all_were_not_lost_and_say_nothing_of_jitter() {
    let mut reception = received(&[(1, 0), (2, FRAME_US), (4, 3 * FRAME_US)]);
    assert_eq!((reception.lost(), reception.report(0).fraction_lost), (1, 64));
    reception.receive(3, 3 * 960, 10 * FRAME_US);
    assert_eq!((reception.lost(), reception.jitter_us()), (0, 0));
    // RFC 3550 A.3: fewer lost than nothing is nothing.
    assert_eq!(reception.report(0).fraction_lost, 0);
}

#[test]
fn nearly_all_lost_is_no_more_than_255_of_256() {
    let mut reception = received(&[(0, 0), (1, 0)]);
    reception.report(0);
    reception.receive(2_900, 0, 0);
    assert_eq!(reception.report(0).fraction_lost, 255);
}

#[test]
fn who_leaps_further_than_anything_is_lost_began_anew() {
    let mut reception = received(&[(0, 0), (1, 0), (3, 0)]);
    for step in 1..100_u32 {
        reception.receive((3 + step * 30_000) as u16, 0, 0);
    }
    assert_eq!((reception.lost(), reception.expected()), (1, 103));
}

#[test]
fn a_report_names_the_last_sender_report_and_how_long_ago_it_was() {
    let mut reception = received(&[(1, 0), (2, FRAME_US)]);
    assert_eq!((reception.report(1).last_sender_report, reception.report(1).delay), (0, 0));
    reception.sender_reported(NtpTime(0x0000_1234_5678_0000), 2_000_000);
    let block = reception.report(3_500_000);
    assert_eq!((block.last_sender_report, block.delay), (0x1234_5678, 98_304));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn jitter_is_that_of_the_rfcs_formula(
        clock_rate in prop::sample::select(vec![8_000_u32, 48_000]),
        delays_us in prop::collection::vec(0..200_000_u64, 2..60),
    ) {
        let ticks = u64::from(clock_rate) / 50;
        let mut reception = Reception::starting_with(9, clock_rate, 65_500, 0, delays_us[0]);
        let mut jitter = 0.0;
        for (step, pair) in (1_u64..).zip(delays_us.windows(2)) {
            reception.receive(65_500_u16.wrapping_add(step as u16), (ticks * step) as u32, step * FRAME_US + pair[1]);
            let change = (pair[1].cast_signed() - pair[0].cast_signed()).unsigned_abs();
            jitter += (f64::from(u32::try_from(change).unwrap()) - jitter) / 16.0;
        }
        // The integers of RFC 3550 A.8 round to a tick, and 1/16 of one lives on in each step.
        let tick_us = 1e6 / f64::from(clock_rate);
        prop_assert!((f64::from(u32::try_from(reception.jitter_us()).unwrap()) - jitter).abs() < 3.0 * tick_us, "{} {jitter}", reception.jitter_us());
    }

    #[test]
    fn any_packets_in_any_order_are_counted(
        arrivals in prop::collection::vec(any::<(u16, u32, u32)>(), 1..200),
        reports in prop::collection::vec(any::<bool>(), 200),
    ) {
        let (sequence, timestamp, at_us) = arrivals[0];
        let mut reception = Reception::starting_with(9, 48_000, sequence, timestamp, u64::from(at_us));
        for ((sequence, timestamp, at_us), report) in arrivals[1..].iter().zip(reports) {
            reception.receive(*sequence, *timestamp, u64::from(*at_us));
            if report {
                let block = reception.report(u64::from(*at_us));
                prop_assert_eq!(i64::from(block.lost), reception.lost());
            }
        }
        let received = reception.state().received;
        prop_assert_eq!(received, arrivals.len() as u64);
        prop_assert_eq!(reception.lost(), reception.expected().cast_signed() - received.cast_signed());
    }
}

fn packet(ssrc: u32, sequence: u16) -> Packet<'static> {
    Packet { ssrc, sequence, timestamp: u32::from(sequence) * 960, ..Packet::default() }
}

#[test]
fn a_new_ssrc_begins_a_new_stream_and_the_losses_of_the_old_one_stay() {
    let mut receptions = Receptions::new(48_000);
    assert!(receptions.current().is_none());
    let mut streams = Vec::new();
    for (ssrc, sequence) in [(1, 10), (1, 12), (2, 500), (1, 13), (2, 501), (3, 9), (3, 11), (2, 503), (3, 12)] {
        streams.push(receptions.receive(&packet(ssrc, sequence), 0).stream);
    }
    let expected = [
        Stream::New,
        Stream::Current,
        Stream::New,
        Stream::Former,
        Stream::Current,
        Stream::New,
        Stream::Current,
        Stream::Former,
        Stream::Current,
    ];
    assert_eq!(streams, expected);
    assert_eq!(receptions.lost(), 3);
    assert_eq!(receptions.current().map(|reception| reception.ssrc()), Some(3));
}

#[test]
fn a_place_in_a_stream_goes_on_over_the_wrap() {
    let mut receptions = Receptions::new(48_000);
    let first = receptions.receive(&packet(1, 65_535), 0).sequence;
    assert_eq!(receptions.receive(&packet(1, 1), 0).sequence, first + 2);
    assert_eq!(receptions.receive(&packet(1, 0), 0).sequence, first + 1);
}
