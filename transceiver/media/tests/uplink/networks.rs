//! Calls over networks that lose, hold up, reorder and copy: against a model that knows what was sent.

use std::collections::HashMap;

use antiphon_media::uplink::Mode;
use proptest::prelude::*;

use crate::call::{Call, FRAME_US, MADE_UP, MS, Said, frames, plain, redundant, sent_us, stretches, with_fec};

const SENT: i16 = 60;

/// What happens to one packet: how often it comes, each time so much later than sent.
fn fate() -> impl Strategy<Value = Vec<u64>> {
    prop_oneof![
        6 => Just(vec![0]),
        2 => Just(vec![]),
        3 => (0..50 * MS).prop_map(|delay_us| vec![delay_us]),
        1 => (50 * MS..300 * MS).prop_map(|delay_us| vec![delay_us]),
        1 => (0..20 * MS, 0..150 * MS).prop_map(|(one_us, other_us)| vec![one_us, other_us]),
    ]
}

#[derive(Clone, Copy, Debug)]
enum Repeats {
    Nothing,
    InBand,
    Red,
}

fn packet(number: i16, repeats: Repeats) -> Said {
    match repeats {
        Repeats::Red if number > 1 => redundant(number, 1),
        Repeats::InBand => with_fec(number),
        _ => plain(number),
    }
}

fn journeys() -> impl Strategy<Value = (Vec<(u64, i16)>, Repeats)> {
    let repeats = prop::sample::select(vec![Repeats::Nothing, Repeats::InBand, Repeats::Red]);
    let fates = prop::collection::vec(fate(), SENT as usize - 2);
    (fates, repeats).prop_map(|(fates, repeats)| {
        let mut arrivals = vec![(sent_us(1), 1), (sent_us(SENT) + 300 * MS, SENT)];
        for (number, fate) in (2..SENT).zip(fates) {
            arrivals.extend(fate.into_iter().map(|delay_us| (sent_us(number) + delay_us, number)));
        }
        arrivals.sort_unstable();
        (arrivals, repeats)
    })
}

/// When each packet was heard, and for how many milliseconds.
fn heard(call: &Call) -> Vec<(u64, i16, usize)> {
    let mut begin = 0;
    let mut heard = Vec::new();
    for (at_us, end) in &call.handed {
        heard.extend(stretches(&call.pcm[begin..*end]).into_iter().map(|(number, ms)| (*at_us, number, ms)));
        begin = *end;
    }
    heard
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn each_packet_is_heard_once_in_order_and_never_beyond_the_wait(
        (arrivals, repeats) in journeys(),
        accurate in any::<bool>(),
        rtt_us in prop::option::of(0..250 * MS),
    ) {
        let mode = if accurate { Mode::Accuracy } else { Mode::Speed };
        let mut call = rtt_us.map_or_else(|| Call::new(mode), |rtt_us| Call::asking(mode, rtt_us));
        let came: HashMap<i16, u64> = arrivals.iter().rev().map(|(at_us, number)| (*number, *at_us)).collect();
        let packets: Vec<_> = arrivals.iter().map(|(at_us, number)| (*at_us, packet(*number, repeats))).collect();
        call.carry(&packets, sent_us(SENT) + 1_000 * MS);

        let heard = heard(&call);
        let own: Vec<_> = heard.iter().filter(|(_, number, _)| *number > 0).collect();
        prop_assert!(own.is_sorted_by(|one, other| one.1 < other.1), "{own:?}");
        for (at_us, number, ms) in own.iter().copied() {
            prop_assert_eq!(*ms, 20);
            match came.get(number) {
                Some(came_us) => prop_assert!(at_us.saturating_sub(*came_us) <= mode.longest_us()),
                None => prop_assert!(matches!(repeats, Repeats::Red)),
            }
        }
        // From the first word to the last there is a sound for all that was said, unless an outage of a second was cut.
        prop_assert_eq!(call.pcm.len(), SENT as usize * 160);
        let statistics = call.statistics();
        let missing = statistics.concealed_ms + statistics.fec_ms + statistics.red_ms;
        prop_assert_eq!(missing, statistics.given_up * 20);
        let copies = arrivals.len() - came.len();
        prop_assert!(statistics.twice as usize <= copies);
        prop_assert_eq!(came.len() as u64 + missing / 20 - late(&arrivals, &heard), SENT as u64);
        if let Repeats::InBand = repeats {
            prop_assert!(heard.iter().all(|(_, number, ms)| *number >= 0 || *ms == 20));
        }
    }

    #[test]
    fn on_a_clean_link_whatever_its_jitter_nothing_waits(delays_us in prop::collection::vec(0..200 * MS, 1..200)) {
        let mut call = Call::new(Mode::Speed);
        let mut at_us = 0;
        for (number, delay_us) in (1..).zip(delays_us) {
            // A queue: held up, but in order.
            at_us = at_us.max(sent_us(number) + delay_us);
            prop_assert_eq!(call.receive(&plain(number), at_us), frames([number]));
        }
        prop_assert_eq!(call.statistics().given_up, 0);
    }
}

/// Packets that came and were not heard themselves.
fn late(arrivals: &[(u64, i16)], heard: &[(u64, i16, usize)]) -> u64 {
    let mut numbers: Vec<i16> = arrivals.iter().map(|(_, number)| *number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    // RED's copy of a straggler sounds the same: it is told apart by when it was heard.
    let at: HashMap<i16, u64> = heard.iter().map(|(at_us, number, _)| (*number, *at_us)).collect();
    let first: HashMap<i16, u64> = arrivals.iter().rev().map(|(at_us, number)| (*number, *at_us)).collect();
    numbers.iter().filter(|number| at.get(number).is_none_or(|at_us| *at_us < first[number])).count() as u64
}

#[test]
fn a_burst_of_losses_is_as_long_as_it_was() {
    for length in [2, 5, 10, 11, 30, 45_u8] {
        let mut call = Call::new(Mode::Speed);
        let arrivals: Vec<_> = (1..=SENT)
            .filter(|number| !(5..5 + i16::from(length)).contains(number))
            .map(|n| (sent_us(n), plain(n)))
            .collect();
        let heard = call.carry(&arrivals, sent_us(SENT) + 1_000 * MS);
        assert!(heard.contains(&(MADE_UP, 20 * usize::from(length))), "{length}");
        assert_eq!(call.pcm.len(), SENT as usize * 160);
    }
}

#[test]
fn a_path_that_swaps_every_other_packet_loses_nothing_and_holds_for_a_frame_at_most() {
    let mut call = Call::new(Mode::Speed);
    let mut arrivals: Vec<_> = (1..=SENT)
        .map(|number| (sent_us(number) + if number > 1 && number % 2 == 0 { FRAME_US + MS } else { 0 }, plain(number)))
        .collect();
    arrivals.sort_by_key(|(at_us, _)| *at_us);
    assert_eq!(call.carry(&arrivals, sent_us(SENT) + 1_000 * MS), frames(1..=SENT));
    for (at_us, number, _) in heard(&call) {
        assert!(at_us - sent_us(number) <= FRAME_US + MS);
    }
}
