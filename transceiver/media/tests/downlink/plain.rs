//! A downlink whose payloads are the samples, so that tests see exactly what is sent.

use std::sync::{Arc, Mutex};

use antiphon_media::codec::{Coding, Encoder, Unencodable};
use antiphon_media::downlink::{Playout, Stream};

use crate::one_hand::Downlink;

/// At 8 kHz: 20 ms, and a fade of 5 ms.
pub const RATE: u32 = 8_000;
pub const FRAME: usize = 160;
pub const FADE: usize = 40;
pub const FRAME_US: u64 = 20_000;
pub const START_US: u64 = 3_000_000;

/// What was done with an encoder, seen from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    pub encoded: usize,
    pub resets: usize,
    pub expected_loss: u8,
}

#[derive(Clone, Debug)]
pub struct PlainEncoder {
    pub sample_rate: u32,
    pub work: Arc<Mutex<Work>>,
}

impl PlainEncoder {
    pub fn new(sample_rate: u32) -> Self {
        Self { sample_rate, work: Arc::default() }
    }
}

impl Encoder for PlainEncoder {
    fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    fn encode(&mut self, pcm: &[i16], out: &mut Vec<u8>) -> Result<(), Unencodable> {
        self.work.lock().unwrap().encoded += 1;
        out.extend(pcm.iter().flat_map(|sample| sample.to_be_bytes()));
        Ok(())
    }

    fn set_expected_loss(&mut self, percent: u8) {
        self.work.lock().unwrap().expected_loss = percent;
    }

    fn reset(&mut self) {
        self.work.lock().unwrap().resets += 1;
    }
}

/// A downlink and the slot that it is at.
pub struct Line {
    pub downlink: Downlink<PlainEncoder>,
    pub slot: u64,
    work: Arc<Mutex<Work>>,
}

impl Line {
    pub fn new() -> Self {
        Self::of(stream())
    }

    pub fn of(stream: Stream) -> Self {
        Self::with(stream, PlainEncoder::new(RATE))
    }

    pub fn with(stream: Stream, encoder: PlainEncoder) -> Self {
        let work = Arc::clone(&encoder.work);
        Self { downlink: Downlink::new(stream, encoder, START_US, 5_000), slot: 0, work }
    }

    pub fn work(&self) -> Work {
        *self.work.lock().unwrap()
    }

    pub fn play(&mut self, samples: usize, level: i16, item_id: &str) {
        self.downlink.play(&vec![level; samples], item_id).unwrap();
    }

    /// The samples that the next slot sends; none in silence.
    pub fn take(&mut self) -> Option<Vec<i16>> {
        let due_us = START_US + self.slot * FRAME_US;
        self.slot += 1;
        let packet = self.downlink.take(due_us)?;
        Some(packet.payload.as_chunks().0.iter().map(|pair| i16::from_be_bytes(*pair)).collect())
    }

    /// What is heard in the next slots.
    pub fn hear(&mut self, slots: usize) -> Vec<i16> {
        (0..slots).flat_map(|_| self.take().unwrap_or_else(|| vec![0; FRAME])).collect()
    }
}

pub fn stream() -> Stream {
    Stream { longest_queue_ms: 60_000, ..Stream::new(Coding::Pcmu, 0, 0xABCD) }
}

/// A playout by what Python's says: item, ms played, ms not played, items not heard.
pub fn said(playout: &Playout) -> (&str, u64, u64, Vec<&str>) {
    let unheard = playout.unheard.iter().map(|item_id| &**item_id).collect();
    (&playout.item_id, playout.played_ms, playout.unplayed_ms, unheard)
}

pub fn largest_step(heard: &[i16]) -> u16 {
    heard.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap_or_default()
}
