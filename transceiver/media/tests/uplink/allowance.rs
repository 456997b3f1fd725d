//! A caller cannot make more sound than time passes.

use antiphon_media::uplink::Mode;
use antiphon_media::uplink::allowance::{Allowance, MOST_AT_ONCE_US, SLACK_US};
use proptest::prelude::*;

use crate::call::{Call, FRAME_US, MS, OF_120_MS, OPUS, PAUSE, PLAIN, Said, WITH_FEC, plain, said};

const SECOND_US: u64 = 1_000 * MS;

fn sound_us(call: &Call) -> u64 {
    call.pcm.len() as u64 * 125
}

#[test]
fn ten_seconds_of_a_caller_are_eleven_seconds_of_sound_at_most() {
    for (name, head, ticks, packets_a_second) in [
        ("leaps of a second", &PLAIN[..], 49_000, 50),
        ("leaps of half a second", &PLAIN, 24_000, 50),
        ("pauses of a second", &PAUSE, 49_000, 50),
        ("long frames", &OF_120_MS, 5760, 200),
        ("long frames that leap", &OF_120_MS, 20_000, 200),
    ] {
        let mut call = Call::new(Mode::Speed);
        let arrivals: Vec<_> = (0..10 * packets_a_second)
            .map(|number| {
                let payload = if head == PAUSE { head.to_vec() } else { [head, &[0; 60]].concat() };
                let said = Said { sequence: number as u16, timestamp: number as u32 * ticks, payload, ..plain(1) };
                (number * SECOND_US / packets_a_second, said)
            })
            .collect();
        call.carry(&arrivals, 10 * SECOND_US);
        assert!(sound_us(&call) <= 11_010 * MS, "{name}: {}", sound_us(&call));
        assert!(sound_us(&call) > 9_000 * MS, "{name}: {}", sound_us(&call));
    }
}

#[test]
fn a_caller_whose_clock_is_fast_loses_nothing_in_a_long_call() {
    let mut call = Call::new(Mode::Speed);
    for number in 0..75_000_u32 {
        let at_us = u64::from(number) * FRAME_US * 10_000 / 10_009;
        call.receive(&Said { sequence: number as u16, timestamp: number * 960, ..plain(1) }, at_us);
    }
    assert_eq!(sound_us(&call), 75_000 * FRAME_US);
    assert_eq!(call.statistics().surplus_ms, 0);
}

#[test]
fn what_is_beyond_the_time_that_passed_is_counted_and_not_made() {
    let mut call = Call::new(Mode::Speed);
    for number in 0..20_u16 {
        let payload = [&OF_120_MS[..], &[0; 60]].concat();
        call.receive(&Said { sequence: number, timestamp: u32::from(number) * 5760, payload, ..plain(1) }, 0);
    }
    assert_eq!((sound_us(&call), call.statistics().surplus_ms), (8 * 120 * MS, 12 * 120));
}

#[test]
fn a_clock_that_goes_back_earns_nothing() {
    let mut allowance = Allowance::default();
    assert!(allowance.take(SLACK_US, 10 * SECOND_US));
    for now_us in [0, 10 * SECOND_US, 5 * SECOND_US, 10 * SECOND_US] {
        assert!(!allowance.take(1_000, now_us));
    }
    assert!(allowance.take(SECOND_US, 11 * SECOND_US) && !allowance.take(u64::MAX, u64::MAX));
}

/// (time since the one before, sequence ahead, ticks ahead, payload, SSRC)
fn steps() -> impl Strategy<Value = Vec<(u64, u16, u32, Vec<u8>, u32)>> {
    let payloads = vec![
        [&PLAIN[..], &[0; 3]].concat(),
        [&WITH_FEC[..], &[0; 3]].concat(),
        PAUSE.to_vec(),
        [&OF_120_MS[..], &[0; 60]].concat(),
        Vec::new(),
        vec![0x4B, 0xFF],
        vec![0x48, 0x40, b'b', b'a', b'd'],
    ];
    let step = (
        prop::sample::select(vec![0, MS, FRAME_US, 500 * MS, 3 * SECOND_US]),
        prop::sample::select(vec![0_u16, 1, 1, 1, 2, 12, 3_u16.wrapping_neg(), 5_000]),
        prop::sample::select(vec![0_u32, 960, 5760, 19_200, 49_000, 1 << 31, 960_u32.wrapping_neg()]),
        prop::sample::select(payloads),
        prop::sample::select(vec![7, 7, 7, 8]),
    );
    prop::collection::vec(step, 0..80)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_the_sound_is_no_longer_than_the_call_and_a_second(
        steps in steps(),
        accurate in any::<bool>(),
        rtt_us in prop::option::of(0..300 * MS),
    ) {
        let mode = if accurate { Mode::Accuracy } else { Mode::Speed };
        let mut call = rtt_us.map_or_else(|| Call::new(mode), |rtt_us| Call::asking(mode, rtt_us));
        let began_us = 77 * SECOND_US;
        let (mut now_us, mut sequence, mut timestamp) = (began_us, 0_u16, 0_u32);
        for (pause_us, ahead, ticks, payload, ssrc) in steps {
            now_us += pause_us;
            (sequence, timestamp) = (sequence.wrapping_add(ahead), timestamp.wrapping_add(ticks));
            call.carry(&[(now_us, Said { sequence, timestamp, ssrc, payload_type: OPUS, payload })], now_us);
            let passed_us = now_us - began_us;
            prop_assert!(sound_us(&call) <= passed_us + passed_us / 1000 + SLACK_US);
            prop_assert!(call.statistics().sound_ms.abs_diff(sound_us(&call) / MS) <= 1);
            prop_assert!(call.due_us.is_none_or(|due_us| due_us > now_us));
        }
    }

    #[test]
    fn no_stretch_of_time_gives_more_than_its_length_and_two_seconds(
        takes in prop::collection::vec((0..3 * SECOND_US, 0..3 * SECOND_US), 1..60),
    ) {
        let mut allowance = Allowance::default();
        let (mut now_us, mut taken): (u64, Vec<(u64, u64)>) = (0, Vec::new());
        for (pause_us, amount_us) in takes {
            now_us += pause_us;
            if allowance.take(amount_us, now_us) {
                taken.push((now_us, amount_us));
            }
        }
        for (index, (began_us, _)) in taken.iter().enumerate() {
            let mut sum_us = 0;
            for (at_us, amount_us) in &taken[index..] {
                sum_us += amount_us;
                let passed_us = at_us - began_us;
                prop_assert!(sum_us <= MOST_AT_ONCE_US + passed_us + passed_us / 1000 + 1);
            }
        }
    }
}

#[test]
fn a_single_pause_packet_is_worth_no_more_than_the_pause() {
    let mut call = Call::new(Mode::Speed);
    call.carry(&[(0, Said { payload: PAUSE.to_vec(), ..said(1, &PAUSE) })], 60 * SECOND_US);
    assert_eq!(sound_us(&call), FRAME_US + SECOND_US);
}
