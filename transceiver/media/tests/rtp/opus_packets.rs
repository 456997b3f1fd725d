//! Opus packets, undecoded.

use antiphon_media::opus_packet::{LONGEST, carries_fec, duration, is_pause};
use proptest::prelude::*;

#[test]
fn every_configuration_has_the_frame_length_of_the_rfcs_table() {
    // RFC 6716 §3.1, table 2, in ticks: 10, 20, 40, 60 ms; 10, 20 ms; 2.5, 5, 10, 20 ms.
    let table = [(0..12, [480, 960, 1920, 2880]), (12..16, [480, 960, 480, 960]), (16..32, [120, 240, 480, 960])];
    for (configurations, lengths) in table {
        for configuration in configurations {
            let ticks = lengths[configuration % 4];
            let contents = (configuration << 3) as u8;
            assert_eq!(duration(&[contents, 0, 0]), Some(ticks));
            assert_eq!(duration(&[contents | 1, 0, 0]), Some(2 * ticks).filter(|ticks| *ticks <= LONGEST));
            assert_eq!(duration(&[contents | 3, 1, 0]), Some(ticks));
        }
    }
}

#[test]
fn packets_of_no_frame_or_of_more_than_120_ms_are_refused() {
    assert_eq!(duration(&[]), None);
    assert_eq!(duration(&[0x03]), None);
    assert_eq!(duration(&[0x0B, 0]), None);
    assert_eq!(duration(&[0x0B, 6]), Some(5760));
    assert_eq!(duration(&[0x0B, 7]), None);
    assert_eq!(duration(&[0x83, 48]), Some(5760));
    assert_eq!(duration(&[0x83, 49]), None);
}

#[test]
fn a_pause_is_one_or_two_bytes() {
    assert_eq!([0, 1, 2, 3].map(|length| is_pause(&[0; 3][..length])), [false, true, true, false]);
}

#[test]
fn the_flag_of_fec_follows_the_voice_activity_of_each_frame() {
    // SILK of 20 ms, mono: one activity bit, then the flag.
    assert!(carries_fec(&[0x48, 0x40]) && !carries_fec(&[0x48, 0xBF]));
    // SILK of 60 ms, mono: three activity bits.
    assert!(carries_fec(&[0x58, 0x10]) && !carries_fec(&[0x58, 0xEF]));
    // Stereo: the second channel's two follow.
    assert!(carries_fec(&[0x4C, 0x10]) && carries_fec(&[0x4C, 0x40]) && !carries_fec(&[0x4C, 0xAF]));
    // CELT has none, and packets of several frames are not looked into.
    assert!(!carries_fec(&[0xF8, 0xFF]) && !carries_fec(&[0x49, 0xFF]) && !carries_fec(&[0x48]));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_have_an_answer(packet in prop::collection::vec(any::<u8>(), 0..8)) {
        let _ = carries_fec(&packet);
        prop_assert!(duration(&packet).is_none_or(|ticks| (120..=LONGEST).contains(&ticks) && ticks % 120 == 0));
    }
}
