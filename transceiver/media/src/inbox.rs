//! What waits for the calls' side: datagrams, bounded per call and in all, and events, which are never dropped.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};

use crate::counters::DropReason;
use crate::pairs::{IN_USE, Via};

/// Names a call; never used twice.
pub type Handle = u64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The first authenticated check.
    Checked = 1,
    Dtls = 2,
    Rtp = 3,
    Rtcp = 4,
    SetupTimeout = 5,
    ConsentLost = 6,
    /// Not of the network: a place in what comes, of which the calls' side wants to know when it is reached.
    Mark = 7,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub handle: Handle,
    pub kind: Kind,
    pub payload: Vec<u8>,
    pub via: Via,
    /// When it came out of the network, in microseconds from any fixed zero; zero where it did not.
    pub came_us: u64,
}

#[derive(Debug)]
pub struct Inbox {
    queue: VecDeque<Delivery>,
    /// Datagrams in `queue` of our own handles, only those that have any.
    waiting: HashMap<Handle, usize>,
    /// Those in `queue`.
    events: HashSet<(Handle, Kind)>,
    datagrams: usize,
    per_call: usize,
    total: usize,
}

impl Inbox {
    pub fn new(per_call: usize, total: usize) -> Self {
        let (waiting, events) = (HashMap::new(), HashSet::new());
        Self { queue: VecDeque::new(), waiting, events, datagrams: 0, per_call, total }
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The newest is dropped, not the oldest: what waits is in order, and a late listener hears a gap at its end.
    pub fn push(&mut self, delivery: Delivery) -> Result<(), DropReason> {
        if self.datagrams >= self.total {
            return Err(DropReason::TotalQueueFull);
        }
        let waiting = self.waiting.entry(delivery.handle).or_default();
        if *waiting >= self.per_call {
            return Err(DropReason::CallQueueFull);
        }
        *waiting += 1;
        self.datagrams += 1;
        self.queue.push_back(delivery);
        Ok(())
    }

    /// Bounded without a limit: of each kind one waits for a call, and another one before that is taken is the same one.
    pub fn push_event(&mut self, handle: Handle, kind: Kind) {
        if self.events.insert((handle, kind)) {
            self.queue.push_back(Delivery { handle, kind, payload: Vec::new(), via: IN_USE, came_us: 0 });
        }
    }

    pub fn pop(&mut self, limit: usize) -> Vec<Delivery> {
        let count = limit.min(self.queue.len());
        let taken: Vec<Delivery> = self.queue.drain(..count).collect();
        for delivery in &taken {
            match delivery.kind {
                Kind::Dtls | Kind::Rtp | Kind::Rtcp => self.note_taken(delivery.handle),
                kind @ (Kind::Checked | Kind::SetupTimeout | Kind::ConsentLost | Kind::Mark) => {
                    self.events.remove(&(delivery.handle, kind));
                }
            }
        }
        taken
    }

    /// Nothing of a removed call is delivered any more.
    pub fn forget(&mut self, handle: Handle) {
        if let Some(datagrams) = self.waiting.remove(&handle) {
            self.datagrams -= datagrams;
        }
        self.events.retain(|(of, _)| *of != handle);
        self.queue.retain(|delivery| delivery.handle != handle);
    }

    fn note_taken(&mut self, handle: Handle) {
        self.datagrams -= 1;
        if let Entry::Occupied(mut waiting) = self.waiting.entry(handle) {
            *waiting.get_mut() -= 1;
            if *waiting.get() == 0 {
                waiting.remove();
            }
        }
    }
}
