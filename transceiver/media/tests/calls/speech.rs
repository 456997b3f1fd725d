//! Speech of many calls for one who fetches it: how often he is told, and what is kept for him.

use antiphon_media::speech::{Bell, LONGEST_MS, Speech};
use proptest::prelude::*;

const RATE: u32 = 8_000;
const MS: u64 = 1_000;
const BETWEEN_US: u64 = 20 * MS;

fn speech() -> Speech {
    let mut speech = Speech::new(1);
    speech.open(1, RATE);
    speech.open(2, RATE);
    speech
}

#[test]
fn a_little_is_told_at_once_and_more_at_most_every_20_ms() {
    let mut speech = speech();
    assert_eq!(speech.bell(0), Bell::Silent);
    speech.push(1, &[1, -2], 0);
    assert_eq!(speech.bell(0), Bell::Ring);
    assert_eq!(speech.bell(0), Bell::Silent, "it was told");
    speech.push(2, &[3], MS);
    assert_eq!(speech.bell(MS), Bell::Silent);
    let chunks: Vec<_> = speech.take(3 * MS).into_iter().map(|chunk| (chunk.handle, chunk.pcm)).collect();
    assert_eq!(chunks, [(1, vec![1, 0, 0xFE, 0xFF]), (2, vec![3, 0])]);
    speech.push(1, &[4], 5 * MS);
    assert_eq!(speech.bell(5 * MS), Bell::RingAt(BETWEEN_US));
    assert_eq!(speech.bell(BETWEEN_US), Bell::Ring);
    let counts = speech.counts();
    assert_eq!((counts.batches, counts.chunks, counts.waited_us, counts.worst_us), (1, 2, 5 * MS, 3 * MS));
    speech.take(BETWEEN_US);
    speech.push(1, &[4], 90 * MS);
    assert_eq!(speech.bell(90 * MS), Bell::Ring);
}

#[test]
fn of_more_threads_it_is_told_more_often_but_no_more_than_every_10_ms() {
    for (threads, between_ms) in [(0, 20), (1, 20), (2, 10), (8, 10)] {
        let mut speech = Speech::new(threads);
        speech.open(1, RATE);
        speech.push(1, &[1], 0);
        assert_eq!(speech.bell(0), Bell::Ring);
        speech.take(0);
        speech.push(1, &[2], 1);
        assert_eq!(speech.bell(1), Bell::RingAt(between_ms * MS));
    }
}

#[test]
fn two_seconds_of_each_call_are_kept_and_the_newest_is_dropped() {
    let mut speech = speech();
    let chunk = [5; 320];
    for number in 0..60 {
        speech.push(1, &chunk, number * 40 * MS);
    }
    speech.push(2, &chunk, 0);
    assert_eq!(speech.counts().dropped_ms, 60 * 40 - LONGEST_MS);
    let chunks = speech.take(3_000 * MS);
    assert_eq!(chunks.iter().filter(|chunk| chunk.handle == 1).count() as u64, LONGEST_MS / 40);
    assert_eq!(chunks.iter().filter(|chunk| chunk.handle == 2).count(), 1);
    speech.push(1, &chunk, 0);
    assert_eq!(speech.take(0).len(), 1, "what was fetched makes room");
}

#[test]
fn of_a_call_that_is_closed_or_never_opened_nothing_is_given() {
    let mut speech = speech();
    speech.push(1, &[1], 0);
    speech.push(2, &[2], 0);
    speech.push(3, &[3], 0);
    speech.close(1);
    speech.close(9);
    speech.push(1, &[1], 0);
    let handles: Vec<_> = speech.take(0).into_iter().map(|chunk| chunk.handle).collect();
    assert_eq!(handles, [2]);
    speech.push(2, &[2], 0);
    speech.close(2);
    assert_eq!(speech.bell(MS), Bell::Silent);
}

#[test]
fn a_mark_is_told_at_once_and_comes_behind_what_was_said_before_it() {
    let mut speech = speech();
    speech.push(1, &[1], 0);
    assert_eq!(speech.bell(0), Bell::Ring);
    speech.take(0);
    speech.push(1, &[2], MS);
    assert_eq!(speech.bell(MS), Bell::RingAt(BETWEEN_US));
    speech.mark(1, 2 * MS);
    speech.mark(1, 2 * MS);
    speech.mark(9, 2 * MS);
    assert_eq!(speech.bell(2 * MS), Bell::Ring);
    speech.push(1, &[3], 3 * MS);
    let chunks: Vec<_> = speech.take(4 * MS).into_iter().map(|chunk| (chunk.handle, chunk.pcm)).collect();
    assert_eq!(chunks, [(1, vec![2, 0]), (1, vec![]), (1, vec![3, 0])]);
    assert_eq!(speech.counts().chunks, 3);
    speech.push(1, &[4], 5 * MS);
    assert_eq!(speech.bell(5 * MS), Bell::RingAt(2 * MS + BETWEEN_US));
    speech.mark(1, 5 * MS);
    assert_eq!(speech.take(5 * MS).len(), 2, "another one may follow");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn he_is_told_no_more_often_than_every_20_or_10_ms_and_of_nothing_later_than_that(
        gaps in prop::collection::vec((0..40 * MS, any::<bool>()), 1..100),
        threads in 0..4_usize,
    ) {
        let mut speech = Speech::new(threads);
        speech.open(1, RATE);
        let between_us = if threads > 1 { 10 * MS } else { BETWEEN_US };
        let (mut now_us, mut told, mut due_us) = (0, Vec::new(), None);
        let mut untold_since: Option<u64> = None;
        for (gap_us, fetches) in gaps {
            let next_us = now_us + gap_us;
            if let Some(at_us) = due_us.filter(|at_us| *at_us <= next_us) {
                prop_assert_eq!(speech.bell(at_us), Bell::Ring);
                prop_assert!(at_us - untold_since.unwrap() <= between_us);
                told.push(at_us);
                (due_us, untold_since) = (None, None);
            }
            now_us = next_us;
            // Who was told fetches, sooner or later.
            if fetches && untold_since.is_none() {
                speech.take(now_us);
            }
            speech.push(1, &[1], now_us);
            match speech.bell(now_us) {
                Bell::Ring => told.push(now_us),
                Bell::RingAt(at_us) => {
                    due_us = Some(at_us);
                    untold_since.get_or_insert(now_us);
                }
                Bell::Silent => {}
            }
        }
        prop_assert!(told.windows(2).all(|pair| pair[1] - pair[0] >= between_us), "{told:?}");
    }
}
