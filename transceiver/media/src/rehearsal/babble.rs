//! Sound that costs a codec about what speech does.

use std::f64::consts::TAU;

/// Hertz, and how loud: what the mouth lets through of the voice, and a hiss beside it.
const FORMANTS: [(f64, f64); 3] = [(700.0, 1.0), (1220.0, 0.5), (2600.0, 0.25)];
const FORMANT_WIDTH: f64 = 150.0;
const HARMONICS: u16 = 24;
const PITCH: f64 = 120.0;
const SYLLABLES_A_SECOND: f64 = 4.0;
const LOUDEST: f64 = 9000.0;

/// `samples` of syllables, voiced and hissed in turns, with a short pause after each. The same every time.
pub fn babble(sample_rate: u32, samples: usize) -> Vec<i16> {
    let step = 1.0 / f64::from(sample_rate);
    let (mut time, mut phase, mut hiss) = (0.0_f64, 0.0_f64, Hiss(1));
    let sample = |_| {
        time += step;
        let syllable = time * SYLLABLES_A_SECOND;
        // The voice rises and falls, or a codec would predict it to the last bit.
        let pitch = PITCH * (1.0 + 0.15 * (TAU * 0.7 * time).sin());
        phase = (phase + pitch * step).fract();
        let loudness = (TAU / 2.0 * (syllable.fract() / 0.8)).sin().max(0.0);
        let is_voiced = syllable.fract() > 0.2;
        let sound = if is_voiced { voice(phase, pitch) + 0.02 * hiss.next() } else { 0.3 * hiss.next() };
        (sound * loudness * LOUDEST) as i16
    };
    (0..samples).map(sample).collect()
}

/// Harmonics of the pitch as loud as the formants let them through.
fn voice(phase: f64, pitch: f64) -> f64 {
    (1..=HARMONICS).map(f64::from).map(|harmonic| (TAU * phase * harmonic).sin() * passed(pitch * harmonic)).sum()
}

fn passed(hertz: f64) -> f64 {
    let through = |(center, gain): (f64, f64)| gain / (1.0 + ((hertz - center) / FORMANT_WIDTH).powi(2));
    FORMANTS.map(through).iter().sum::<f64>() * 0.3
}

/// Noise by a linear congruential generator: nothing depends on how good it is.
struct Hiss(u32);

impl Hiss {
    /// -1 … 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from((self.0 >> 16) as u16) / 32_767.5 - 1.0
    }
}
