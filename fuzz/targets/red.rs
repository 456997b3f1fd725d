//! The blocks of whatever parses lie within the payload, and one of them can be written again and reads the same.
#![no_main]

use antiphon_media::rtp::red::{FARTHEST_BACK, MOST_REDUNDANT, Red, encode_into};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((timestamp, payload)) = data.split_first_chunk() else { return };
    let timestamp = u32::from_be_bytes(*timestamp);
    let Ok(red) = Red::parse(payload, timestamp) else { return };
    let blocks: Vec<_> = red.redundant().collect();
    assert!(blocks.len() <= MOST_REDUNDANT);
    let length: usize = blocks.iter().map(|block| 4 + block.payload.len()).sum();
    assert!(1 + length + red.primary.payload.len() <= payload.len());

    for block in &blocks {
        assert!(timestamp.wrapping_sub(block.timestamp) <= FARTHEST_BACK);
        let mut written = Vec::new();
        assert!(encode_into(&mut written, &red.primary, Some(block)));
        let again = Red::parse(&written, timestamp).expect("what we write, we read");
        assert_eq!(again.primary, red.primary);
        assert!(again.redundant().eq([*block]));
    }
});
