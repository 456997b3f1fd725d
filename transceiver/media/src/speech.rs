//! The callers' speech on its way to their backends: chunks of many calls, fetched together.
//!
//! Who fetches is Python, and what costs it is to be woken, not what it finds then. So it is told at once when it has not
//! been told for some time, and else when that is over: 50 times a second for each thread that decodes, 100 times in all.
//! For a mark it is told at once.

use std::collections::{HashMap, VecDeque};

use crate::inbox::Handle;

/// Between two times of telling, at least: with one thread that decodes, and with two or more.
const BETWEEN_US: u64 = 20_000;
const LEAST_BETWEEN_US: u64 = 10_000;
/// Of a call's speech that may wait. More of it is dropped: what waits is in order, and a backend that comes late hears a
/// gap at its end.
pub const LONGEST_MS: u64 = 2_000;

/// PCM of 16 bits, little-endian, mono; none of it where a mark is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    pub handle: Handle,
    pub pcm: Vec<u8>,
    since_us: u64,
}

/// Whether to tell that something waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bell {
    /// Nothing waits, or it was told.
    Silent,
    /// It counts as told.
    Ring,
    /// Not before that time.
    RingAt(u64),
}

/// Since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpeechCounts {
    /// Fetches that found something.
    pub batches: u64,
    pub chunks: u64,
    /// From when a chunk could be fetched until it was: of all chunks, and the longest.
    pub waited_us: u64,
    pub worst_us: u64,
    /// Speech that nobody fetched in time.
    pub dropped_ms: u64,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    /// Samples a second.
    rate: u32,
    /// Samples that wait.
    waiting: u64,
    is_marked: bool,
}

/// Bounded by [`LONGEST_MS`] a call. Times are microseconds from any fixed zero.
#[derive(Clone, Debug)]
pub struct Speech {
    between_us: u64,
    calls: HashMap<Handle, Open>,
    chunks: VecDeque<Chunk>,
    told: bool,
    /// A mark waits.
    is_urgent: bool,
    last_told_us: Option<u64>,
    counts: SpeechCounts,
}

impl Speech {
    /// So many `threads` decode it.
    pub fn new(threads: usize) -> Self {
        Self {
            between_us: (BETWEEN_US / threads.max(1) as u64).max(LEAST_BETWEEN_US),
            calls: HashMap::new(),
            chunks: VecDeque::new(),
            told: false,
            is_urgent: false,
            last_told_us: None,
            counts: SpeechCounts::default(),
        }
    }

    /// What a call says is kept from now on; `rate`: samples a second.
    pub fn open(&mut self, handle: Handle, rate: u32) {
        self.calls.insert(handle, Open { rate, waiting: 0, is_marked: false });
    }

    /// Nothing of the call is given any more.
    pub fn close(&mut self, handle: Handle) {
        if self.calls.remove(&handle).is_some() {
            self.chunks.retain(|chunk| chunk.handle != handle);
        }
    }

    pub fn push(&mut self, handle: Handle, pcm: &[i16], now_us: u64) {
        let Some(call) = self.calls.get_mut(&handle) else { return };
        let samples = pcm.len() as u64;
        let rate = u64::from(call.rate).max(1);
        if call.waiting + samples > LONGEST_MS * rate / 1000 {
            self.counts.dropped_ms += samples * 1000 / rate;
            return;
        }
        call.waiting += samples;
        let pcm = pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        self.chunks.push_back(Chunk { handle, pcm, since_us: now_us });
    }

    /// What was pushed before is all that the call said until now: somebody waits for this, so it is told at once. One waits
    /// at a time.
    pub fn mark(&mut self, handle: Handle, now_us: u64) {
        let Some(call) = self.calls.get_mut(&handle).filter(|call| !call.is_marked) else { return };
        call.is_marked = true;
        self.is_urgent = true;
        self.chunks.push_back(Chunk { handle, pcm: Vec::new(), since_us: now_us });
    }

    /// To be asked after [`Self::push`] and [`Self::mark`], and again at the time that it answers.
    pub fn bell(&mut self, now_us: u64) -> Bell {
        if self.chunks.is_empty() || self.told {
            return Bell::Silent;
        }
        let soonest_us = self.last_told_us.map_or(now_us, |told_us| told_us.saturating_add(self.between_us));
        if now_us < soonest_us && !self.is_urgent {
            return Bell::RingAt(soonest_us);
        }
        self.told = true;
        self.last_told_us = Some(now_us);
        Bell::Ring
    }

    /// All that waits, in order.
    pub fn take(&mut self, now_us: u64) -> VecDeque<Chunk> {
        (self.told, self.is_urgent) = (false, false);
        for chunk in &self.chunks {
            let waited_us = now_us.saturating_sub(chunk.since_us);
            self.counts.waited_us += waited_us;
            self.counts.worst_us = self.counts.worst_us.max(waited_us);
        }
        self.counts.batches += u64::from(!self.chunks.is_empty());
        self.counts.chunks += self.chunks.iter().filter(|chunk| !chunk.pcm.is_empty()).count() as u64;
        for call in self.calls.values_mut() {
            (call.waiting, call.is_marked) = (0, false);
        }
        std::mem::take(&mut self.chunks)
    }

    pub const fn counts(&self) -> SpeechCounts {
        self.counts
    }
}
