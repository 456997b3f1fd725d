//! Another process goes on.

use antiphon_media::rtcp::NtpTime;
use proptest::prelude::*;

use crate::one_hand::Downlink;
use crate::plain::{FRAME, FRAME_US, Line, PlainEncoder, RATE, START_US, stream};

/// Of the next owner's own clock.
const LATER_US: u64 = 77_000;

#[test]
fn timestamps_go_on_in_step_with_time_and_counts_from_where_they_were() {
    let mut line = Line::new();
    line.play(3 * FRAME, 1000, "a");
    line.hear(3);
    let state = line.downlink.state(START_US + 3 * FRAME_US);
    let mut next = Downlink::resume(stream(), PlainEncoder::new(RATE), LATER_US, &state, 3_000_000);
    assert_eq!(next.sender_info(LATER_US, NtpTime(0)), None);
    next.play(&[1000; FRAME], "b").unwrap();
    let packet = next.take(LATER_US).unwrap();
    assert_eq!((packet.timestamp, packet.marker), (5000 + 3 * 160 + 3 * 8000, true));
    let info = next.sender_info(LATER_US, NtpTime(0)).unwrap();
    assert_eq!((info.packets, info.payload_bytes), (4, 4 * 2 * FRAME as u32));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_chain_of_owners_keeps_rtp_time_within_a_tick_for_each(spans in prop::collection::vec(0..90_000_000_000_u64, 1..8)) {
        let mut owner = Line::new().downlink;
        let (mut start_us, mut since_us) = (START_US, 0);
        for span_us in &spans {
            let state = owner.state(start_us + span_us / 2);
            owner = Downlink::resume(stream(), PlainEncoder::new(RATE), LATER_US, &state, span_us - span_us / 2);
            start_us = LATER_US;
            since_us += span_us;
        }
        let expected = 5000 + (u128::from(since_us) * u128::from(RATE) / 1_000_000) as u32;
        let drift = owner.state(start_us).timestamp.wrapping_sub(expected).cast_signed().unsigned_abs();
        prop_assert!(drift <= spans.len() as u32, "{drift}");
    }
}
