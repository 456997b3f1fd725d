//! What waits for the calls' side: datagrams, bounded per call and in all, and events, which are never dropped.

use std::collections::{HashMap, VecDeque};

use crate::counters::DropReason;
use crate::pairs::{IN_USE, Via};

/// Names a call; never used twice.
pub type Handle = u64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The first authenticated check.
    Checked = 1,
    Dtls = 2,
    Rtp = 3,
    Rtcp = 4,
    /// The send address changed.
    Moved = 5,
    SetupTimeout = 6,
    ConsentLost = 7,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub handle: Handle,
    pub kind: Kind,
    pub payload: Vec<u8>,
    pub via: Via,
}

#[derive(Debug, Default)]
struct Waiting {
    datagrams: usize,
    moved: bool,
}

#[derive(Debug)]
pub struct Inbox {
    queue: VecDeque<Delivery>,
    /// Our own handles, only those with something in `queue`.
    waiting: HashMap<Handle, Waiting>,
    datagrams: usize,
    per_call: usize,
    total: usize,
}

impl Inbox {
    pub fn new(per_call: usize, total: usize) -> Self {
        Self { queue: VecDeque::new(), waiting: HashMap::new(), datagrams: 0, per_call, total }
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
        if waiting.datagrams >= self.per_call {
            return Err(DropReason::CallQueueFull);
        }
        waiting.datagrams += 1;
        self.datagrams += 1;
        self.queue.push_back(delivery);
        Ok(())
    }

    /// Bounded without a limit: each kind comes once a call, and `Moved` is not queued twice.
    pub fn push_event(&mut self, handle: Handle, kind: Kind) {
        let waiting = self.waiting.entry(handle).or_default();
        if kind == Kind::Moved && std::mem::replace(&mut waiting.moved, true) {
            return;
        }
        self.queue.push_back(Delivery { handle, kind, payload: Vec::new(), via: IN_USE });
    }

    pub fn pop(&mut self, limit: usize) -> Vec<Delivery> {
        let count = limit.min(self.queue.len());
        let taken: Vec<Delivery> = self.queue.drain(..count).collect();
        for delivery in &taken {
            let Some(waiting) = self.waiting.get_mut(&delivery.handle) else { continue };
            match delivery.kind {
                Kind::Dtls | Kind::Rtp | Kind::Rtcp => {
                    waiting.datagrams -= 1;
                    self.datagrams -= 1;
                }
                Kind::Moved => waiting.moved = false,
                Kind::Checked | Kind::SetupTimeout | Kind::ConsentLost => {}
            }
            if waiting.datagrams == 0 && !waiting.moved {
                self.waiting.remove(&delivery.handle);
            }
        }
        taken
    }

    /// Nothing of a removed call is delivered any more.
    pub fn forget(&mut self, handle: Handle) {
        if let Some(waiting) = self.waiting.remove(&handle) {
            self.datagrams -= waiting.datagrams;
        }
        self.queue.retain(|delivery| delivery.handle != handle);
    }
}
