//! Cuts the speech of a call into chunks for its backend: a chunk costs a backend's leg as much as its length, or nearly.

const MS: u64 = 1_000;

/// How long a chunk is: 20 … 100 ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLength(u8);

impl ChunkLength {
    pub const SHORTEST_MS: u8 = 20;
    pub const LONGEST_MS: u8 = 100;

    /// `None` beyond those.
    pub const fn from_ms(ms: u8) -> Option<Self> {
        if ms < Self::SHORTEST_MS || ms > Self::LONGEST_MS { None } else { Some(Self(ms)) }
    }

    pub const fn ms(self) -> u8 {
        self.0
    }
}

impl Default for ChunkLength {
    fn default() -> Self {
        Self(40)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// Its first sample's number, from 0 at the call's beginning.
    pub first_sample: u64,
    /// When its first sample could be heard.
    pub heard_us: u64,
    /// Never empty; a whole chunk's length but where the sender pauses or nothing more came.
    pub pcm: &'a [i16],
}

/// One call's. Bounded: what came at once, and less than a chunk.
#[derive(Clone, Debug)]
pub struct Batch {
    chunk_samples: usize,
    chunk_us: u64,
    pcm: Vec<i16>,
    /// Samples handed out.
    given: u64,
    /// When the first sample of the rest could be heard.
    heard_us: u64,
    /// Samples left by the last cut.
    left: usize,
    pausing: bool,
}

impl Batch {
    /// `sample_rate`: samples a second, mono.
    pub fn new(sample_rate: u32, length: ChunkLength) -> Self {
        let samples = u64::from(sample_rate) * u64::from(length.ms()) / 1000;
        Self {
            chunk_samples: samples.max(1) as usize,
            chunk_us: u64::from(length.ms()) * MS,
            pcm: Vec::new(),
            given: 0,
            heard_us: 0,
            left: 0,
            pausing: false,
        }
    }

    /// Where the call's speech is appended; then it is to be cut.
    pub const fn sink(&mut self) -> &mut Vec<i16> {
        &mut self.pcm
    }

    /// Gives whole chunks of what was appended at `now_us`. What is left waits for more, but not when the sender begins to
    /// pause, nor for longer than a chunk.
    pub fn cut(&mut self, now_us: u64, pausing: bool, mut give: impl FnMut(Chunk<'_>)) {
        if self.left == 0 {
            self.heard_us = now_us;
        }
        let whole = self.pcm.chunks_exact(self.chunk_samples);
        let rest = whole.remainder();
        for pcm in whole {
            give(Chunk { first_sample: self.given, heard_us: self.heard_us, pcm });
            self.given += pcm.len() as u64;
            self.heard_us = now_us;
        }
        let falls_silent = pausing && !self.pausing;
        self.pausing = pausing;
        self.left = rest.len();
        if !rest.is_empty() && (falls_silent || self.due_us().is_some_and(|due_us| due_us <= now_us)) {
            give(Chunk { first_sample: self.given, heard_us: self.heard_us, pcm: rest });
            self.given += rest.len() as u64;
            self.left = 0;
        }
        let given = self.pcm.len() - self.left;
        self.pcm.drain(..given);
    }

    /// Gives what is left, less than a chunk: something is to come after it.
    pub fn give_rest(&mut self, mut give: impl FnMut(Chunk<'_>)) {
        if !self.pcm.is_empty() {
            give(Chunk { first_sample: self.given, heard_us: self.heard_us, pcm: &self.pcm });
            self.given += self.pcm.len() as u64;
            self.left = 0;
            self.pcm.clear();
        }
    }

    /// When what is left has waited for a chunk's length, and is to be cut.
    pub fn due_us(&self) -> Option<u64> {
        (self.left > 0).then(|| self.heard_us.saturating_add(self.chunk_us))
    }
}
