//! Cuts sound into frames, and softens the places where it begins and ends.

use std::collections::VecDeque;

use super::FrameLength;

/// Long enough that no click is heard, short enough that no syllable is.
const FADE_MS: u32 = 5;
/// Where to leave something out is looked for in a second of what waits, in steps of [`FADE_MS`].
const MOST_PLACES: usize = 200;
/// Samples of room that an empty queue keeps.
const ROOM_KEPT: usize = 4096;

/// A frame that was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Of its samples this many were given; the rest fills it.
    pub samples: u32,
    pub end: End,
}

/// How a frame ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// In the middle of a sound, at this sample.
    Sound(i16),
    /// The sound was faded out in this very frame.
    Faded,
    /// It is all silence.
    Silence,
}

/// Holds what was given and not yet cut, nothing more.
#[derive(Debug)]
pub(super) struct Cutter {
    frame_samples: usize,
    fade_samples: usize,
    waiting: VecDeque<i16>,
    /// Samples cut so far.
    cut: u64,
    /// Where sounds end, counted as `cut`; ascending.
    ends: VecDeque<u64>,
    /// Where the last frame left off, if in the middle of a sound.
    level: Option<i16>,
    frame: Vec<i16>,
}

impl Cutter {
    pub fn new(sample_rate: u32, frame: FrameLength) -> Self {
        Self {
            frame_samples: frame.at(sample_rate) as usize,
            fade_samples: (sample_rate * FADE_MS / 1000) as usize,
            waiting: VecDeque::new(),
            cut: 0,
            ends: VecDeque::new(),
            level: None,
            frame: Vec::new(),
        }
    }

    /// Samples in a frame.
    pub const fn frame_samples(&self) -> usize {
        self.frame_samples
    }

    /// Makes `pcm` the frame that was cut last.
    pub fn copy_frame(&self, pcm: &mut Vec<i16>) {
        pcm.clear();
        pcm.extend_from_slice(&self.frame);
    }

    /// Samples.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Known ends that were not cut yet.
    pub fn ends(&self) -> usize {
        self.ends.len()
    }

    /// The frame that was cut last ended in the middle of a sound.
    pub const fn is_sounding(&self) -> bool {
        self.level.is_some()
    }

    /// [`Self::next`] has something.
    pub fn has_next(&self) -> bool {
        self.waiting.len() >= self.frame_samples || !self.ends.is_empty()
    }

    pub fn append(&mut self, pcm: &[i16]) {
        self.waiting.extend(pcm);
    }

    /// The sound ends with what was given last: its last frame need not wait for more.
    pub fn end(&mut self) {
        let end = self.cut + self.waiting.len() as u64;
        let is_new = self.ends.back().is_none_or(|last| *last < end);
        if is_new && (self.is_sounding() || !self.waiting.is_empty()) {
            self.ends.push_back(end);
        }
    }

    /// Cuts the next whole frame, or the last one of a sound whose end is known.
    pub fn next(&mut self) -> Option<Cut> {
        // Ends ascend, and none lies before what was cut: one at most lies just there, and ends nothing any more.
        if self.ends.front() == Some(&self.cut) && !self.is_sounding() {
            self.ends.pop_front();
        }
        let left = self.ends.front().map_or(self.waiting.len(), |end| end.saturating_sub(self.cut) as usize);
        if left >= self.frame_samples {
            return Some(self.cut_whole());
        }
        self.ends.pop_front()?;
        Some(self.cut_last(left))
    }

    /// Ends the sound with what there is of it, which is less than a frame when [`Self::next`] has nothing.
    pub fn close(&mut self) -> Cut {
        self.cut_last(self.waiting.len())
    }

    /// Leads the listener from `level` down into silence; between two sounds only.
    pub fn farewell(&mut self, level: i16) -> Cut {
        self.level = Some(level);
        self.cut_last(0)
    }

    /// A frame of silence.
    pub fn silence(&mut self) -> Cut {
        self.frame.clear();
        self.frame.resize(self.frame_samples, 0);
        Cut { samples: 0, end: End::Silence }
    }

    /// Leaves up to `samples` of what waits out: the quietest that lie together. What is before them runs over into what is
    /// behind, so nothing clicks. Returns how many. However much waits, only a second of it and as much again as is left out
    /// is looked through.
    pub fn skip(&mut self, samples: usize) -> usize {
        let over = self.fade_samples;
        let skipped = samples.min(self.waiting.len().saturating_sub(over));
        if skipped == 0 || !self.ends.is_empty() {
            return 0;
        }
        let waiting = self.waiting.make_contiguous();
        let at = quietest(waiting, over, skipped + over).min(waiting.len() - over - skipped);
        let (before, behind) = waiting.split_at_mut(at + skipped);
        let whole = i32::try_from(over).unwrap_or(i32::MAX);
        for ((part, to), from) in (0..whole).zip(behind).zip(before.iter().skip(at)) {
            *to = scaled(*to, part, whole).saturating_add(scaled(*from, whole - part, whole));
        }
        self.waiting.drain(at..at + skipped);
        skipped
    }

    pub fn clear(&mut self) {
        self.waiting.clear();
        self.waiting.shrink_to(ROOM_KEPT);
        self.ends.clear();
        self.level = None;
    }

    fn cut_whole(&mut self) -> Cut {
        self.take(self.frame_samples);
        let level = self.frame.last().copied().unwrap_or_default();
        self.level = Some(level);
        Cut { samples: self.frame_samples as u32, end: End::Sound(level) }
    }

    /// `samples` of a frame at most. The fade lies behind them if there is room, else as far as needed over their end:
    /// what is missing in the frame is drawn out from the last sample, and all of it fades.
    fn cut_last(&mut self, samples: usize) -> Cut {
        self.take(samples);
        let level = self.frame.last().copied().or(self.level).unwrap_or_default();
        self.frame.resize(self.frame_samples, level);
        let fade = i32::try_from(self.fade_samples).unwrap_or(i32::MAX);
        let begin = samples.min(self.frame_samples.saturating_sub(self.fade_samples));
        for (left, sample) in (0..fade).rev().chain(std::iter::repeat(0)).zip(self.frame.iter_mut().skip(begin)) {
            *sample = scaled(*sample, left, fade);
        }
        self.level = None;
        Cut { samples: samples as u32, end: End::Faded }
    }

    /// Takes `samples` into the frame, faded in if a sound begins with them.
    fn take(&mut self, samples: usize) {
        self.frame.clear();
        self.frame.extend(self.waiting.drain(..samples.min(self.waiting.len())));
        self.cut += self.frame.len() as u64;
        if self.waiting.is_empty() {
            self.waiting.shrink_to(ROOM_KEPT);
        }
        if self.level.is_none() {
            let fade = i32::try_from(self.fade_samples).unwrap_or(i32::MAX);
            for (part, sample) in (0..fade).zip(&mut self.frame) {
                *sample = scaled(*sample, part, fade);
            }
        }
    }
}

/// Where the quietest `samples` of the sound begin, looked for in steps of `step` at [`MOST_PLACES`]. `samples` is above 0.
fn quietest(pcm: &[i16], step: usize, samples: usize) -> usize {
    let energy = |sample: &i16| u64::from(sample.unsigned_abs()).pow(2);
    let stretch = samples.div_ceil(step.max(1));
    // No more than the stretches at these places lie over.
    let parts = pcm.chunks(step.max(1)).take(MOST_PLACES + stretch - 1);
    let steps: Vec<u64> = parts.map(|part| part.iter().map(energy).sum()).collect();
    let stretches = steps.windows(stretch);
    let quietest = stretches.enumerate().min_by_key(|(_, stretch)| stretch.iter().sum::<u64>());
    quietest.map_or(0, |(place, _)| place * step)
}

/// `part` of `whole`, which it does not exceed, of the sample.
fn scaled(sample: i16, part: i32, whole: i32) -> i16 {
    (i32::from(sample) * part / whole.max(1)) as i16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Looked for at every place there is of the first ones.
    fn quietest_of_all(pcm: &[i16], step: usize, samples: usize) -> usize {
        let steps: Vec<u64> = pcm
            .chunks(step)
            .map(|part| part.iter().map(|sample| u64::from(sample.unsigned_abs()).pow(2)).sum())
            .collect();
        let sums = steps.windows(samples.div_ceil(step)).take(MOST_PLACES).map(|stretch| stretch.iter().sum::<u64>());
        sums.enumerate().min_by_key(|(_, sum)| *sum).map_or(0, |(place, _)| place * step)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_lies_beyond_the_places_changes_nothing(
            pcm in prop::collection::vec(-50..50_i16, 0..1500),
            step in 1..6_usize,
            samples in 1..60_usize,
        ) {
            prop_assert_eq!(quietest(&pcm, step, samples), quietest_of_all(&pcm, step, samples));
        }

        /// So [`Cutter::next`] has never more than one to pass over.
        #[test]
        fn ends_ascend_and_one_at_most_ends_nothing(
            steps in prop::collection::vec((0..8_u8, 0..500_usize), 1..80),
        ) {
            let mut cutter = Cutter::new(8_000, FrameLength::Twenty);
            for (step, samples) in steps {
                match step {
                    0..=1 => cutter.append(&vec![100; samples]),
                    2..=3 => cutter.end(),
                    4 => { cutter.skip(samples); }
                    5 => cutter.clear(),
                    _ => {
                        let has_next = cutter.has_next();
                        let is_cut = cutter.next().is_some();
                        prop_assert!(has_next || !is_cut);
                        if !is_cut {
                            prop_assert_eq!(cutter.ends(), 0);
                            if cutter.is_sounding() { cutter.close(); }
                        }
                    }
                }
                let passed = cutter.ends.iter().filter(|end| **end <= cutter.cut).count();
                prop_assert!(passed <= 1 && cutter.ends.front().is_none_or(|end| *end >= cutter.cut));
                prop_assert!(cutter.ends.iter().is_sorted_by(|left, right| left < right));
            }
        }
    }
}
