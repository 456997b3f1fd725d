//! The timer wheel: every call in each of its slots, in the order of time, and no drift.

use std::collections::HashMap;

use antiphon_media::downlink::FrameLength;
use antiphon_media::wheel::{Due, GRAIN_US, LATE_US, Lateness, MOST_CAUGHT_UP, Wheel};
use proptest::prelude::*;

const LONGEST_US: u64 = 40_000;

fn due(wheel: &mut Wheel<u32>, now_us: u64) -> Vec<(u32, u64)> {
    let mut due = Vec::new();
    wheel.due(now_us, &mut due);
    due.into_iter().map(|Due { key, at_us }| (key, at_us)).collect()
}

#[test]
fn a_call_is_due_at_multiples_of_its_frame_from_its_phase() {
    let mut wheel = Wheel::default();
    assert_eq!((due(&mut wheel, 0), wheel.next_deadline()), (vec![], None));
    assert_eq!(wheel.insert(1, FrameLength::Twenty, 9_900, 30_100), 45_000);
    assert_eq!(wheel.insert(2, FrameLength::Forty, 0, 30_100), 40_000);
    assert_eq!(wheel.insert(3, FrameLength::Ten, 25_000, 30_100), 35_000);
    assert_eq!(wheel.next_deadline(), Some(35_000));
    assert_eq!(due(&mut wheel, 34_999), []);
    assert_eq!(due(&mut wheel, 47_500), [(3, 35_000), (2, 40_000), (3, 45_000), (1, 45_000)]);
    assert_eq!(wheel.next_deadline(), Some(55_000));
    assert_eq!(due(&mut wheel, 67_000), [(3, 55_000), (3, 65_000), (1, 65_000)]);
}

#[test]
fn time_that_stands_still_or_goes_back_makes_nothing_due() {
    let mut wheel = Wheel::default();
    wheel.insert(1, FrameLength::Ten, 0, 0);
    assert_eq!(due(&mut wheel, 10_000), [(1, 0), (1, 10_000)]);
    assert_eq!(due(&mut wheel, 10_999), []);
    assert_eq!(due(&mut wheel, 0), []);
    assert_eq!(due(&mut wheel, 20_000), [(1, 20_000)]);
}

#[test]
fn slots_that_are_a_little_late_are_all_made_up_for() {
    let mut wheel = Wheel::default();
    wheel.insert(1, FrameLength::Twenty, 0, 0);
    let mut now_us = 0;
    let mut slots = due(&mut wheel, now_us);
    for late_us in [0, 20_000, 25_000, 0, 0] {
        now_us = wheel.next_deadline().unwrap() + late_us;
        slots.extend(due(&mut wheel, now_us));
    }
    assert_eq!(slots, (0..8).map(|slot| (1, slot * 20_000)).collect::<Vec<_>>());
    let misses = wheel.misses();
    assert_eq!((misses.slots, misses.late, misses.missed, misses.worst_us), (8, 2, 1, 25_000));
    assert_eq!((misses.stalls, misses.skipped), (0, 0));
}

#[test]
fn a_slot_that_two_had_is_late_and_missed_once() {
    let of = |late_us| Lateness::of(late_us, FrameLength::Twenty);
    let told = |handed_out_us, sent_us| {
        let here = of(sent_us).since(of(handed_out_us));
        (here.is_late, here.is_missed)
    };
    assert_eq!(told(0, LATE_US), (false, false));
    assert_eq!(told(0, 6_000), (true, false), "late is not missed");
    assert_eq!(told(0, 20_001), (true, true));
    assert_eq!(told(6_000, 20_000), (false, false), "it came late, and was counted so");
    assert_eq!(told(6_000, 25_000), (false, true));
    assert_eq!(told(21_000, 25_000), (false, false));
}

#[test]
fn after_a_long_stall_only_the_last_few_slots_are_made_up_for() {
    let mut wheel = Wheel::default();
    wheel.insert(1, FrameLength::Twenty, 0, 0);
    wheel.insert(2, FrameLength::Forty, 5_000, 0);
    due(&mut wheel, 0);
    let slots = due(&mut wheel, 1_000_000);
    let of = |key| slots.iter().filter(|slot| slot.0 == key).map(|slot| slot.1).collect::<Vec<_>>();
    assert_eq!(of(1), [960_000, 980_000, 1_000_000]);
    assert_eq!(of(2), [885_000, 925_000, 965_000]);
    let misses = wheel.misses();
    assert_eq!((misses.stalls, misses.skipped), (1, 47 + 22));
    assert_eq!(wheel.next_deadline(), Some(1_005_000));
}

#[test]
fn a_stall_of_a_year_is_over_at_once() {
    let mut wheel = Wheel::default();
    wheel.insert(1, FrameLength::Twenty, 0, 0);
    let year_us = 31_536_000_000_000;
    assert_eq!(due(&mut wheel, year_us).len() as u64, MOST_CAUGHT_UP);
    assert_eq!(wheel.misses().skipped, year_us / 20_000 + 1 - MOST_CAUGHT_UP);
}

#[test]
fn what_was_due_before_a_call_came_is_nobodys() {
    let mut wheel = Wheel::default();
    let first = wheel.insert(1, FrameLength::Twenty, 0, 900_000_000);
    assert_eq!(wheel.next_deadline(), Some(first));
    assert_eq!(due(&mut wheel, first), [(1, first)]);
    assert_eq!(wheel.misses().skipped, 0);
}

#[test]
fn a_call_that_left_is_not_due_and_the_others_are() {
    let mut wheel = Wheel::default();
    for key in 0..5 {
        wheel.insert(key, FrameLength::Twenty, 0, 0);
    }
    assert!(wheel.remove(1));
    assert!(!wheel.remove(1));
    assert!(wheel.remove(4));
    assert_eq!(due(&mut wheel, 0), [(0, 0), (3, 0), (2, 0)]);
    assert_eq!(wheel.len(), 3);
}

#[test]
fn a_call_that_is_put_in_again_has_one_place() {
    let mut wheel = Wheel::default();
    wheel.insert(1, FrameLength::Ten, 0, 0);
    wheel.insert(1, FrameLength::Twenty, 5_000, 0);
    assert_eq!((wheel.len(), due(&mut wheel, 25_000)), (1, vec![(1, 5_000), (1, 25_000)]));
}

#[test]
fn calls_spread_over_the_quietest_phases() {
    let mut wheel = Wheel::default();
    for key in 0..8 {
        let phase = wheel.quietest_phase(FrameLength::Twenty);
        wheel.insert(key, FrameLength::Twenty, phase, 0);
    }
    for grain in 0..4 {
        assert_eq!(due(&mut wheel, grain * GRAIN_US).len(), 2);
    }
    wheel.remove(3);
    assert_eq!(wheel.quietest_phase(FrameLength::Forty), 3 * GRAIN_US);
    assert_eq!(wheel.quietest_phase(FrameLength::Ten), 0);
}

#[derive(Clone, Debug)]
enum Step {
    Insert { key: u32, frame: usize, phase_us: u64 },
    Remove { key: u32 },
    Wait { us: u64 },
    WakeAtDeadline { late_us: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..12_u32, 0..3_usize, 0..50_000_u64)
            .prop_map(|(key, frame, phase_us)| Step::Insert { key, frame, phase_us }),
        1 => (0..12_u32).prop_map(|key| Step::Remove { key }),
        2 => prop_oneof![4 => 0..30_000_u64, 1 => 0..2_000_000_u64].prop_map(|us| Step::Wait { us }),
        6 => prop_oneof![5 => Just(0), 1 => 0..15_000_u64].prop_map(|late_us| Step::WakeAtDeadline { late_us }),
    ]
}

/// What is known of a call by itself: its frame, and when its next slot is due.
#[derive(Clone, Copy, Debug)]
struct Call {
    frame: FrameLength,
    next_us: u64,
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_call_has_each_of_its_slots_once_and_in_order(
        start_us in 0..100_000_000_u64,
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let mut wheel = Wheel::default();
        let mut calls: HashMap<u32, Call> = HashMap::new();
        let (mut now_us, mut skipped, mut handed_out) = (start_us, 0, 0);
        for step in steps {
            match step {
                Step::Insert { key, frame, phase_us } => {
                    let frame = FrameLength::ALL[frame];
                    let next_us = wheel.insert(key, frame, phase_us, now_us);
                    prop_assert!(next_us >= now_us);
                    prop_assert_eq!(next_us % frame.us(), phase_us % frame.us() / GRAIN_US * GRAIN_US);
                    calls.insert(key, Call { frame, next_us });
                }
                Step::Remove { key } => prop_assert_eq!(wheel.remove(key), calls.remove(&key).is_some()),
                Step::Wait { us } => now_us += us,
                Step::WakeAtDeadline { late_us } => {
                    let deadline = wheel.next_deadline();
                    prop_assert_eq!(deadline, calls.values().map(|call| call.next_us).min());
                    now_us = now_us.max(deadline.unwrap_or(now_us)) + late_us;
                }
            }
            let slots = due(&mut wheel, now_us);
            handed_out += slots.len() as u64;
            prop_assert!(slots.is_sorted_by_key(|slot| slot.1));
            for (key, at_us) in slots {
                let call = calls.get_mut(&key).unwrap();
                let frame_us = call.frame.us();
                prop_assert!(at_us >= call.next_us && at_us <= now_us);
                prop_assert!((at_us - call.next_us).is_multiple_of(frame_us));
                prop_assert!(now_us - at_us < MOST_CAUGHT_UP * frame_us);
                let passed_over = (at_us - call.next_us) / frame_us;
                prop_assert!(passed_over == 0 || now_us - call.next_us >= MOST_CAUGHT_UP * frame_us);
                skipped += passed_over;
                call.next_us = at_us + frame_us;
            }
            // Nobody is left behind.
            prop_assert!(calls.values().all(|call| call.next_us / GRAIN_US > now_us / GRAIN_US));
            let misses = wheel.misses();
            prop_assert_eq!((misses.skipped, misses.slots), (skipped, handed_out));
            prop_assert!(misses.missed <= misses.late && misses.worst_us < MOST_CAUGHT_UP * LONGEST_US);
            prop_assert_eq!(misses.late > 0, misses.worst_us > LATE_US);
            prop_assert_eq!(wheel.len(), calls.len());
        }
    }
}
