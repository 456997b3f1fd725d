//! The estimate of how a call sounds.

use antiphon_media::mos::{Codec, Line};
use proptest::prelude::*;

const CODECS: [Codec; 3] = [Codec::OpusRepaired, Codec::Opus, Codec::G711];

fn line(codec: Codec, loss: f64, rtt_ms: f64, buffer_ms: f64) -> Line {
    Line { codec, loss, rtt_ms, buffer_ms }
}

#[test]
fn a_clean_near_call_is_as_good_as_a_telephone_gets() {
    for codec in CODECS {
        let clean = line(codec, 0.0, 0.0, 0.0);
        assert!((clean.rating() - 92.72).abs() < 1e-9);
        assert!((4.39..4.41).contains(&clean.mos()), "{}", clean.mos());
    }
}

#[test]
fn known_lines_have_the_values_of_the_formula() {
    // d = 20 + 200 / 2 + 40 = 160 ms, below the knee: Id = 3.84; Ie,eff = 95 · 2 / 12.
    let lossy = line(Codec::Opus, 0.02, 200.0, 40.0);
    assert!((lossy.rating() - (93.2 - 3.84 - 95.0 / 6.0)).abs() < 1e-9);
    // d = 420 ms: Id = 10.08 + 0.11 · 242.7.
    let far = line(Codec::G711, 0.0, 800.0, 0.0);
    assert!((far.rating() - (93.2 - 10.08 - 26.697)).abs() < 1e-9);
    // G.107 Annex B: R = 60 is a MOS of 3.1.
    let poor = line(Codec::Opus, 0.1 * 32.72 / (95.0 - 32.72), 0.0, 0.0);
    assert!((poor.rating() - 60.0).abs() < 1e-9 && (poor.mos() - 3.1).abs() < 1e-9);
}

#[test]
fn repair_and_concealment_bear_loss_better() {
    let mos = |codec| line(codec, 0.05, 100.0, 40.0).mos();
    assert!(mos(Codec::OpusRepaired) > mos(Codec::Opus));
}

#[test]
fn what_is_no_number_counts_as_zero() {
    let clean = line(Codec::Opus, 0.0, 0.0, 0.0).mos();
    assert!((line(Codec::Opus, f64::NAN, f64::NAN, -1.0).mos() - clean).abs() < 1e-12);
    assert!((line(Codec::Opus, 9.0, f64::INFINITY, 0.0).mos() - 1.0).abs() < 1e-12);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn more_loss_and_more_delay_are_never_better(
        codec in prop::sample::select(CODECS.to_vec()),
        loss in 0.0..=1.0_f64,
        rtt_ms in 0.0..3_000.0_f64,
        buffer_ms in 0.0..1_000.0_f64,
        more in (0.0..0.5_f64, 0.0..500.0_f64, 0.0..500.0_f64),
    ) {
        let before = line(codec, loss, rtt_ms, buffer_ms);
        for worse in [
            line(codec, loss + more.0, rtt_ms, buffer_ms),
            line(codec, loss, rtt_ms + more.1, buffer_ms),
            line(codec, loss, rtt_ms, buffer_ms + more.2),
        ] {
            prop_assert!(worse.rating() <= before.rating());
            prop_assert!(worse.mos() <= before.mos() + 1e-12);
            prop_assert!((1.0..=4.5).contains(&worse.mos()));
        }
    }
}
