//! What is heard in place of lost G.711: the last pitch period over and over, fading. After ITU-T G.711 Appendix I, without
//! the 3.75 ms of delay by which it smooths the first join.

/// The longest period and the stretch that is compared.
const REMEMBERED: usize = LONGEST_PERIOD + COMPARED;
/// Of 66 Hz.
const LONGEST_PERIOD: usize = 120;
/// Of 200 Hz.
const SHORTEST_PERIOD: usize = 40;
/// 20 ms.
const COMPARED: usize = 160;
/// 10 ms as loud as before, then 50 ms to silence.
const UNDIMINISHED: usize = 80;
const FADING: u16 = 400;
/// 5 ms from what was made up to what is said.
const RETURN: u16 = 40;

/// Bounded: the last [`REMEMBERED`] samples, and a period of them.
#[derive(Clone, Debug)]
pub struct Concealment {
    remembered: Vec<i16>,
    /// What is repeated; empty while nothing is lost.
    period: Vec<i16>,
    /// Samples made up since the loss began.
    made_up: usize,
}

impl Concealment {
    pub const fn new() -> Self {
        Self { remembered: Vec::new(), period: Vec::new(), made_up: 0 }
    }

    /// Takes note of sound; what follows upon a loss begins with what was made up, and leaves it in [`RETURN`] samples.
    pub fn heard(&mut self, pcm: &mut [i16]) {
        if self.made_up > 0 {
            for (at, sample) in (1..=RETURN).zip(pcm.iter_mut()) {
                *sample = mixed(self.next(), *sample, at, RETURN + 1);
            }
            self.made_up = 0;
        }
        self.remember(pcm);
    }

    /// Appends `samples` in place of what was lost.
    pub fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        if self.made_up == 0 {
            self.period = self.last_period();
        }
        let begin = out.len();
        out.extend((0..samples).map(|_| self.next()));
        self.remember(out.get(begin..).unwrap_or_default());
    }

    fn next(&mut self) -> i16 {
        let sample = self.made_up.checked_rem(self.period.len()).and_then(|index| self.period.get(index));
        let faded = u16::try_from(self.made_up.saturating_sub(UNDIMINISHED)).unwrap_or(FADING).min(FADING);
        self.made_up += 1;
        mixed(sample.copied().unwrap_or_default(), 0, faded, FADING)
    }

    fn remember(&mut self, pcm: &[i16]) {
        let kept = pcm.get(pcm.len().saturating_sub(REMEMBERED)..).unwrap_or_default();
        let surplus = (self.remembered.len() + kept.len()).saturating_sub(REMEMBERED);
        self.remembered.drain(..surplus);
        self.remembered.extend_from_slice(kept);
    }

    /// One period up to the end, whose last quarter goes over into what came before its first; empty if too little is known.
    fn last_period(&self) -> Vec<i16> {
        let Some(length) = self.period_length() else { return Vec::new() };
        let quarter = length / 4;
        let Some((before, mut period)) = self.remembered.len().checked_sub(length).map(|begin| {
            let (before, period) = self.remembered.split_at(begin);
            (before, period.to_vec())
        }) else {
            return Vec::new();
        };
        let lead = before.iter().skip(before.len().saturating_sub(quarter));
        let of = quarter as u16 + 1;
        for (at, (sample, lead)) in (1..of).zip(period.iter_mut().skip(length - quarter).zip(lead)) {
            *sample = mixed(*sample, *lead, at, of);
        }
        period
    }

    /// The lag at which the last 20 ms are most like what came before them.
    fn period_length(&self) -> Option<usize> {
        let latest = self.remembered.last_chunk::<COMPARED>()?;
        let likeness = |lag: usize| {
            let end = self.remembered.len().checked_sub(lag)?;
            let earlier = self.remembered.get(..end)?.last_chunk::<COMPARED>()?;
            let (mut product, mut energy) = (0.0_f32, 1.0_f32);
            for (now, then) in latest.iter().zip(earlier) {
                product += f32::from(*now) * f32::from(*then);
                energy += f32::from(*then) * f32::from(*then);
            }
            Some(product / energy.sqrt())
        };
        let lags = (SHORTEST_PERIOD..=LONGEST_PERIOD).filter_map(|lag| Some((lag, likeness(lag)?)));
        lags.max_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(lag, _)| lag)
    }
}

/// `from` and `to` in proportion: all of `from` at 0, all of `to` at `of`.
fn mixed(from: i16, to: i16, at: u16, of: u16) -> i16 {
    let (at, of) = (i32::from(at), i32::from(of));
    ((i32::from(from) * (of - at) + i32::from(to) * at) / of) as i16
}
