//! A call that hears itself does all of a call's work, and only that.

use antiphon_media::codec::Coding;
use antiphon_media::downlink::FrameLength;
use antiphon_media::g711::{G711Decoder, G711Encoder, Law, SAMPLE_RATE};
use antiphon_media::rehearsal::{Rehearsal, babble};
use proptest::prelude::*;

fn rehearsal(frame: FrameLength) -> Rehearsal<G711Encoder, G711Decoder> {
    Rehearsal::new(Coding::Pcmu, frame, G711Encoder::new(Law::Mu), G711Decoder::new(Law::Mu)).unwrap()
}

proptest! {
    #[test]
    fn every_turn_is_a_frame_that_was_said_and_heard(turns in 1_usize..400, frame in 0_usize..3) {
        let frame = FrameLength::ALL[frame];
        let samples = frame.at(SAMPLE_RATE) as usize;
        let sound = babble(SAMPLE_RATE, samples);
        let mut rehearsal = rehearsal(frame);
        let heard: usize = (0..turns).map(|_| rehearsal.turn(&sound)).sum();
        // Less than a chunk of 40 ms waits to be cut.
        let chunk = SAMPLE_RATE as usize / 1000 * 40;
        let said = turns * samples;
        prop_assert!(heard <= said && said < heard + chunk, "{heard} of {said}");
    }

    #[test]
    fn babble_is_the_same_every_time_at_any_rate(rate in prop::sample::select(vec![8_000, 16_000, 24_000, 48_000])) {
        prop_assert_eq!(babble(rate, 4_000), babble(rate, 8_000)[..4_000].to_vec());
    }
}

#[test]
fn babble_has_loud_syllables_and_pauses_between_them() {
    let sound = babble(24_000, 48_000);
    let loudness: Vec<u64> =
        sound.chunks(480).map(|frame| frame.iter().map(|it| u64::from(it.unsigned_abs())).sum()).collect();
    let silent = loudness.iter().filter(|it| **it < 480 * 20).count();
    let loud = loudness.iter().filter(|it| **it > 480 * 500).count();
    assert!(silent > 10 && loud > 50, "{silent} frames are silent and {loud} loud of {}", loudness.len());
    assert!(sound.iter().all(|it| it.unsigned_abs() < 32_000), "it is never clipped");
}
