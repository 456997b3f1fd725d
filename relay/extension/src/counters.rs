//! What the workers have done: atomics that each worker has to itself, added up when somebody asks.

use std::sync::atomic::{AtomicU64, Ordering};

use antiphon_relay_packet::drop_reason::DropReason;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Counter {
    /// Client datagrams received and forwarded, and their bytes (without hop headers).
    UplinkReceived,
    UplinkForwarded,
    UplinkBytes,
    /// Return records received and sent to clients, and their bytes.
    DownlinkReceived,
    DownlinkForwarded,
    DownlinkBytes,
    HopDatagramsSent,
    HopDatagramsReceived,
    /// Lone records above what a packed datagram may hold.
    HopLargeDatagrams,
    LookupsAsked,
    FlowsRestored,
    FlowsExpired,
}

const COUNTERS: usize = Counter::FlowsExpired as usize + 1;

/// Padded to two cache lines: neighbours share none.
#[repr(align(128))]
pub struct WorkerCounters {
    counts: [AtomicU64; COUNTERS],
    drops: [AtomicU64; DropReason::ALL.len()],
    /// When the worker last looked at its sockets.
    turn_ms: AtomicU64,
}

impl WorkerCounters {
    fn new() -> Self {
        let zero = |_| AtomicU64::new(0);
        Self { counts: std::array::from_fn(zero), drops: std::array::from_fn(zero), turn_ms: AtomicU64::new(0) }
    }

    #[expect(clippy::indexing_slicing, reason = "as many cells as the enum has values")]
    pub fn add(&self, counter: Counter, count: usize) {
        self.counts[counter as usize].fetch_add(count as u64, Ordering::Relaxed);
    }

    #[expect(clippy::indexing_slicing, reason = "as many cells as the enum has values")]
    pub fn drop_packets(&self, reason: DropReason, count: usize) {
        self.drops[reason as usize].fetch_add(count as u64, Ordering::Relaxed);
    }

    pub fn note_turn(&self, steady_ms: u64) {
        self.turn_ms.store(steady_ms, Ordering::Relaxed);
    }
}

pub struct Counters {
    workers: Box<[WorkerCounters]>,
    /// For what happens outside the workers' threads.
    elsewhere: WorkerCounters,
}

impl Counters {
    pub fn new(workers: usize) -> Self {
        let workers = (0..workers).map(|_| WorkerCounters::new()).collect();
        Self { workers, elsewhere: WorkerCounters::new() }
    }

    pub fn of_worker(&self, index: usize) -> &WorkerCounters {
        self.workers.get(index).unwrap_or(&self.elsewhere)
    }

    pub fn elsewhere(&self) -> &WorkerCounters {
        &self.elsewhere
    }

    #[expect(clippy::indexing_slicing, reason = "as many cells as the enum has values")]
    pub fn total(&self, counter: Counter) -> u64 {
        self.all().map(|worker| worker.counts[counter as usize].load(Ordering::Relaxed)).sum()
    }

    #[expect(clippy::indexing_slicing, reason = "as many cells as the enum has values")]
    pub fn drops(&self, reason: DropReason) -> u64 {
        self.all().map(|worker| worker.drops[reason as usize].load(Ordering::Relaxed)).sum()
    }

    /// Of the worker that has not looked at its sockets for longest.
    pub fn oldest_turn_ms(&self) -> u64 {
        self.workers.iter().map(|worker| worker.turn_ms.load(Ordering::Relaxed)).min().unwrap_or(0)
    }

    fn all(&self) -> impl Iterator<Item = &WorkerCounters> {
        self.workers.iter().chain(std::iter::once(&self.elsewhere))
    }
}
