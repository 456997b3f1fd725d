//! The low-pass filter between a rate and its multiple: a windowed sinc, in as many phases as the multiple has.

use std::f32::consts::PI;

/// Of each phase. At 8,000 Hz: flat within 0.1 dB up to 3,300 Hz, and 60 dB down from 4,700 Hz on.
const TAPS: u16 = 32;

/// The filter at the higher rate; its taps add up to 1. With a factor of 1 there is nothing to filter.
fn low_pass(factor: u8) -> Vec<f32> {
    let taps = TAPS * u16::from(factor);
    let last = f32::from(taps - 1);
    let tap = |index: u16| {
        let (turn, at) = (2.0 * PI * f32::from(index) / last, (f32::from(index) - last / 2.0) / f32::from(factor));
        let window = 0.42 - 0.5 * turn.cos() + 0.08 * (2.0 * turn).cos();
        window * if at == 0.0 { 1.0 } else { (PI * at).sin() / (PI * at) }
    };
    let unscaled: Vec<f32> = (0..taps).map(tap).collect();
    let sum: f32 = unscaled.iter().sum();
    unscaled.into_iter().map(|tap| tap / sum).collect()
}

/// The latest samples of a stream behind those that came before.
#[derive(Clone, Debug)]
struct Line {
    /// One less than the filter has taps, then the latest.
    samples: Vec<f32>,
    kept: usize,
}

impl Line {
    fn new(taps: usize) -> Self {
        let kept = taps.saturating_sub(1);
        Self { samples: vec![0.0; kept], kept }
    }

    fn append(&mut self, pcm: &[i16]) {
        self.samples.drain(..self.samples.len().saturating_sub(self.kept));
        self.samples.extend(pcm.iter().map(|sample| f32::from(*sample)));
    }

    fn reset(&mut self) {
        self.samples.clear();
        self.samples.resize(self.kept, 0.0);
    }
}

#[derive(Clone, Debug)]
pub struct Interpolator {
    /// Of each of the samples that are made of one, its taps from the oldest sample to the latest.
    phases: Vec<Vec<f32>>,
    line: Line,
}

impl Interpolator {
    pub fn new(factor: u8) -> Self {
        let filter = low_pass(factor);
        let phase = |first: u8| {
            let own = filter.iter().skip(usize::from(first)).step_by(usize::from(factor));
            let mut taps: Vec<f32> = own.map(|tap| tap * f32::from(factor)).collect();
            taps.reverse();
            taps
        };
        let phases = if factor > 1 { (0..factor).map(phase).collect() } else { Vec::new() };
        Self { phases, line: Line::new(usize::from(TAPS)) }
    }

    pub fn interpolate(&mut self, pcm: &[i16], out: &mut Vec<i16>) {
        if self.phases.is_empty() {
            out.extend_from_slice(pcm);
            return;
        }
        self.line.append(pcm);
        let windows = self.line.samples.windows(usize::from(TAPS));
        out.extend(windows.flat_map(|window| self.phases.iter().map(|phase| sample(window, phase))));
    }

    pub fn reset(&mut self) {
        self.line.reset();
    }
}

#[derive(Clone, Debug)]
pub struct Decimator {
    factor: usize,
    filter: Vec<f32>,
    line: Line,
}

impl Decimator {
    pub fn new(factor: u8) -> Self {
        let filter = low_pass(factor);
        Self { factor: usize::from(factor), line: Line::new(filter.len()), filter }
    }

    /// `pcm`: a whole number of samples at the lower rate.
    pub fn decimate(&mut self, pcm: &[i16], out: &mut Vec<i16>) {
        if self.factor == 1 {
            out.extend_from_slice(pcm);
            return;
        }
        self.line.append(pcm);
        // The filter is symmetric: its first tap may as well be the oldest sample's.
        let windows = self.line.samples.windows(self.filter.len()).skip(self.factor - 1).step_by(self.factor);
        out.extend(windows.map(|window| sample(window, &self.filter)));
    }

    pub fn reset(&mut self) {
        self.line.reset();
    }
}

fn sample(window: &[f32], taps: &[f32]) -> i16 {
    let sum: f32 = window.iter().zip(taps).map(|(sample, tap)| sample * tap).sum();
    // The cast saturates.
    sum.round() as i16
}
