//! What the encoder is told of loss.

use antiphon_media::downlink::Stream;

use crate::plain::{FRAME, Line, stream};

/// An encoder is told with the next frame.
fn encode(line: &mut Line) {
    line.play(FRAME, 1000, "");
    line.take();
}

/// What it is told after each report.
fn told(line: &mut Line, reports: &[f64]) -> Vec<u8> {
    let mut told = Vec::new();
    for report in reports {
        line.downlink.far_end_lost(*report);
        encode(line);
        told.push(line.work().expected_loss);
    }
    told
}

#[test]
fn some_loss_is_expected_before_any_report() {
    let mut line = Line::new();
    encode(&mut line);
    assert_eq!(line.work().expected_loss, 5);
}

#[test]
fn it_rises_at_once_and_eases_down_to_the_least() {
    let mut line = Line::new();
    assert_eq!(told(&mut line, &[0.0, 0.1, 0.2]), [5, 10, 20]);
    let eased = told(&mut line, &[0.0; 8]);
    assert_eq!(eased[..4], [15, 12, 9, 7]);
    assert_eq!(eased[7], 5);
}

#[test]
fn it_never_exceeds_what_repeating_can_mend_and_no_number_is_no_loss() {
    let mut line = Line::new();
    assert_eq!(told(&mut line, &[1.0, 7.0, f64::INFINITY]), [30, 30, 30]);
    assert_eq!(told(&mut Line::new(), &[f64::NAN, -1.0]), [5, 5]);
}

#[test]
fn redundant_packets_need_no_repeating_without_loss() {
    let mut line = Line::of(Stream { redundancy: Some(63), ..stream() });
    encode(&mut line);
    assert_eq!(line.work().expected_loss, 0);
}
