//! Whose the samples are that were given, and how far they were sent.

use std::collections::VecDeque;
use std::sync::Arc;

use super::playout::{Playout, PlayoutFull};

/// Bytes.
pub const LONGEST_ITEM_ID: usize = 256;

/// Items whose length is remembered; a backend speaks one at a time, or a few.
const MOST_ITEMS: usize = 64;
/// Changes of item in the queue.
const MOST_RUNS: usize = 256;

/// Samples of one item in a row.
#[derive(Debug)]
struct Run {
    item_id: Arc<str>,
    /// Of all samples given, since the start of the call.
    start: u64,
    end: u64,
    /// Samples of the item that came before.
    offset: u64,
}

#[derive(Debug, Default)]
struct Item {
    id: Arc<str>,
    /// Samples given, those that were thrown away among them.
    length: u64,
    /// Nothing more of it is taken.
    refused: Option<PlayoutFull>,
}

#[derive(Debug)]
pub(super) struct Items {
    sample_rate: u32,
    /// Samples.
    longest_item: u64,
    /// The run of the last sample sent stays in front, however long ago it ended: its position is asked for later.
    runs: VecDeque<Run>,
    /// What was given last.
    current: Item,
    /// Before it, the oldest first.
    former: VecDeque<Item>,
    given: u64,
    /// Of the samples given, those that are past: sent or thrown away.
    past: u64,
    flushed: u64,
    skipped: u64,
}

impl Items {
    pub fn new(sample_rate: u32, longest_item_ms: u32) -> Self {
        Self {
            sample_rate,
            longest_item: u64::from(longest_item_ms) * u64::from(sample_rate) / 1000,
            runs: VecDeque::new(),
            current: Item::default(),
            former: VecDeque::new(),
            given: 0,
            past: 0,
            flushed: 0,
            skipped: 0,
        }
    }

    /// Samples, since the start of the call.
    pub const fn given(&self) -> u64 {
        self.given
    }

    pub const fn sent(&self) -> u64 {
        self.past - self.flushed - self.skipped
    }

    /// Sent or thrown away.
    pub const fn past(&self) -> u64 {
        self.past
    }

    pub const fn flushed(&self) -> u64 {
        self.flushed
    }

    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    pub const fn waiting(&self) -> u64 {
        self.given - self.past
    }

    /// Whose sample came last.
    pub fn is_last(&self, item_id: &str) -> bool {
        self.runs.back().is_some_and(|run| *run.item_id == *item_id)
    }

    /// Takes samples of an item into account, or refuses them, and then its later ones too. `has_room`: the queue has.
    pub fn give(&mut self, item_id: &str, samples: usize, has_room: bool) -> Result<(), PlayoutFull> {
        if item_id.len() > LONGEST_ITEM_ID {
            return Err(PlayoutFull::ItemId);
        }
        let samples = samples as u64;
        let continues = self.is_last(item_id);
        let has_run = continues || self.runs.len() < MOST_RUNS;
        let longest = if item_id.is_empty() { u64::MAX } else { self.longest_item };
        self.recall(item_id);
        let item = &mut self.current;
        let refused = match item.refused {
            Some(refused) => Some(refused),
            None if !has_room => Some(PlayoutFull::Queue),
            None if item.length + samples > longest => Some(PlayoutFull::Item),
            None if !has_run => Some(PlayoutFull::Changes),
            None => None,
        };
        if let Some(refused) = refused {
            item.refused = Some(refused).filter(|_| !item_id.is_empty());
            return Err(refused);
        }
        let (id, offset) = (Arc::clone(&item.id), item.length);
        item.length += samples;
        let start = self.given;
        self.given += samples;
        match self.runs.back_mut() {
            Some(run) if continues => run.end = self.given,
            _ => self.runs.push_back(Run { item_id: id, start, end: self.given, offset }),
        }
        Ok(())
    }

    /// The next `samples` were sent.
    pub fn advance(&mut self, samples: u32) {
        self.past = self.given.min(self.past + u64::from(samples));
        while self.runs.get(1).is_some_and(|next| next.start < self.past) {
            self.runs.pop_front();
        }
    }

    /// So many of the samples that wait are left out.
    pub fn skip(&mut self, samples: u32) {
        let before = self.past;
        self.advance(samples);
        self.skipped += self.past - before;
    }

    /// Throws away what waits; says where that cut the sound.
    pub fn flush(&mut self) -> Playout {
        let playout = self.position();
        self.flushed += self.waiting();
        self.past = self.given;
        self.runs.clear();
        playout
    }

    pub fn position(&self) -> Playout {
        let Some(run) = self.runs.front().filter(|run| run.start < self.past) else {
            return Playout { unheard: self.unheard(None), ..Playout::default() };
        };
        let reached = self.past.min(run.end);
        let played_samples = run.offset + reached - run.start;
        Playout {
            item_id: Arc::clone(&run.item_id),
            played_samples,
            played_ms: self.ms(played_samples),
            unplayed_ms: self.ms(run.end - reached),
            unheard: self.unheard(Some(&run.item_id)),
        }
    }

    pub fn ms(&self, samples: u64) -> u64 {
        samples * 1000 / u64::from(self.sample_rate.max(1))
    }

    /// Each once, in the order in which they will be heard.
    fn unheard(&self, current: Option<&str>) -> Vec<Arc<str>> {
        let mut unheard: Vec<Arc<str>> = Vec::new();
        for run in self.runs.iter().filter(|run| run.start >= self.past) {
            if current != Some(&*run.item_id) && !unheard.contains(&run.item_id) {
                unheard.push(Arc::clone(&run.item_id));
            }
        }
        unheard
    }

    /// Makes the item the current one.
    fn recall(&mut self, id: &str) {
        if *self.current.id == *id {
            return;
        }
        let known = self.former.iter().rposition(|item| *item.id == *id).and_then(|at| self.former.remove(at));
        let item = known.unwrap_or_else(|| Item { id: Arc::from(id), ..Item::default() });
        self.former.push_back(std::mem::replace(&mut self.current, item));
        if self.former.len() >= MOST_ITEMS {
            self.former.pop_front();
        }
    }
}
