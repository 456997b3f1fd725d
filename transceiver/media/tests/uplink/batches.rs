//! Speech in chunks for a backend.

use antiphon_media::uplink::batch::{Batch, ChunkLength};
use proptest::prelude::*;

use crate::call::MS;

const RATE: u32 = 8_000;

/// (first sample, when, samples)
type Given = (u64, u64, Vec<i16>);

fn cut(batch: &mut Batch, pcm: &[i16], now_us: u64, pausing: bool) -> Vec<Given> {
    batch.sink().extend_from_slice(pcm);
    let mut given = Vec::new();
    batch.cut(now_us, pausing, |chunk| given.push((chunk.first_sample, chunk.heard_us, chunk.pcm.to_vec())));
    given
}

fn batch(ms: u8) -> Batch {
    Batch::new(RATE, ChunkLength::from_ms(ms).unwrap())
}

#[test]
fn two_frames_are_a_chunk_of_40_ms_which_is_the_default() {
    assert_eq!(ChunkLength::default().ms(), 40);
    let mut batch = Batch::new(RATE, ChunkLength::default());
    assert_eq!(cut(&mut batch, &[1; 160], 5 * MS, false), []);
    assert_eq!(cut(&mut batch, &[1; 160], 25 * MS, false), [(0, 5 * MS, vec![1; 320])]);
    assert_eq!(cut(&mut batch, &[2; 160], 45 * MS, false), []);
    assert_eq!(cut(&mut batch, &[2; 320], 66 * MS, false), [(320, 45 * MS, vec![2; 320])]);
    assert_eq!(cut(&mut batch, &[3; 160], 85 * MS, false), [(640, 66 * MS, [[2; 160], [3; 160]].concat())]);
}

#[test]
fn chunks_are_20_to_100_ms() {
    assert_eq!([19, 20, 100, 101].map(|ms| ChunkLength::from_ms(ms).is_some()), [false, true, true, false]);
}

#[test]
fn what_is_left_does_not_wait_when_the_sender_falls_silent_and_its_silence_is_cut_as_ever() {
    let mut batch = batch(40);
    assert_eq!(cut(&mut batch, &[1; 160], 0, true), [(0, 0, vec![1; 160])]);
    assert_eq!(cut(&mut batch, &[0; 160], 40 * MS, true), []);
    assert_eq!(cut(&mut batch, &[0; 160], 60 * MS, true), [(160, 40 * MS, vec![0; 320])]);
    assert_eq!(batch.due_us(), None);
}

#[test]
fn what_is_left_waits_for_a_chunk_at_most() {
    let mut batch = batch(60);
    assert_eq!(cut(&mut batch, &[1; 160], 7 * MS, false), []);
    assert_eq!(batch.due_us(), Some(67 * MS));
    assert_eq!(cut(&mut batch, &[], 67 * MS - 1, false), []);
    assert_eq!(cut(&mut batch, &[], 67 * MS, false), [(0, 7 * MS, vec![1; 160])]);
    assert_eq!(batch.due_us(), None);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_sample_is_given_once_in_order_and_waits_for_a_chunk_at_most(
        ms in 20..=100_u8,
        steps in prop::collection::vec((0..60 * MS, 0..700_usize, any::<bool>()), 0..60),
    ) {
        let mut batch = batch(ms);
        let (mut now_us, mut said, mut given) = (0, Vec::new(), Vec::new());
        let mut said_us = Vec::new();
        for (pause_us, samples, pausing) in steps {
            now_us += pause_us;
            let pcm: Vec<i16> = (0..samples).map(|index| ((said.len() + index) as u16).cast_signed()).collect();
            said.extend_from_slice(&pcm);
            said_us.resize(said.len(), now_us);
            for (first, heard_us, pcm) in cut(&mut batch, &pcm, now_us, pausing) {
                prop_assert!(!pcm.is_empty() && pcm.len() <= usize::from(ms) * 8);
                prop_assert_eq!(first as usize, given.len());
                prop_assert_eq!(heard_us, said_us[given.len()]);
                given.extend(pcm);
            }
            prop_assert!(said.len() - given.len() < usize::from(ms) * 8);
            prop_assert!(batch.due_us().is_none_or(|due_us| due_us > now_us));
            prop_assert_eq!(batch.due_us().is_none(), said.len() == given.len());
        }
        prop_assert_eq!(&given, &said[..given.len()]);
    }
}
