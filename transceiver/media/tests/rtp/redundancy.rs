//! Redundant audio: blocks are read back as written, and no bytes panic.

use antiphon_media::rtp::red::{Block, FARTHEST_BACK, LONGEST_REDUNDANT, MOST_REDUNDANT, Red, RedError, encode_into};
use proptest::prelude::*;

const OPUS: u8 = 111;

fn block(timestamp: u32, payload: &[u8]) -> Block<'_> {
    Block { payload_type: OPUS, timestamp, payload }
}

/// A payload with as many redundant blocks as are given: (ticks back, payload); as other senders write it.
fn written(redundant: &[(u32, &[u8])], primary: &[u8]) -> Vec<u8> {
    let header = |(back, payload): &(u32, &[u8])| {
        let [_, rest @ ..] = (back << 10 | payload.len() as u32).to_be_bytes();
        [&[0x80 | OPUS][..], &rest].concat()
    };
    let headers: Vec<u8> = redundant.iter().flat_map(header).collect();
    let payloads: Vec<u8> = redundant.iter().flat_map(|(_, payload)| payload.to_vec()).collect();
    [&headers[..], &[OPUS], &payloads, primary].concat()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_redundant_block_is_read_back(
        timestamp in any::<u32>(),
        back in 0..=FARTHEST_BACK,
        before in prop::collection::vec(any::<u8>(), 1..=LONGEST_REDUNDANT),
        now in prop::collection::vec(any::<u8>(), 0..1300),
    ) {
        let (primary, redundant) = (block(timestamp, &now), block(timestamp.wrapping_sub(back), &before));
        let mut bytes = Vec::new();
        prop_assert!(encode_into(&mut bytes, &primary, Some(&redundant)));
        let red = Red::parse(&bytes, timestamp).unwrap();
        prop_assert_eq!(red.primary, primary);
        prop_assert_eq!(red.redundant().collect::<Vec<_>>(), [redundant]);
    }

    #[test]
    fn any_bytes_are_blocks_within_them_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(red) = Red::parse(&bytes, 0) {
            let redundant: usize = red.redundant().map(|block| block.payload.len()).sum();
            prop_assert!(redundant + red.primary.payload.len() < bytes.len());
            prop_assert!(red.redundant().count() <= MOST_REDUNDANT);
        }
    }

    #[test]
    fn blocks_of_other_senders_are_read_in_their_order(
        blocks in prop::collection::vec((0..=FARTHEST_BACK, prop::collection::vec(any::<u8>(), 1..40)), 0..4),
        primary in prop::collection::vec(any::<u8>(), 0..40),
        cut in any::<prop::sample::Index>(),
    ) {
        let blocks: Vec<_> = blocks.iter().map(|(back, payload)| (*back, payload.as_slice())).collect();
        let bytes = written(&blocks, &primary);
        let red = Red::parse(&bytes, 5_000).unwrap();
        let read: Vec<_> = red.redundant().collect();
        let expected: Vec<_> =
            blocks.iter().map(|(back, payload)| block(5_000_u32.wrapping_sub(*back), payload)).collect();
        prop_assert_eq!(read, expected);
        prop_assert_eq!(red.primary.payload, primary.as_slice());
        let cut = cut.index(bytes.len() - primary.len());
        prop_assert!(Red::parse(&bytes[..cut], 0).is_err());
    }
}

#[test]
fn what_does_not_fit_a_block_header_is_left_out() {
    let (now, long) = ([1, 2, 3], [0; LONGEST_REDUNDANT + 1]);
    let primary = block(100_000, &now);
    let unfit =
        [block(100_000 - FARTHEST_BACK - 1, &now), block(100_001, &now), block(99_040, &long), block(99_040, &[])];
    for redundant in unfit.iter().map(Some).chain([None]) {
        let mut bytes = Vec::new();
        assert!(!encode_into(&mut bytes, &primary, redundant));
        let red = Red::parse(&bytes, 100_000).unwrap();
        assert_eq!((red.primary, red.redundant().count()), (primary, 0));
    }
}

#[test]
fn empty_redundant_blocks_say_nothing() {
    let bytes = written(&[(1920, b""), (960, b"before")], b"now");
    let red = Red::parse(&bytes, 1920).unwrap();
    assert_eq!(red.redundant().collect::<Vec<_>>(), [block(960, b"before")]);
}

#[test]
fn there_is_a_most_of_blocks() {
    let block = (960, &b"x"[..]);
    assert!(Red::parse(&written(&[block; MOST_REDUNDANT], b"now"), 0).is_ok());
    let too_many = written(&[block; MOST_REDUNDANT + 1], b"now");
    assert_eq!(Red::parse(&too_many, 0), Err(RedError::TooManyBlocks));
}

#[test]
fn headers_that_do_not_end_and_blocks_that_are_cut_off_are_refused() {
    assert_eq!(Red::parse(&[], 0), Err(RedError::HeaderCutOff));
    assert_eq!(Red::parse(&[0x80 | OPUS, 0, 0, 0], 0), Err(RedError::HeaderCutOff));
    assert_eq!(Red::parse(&[0x80 | OPUS, 0, 0], 0), Err(RedError::HeaderCutOff));
    assert_eq!(Red::parse(&[0x80 | OPUS, 0, 0, 2, OPUS, 1], 0), Err(RedError::BlockCutOff));
    assert!(Red::parse(&[0x80 | OPUS, 0, 0, 2, OPUS, 1, 2], 0).unwrap().primary.payload.is_empty());
}
