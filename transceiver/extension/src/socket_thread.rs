//! The thread that owns the socket: receive, ask the switchboard, send. It never holds the GIL.

use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use antiphon_media::counters::{DropReason, Tally};
use antiphon_media::switchboard::Switchboard;

use crate::event_fd::EventFd;
use crate::hop_socket::{HopSocket, ReceiveBatch, Truncated, wait};

/// Calls send in bursts (one 20 ms clock for all): what comes within this time of the first shares datagrams and wake-ups.
const COLLECT: Duration = Duration::from_micros(100);
/// Batches read before anything is sent or a timer looked at.
const ROUNDS: usize = 8;
/// So that a deadline that was set meanwhile is not overslept by more.
const LONGEST_WAIT_MS: u64 = 100;

/// What the socket's thread and Python's share.
pub struct Shared {
    switchboard: Mutex<Switchboard>,
    /// Readable while Python has something to receive.
    pub arrivals: EventFd,
    /// Readable while the socket's thread has something to send, or to end.
    pub departures: EventFd,
    pub stopping: AtomicBool,
    started: Instant,
}

impl Shared {
    pub fn new(switchboard: Switchboard) -> std::io::Result<Self> {
        Ok(Self {
            switchboard: Mutex::new(switchboard),
            arrivals: EventFd::new()?,
            departures: EventFd::new()?,
            stopping: AtomicBool::new(false),
            started: Instant::now(),
        })
    }

    /// Nobody waits or calls out while holding it: at most one batch of datagrams is judged under it.
    pub fn switchboard(&self) -> MutexGuard<'_, Switchboard> {
        self.switchboard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A pod whose socket is served by nobody looks alive and is deaf: it had better end, where it is seen and replaced.
struct EndProcessOnPanic;

impl Drop for EndProcessOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

/// Serves the socket until `shared.stopping`.
pub fn run(shared: &Shared, socket: &HopSocket) {
    let _guard = EndProcessOnPanic;
    let mut batch = ReceiveBatch::new();
    let mut timeout_ms = 0;
    while !shared.stopping.load(Ordering::Acquire) {
        let mut ready = [(socket.as_raw_fd(), libc::POLLIN), (shared.departures.as_raw_fd(), libc::POLLIN)];
        wait(&mut ready, timeout_ms);
        let [(_, received), (_, queued)] = ready;
        if queued != 0 && shared.departures.reset() {
            std::thread::sleep(COLLECT);
        }
        if received != 0 {
            for _ in 0..ROUNDS {
                let more = batch.fill(socket);
                deliver(shared, &batch);
                if !more {
                    break;
                }
            }
        }
        flush(shared, socket);
        timeout_ms = expire(shared);
    }
}

fn deliver(shared: &Shared, batch: &ReceiveBatch) {
    let now_ms = shared.now_ms();
    let mut switchboard = shared.switchboard();
    let waited = switchboard.has_deliveries();
    for (source, datagram) in batch.datagrams() {
        match datagram {
            Ok(datagram) => switchboard.receive(now_ms, source, datagram),
            Err(Truncated) => switchboard.counters_mut().dropped(DropReason::HopTruncated),
        }
    }
    announce(shared, &switchboard, waited);
}

/// Wakes Python once for all that it has not fetched yet.
fn announce(shared: &Shared, switchboard: &Switchboard, waited: bool) {
    if !waited && switchboard.has_deliveries() {
        shared.arrivals.signal();
    }
}

fn flush(shared: &Shared, socket: &HopSocket) {
    let datagrams = shared.switchboard().datagrams();
    if datagrams.is_empty() {
        return;
    }
    let sent = socket.send(&datagrams);
    let mut switchboard = shared.switchboard();
    let counters = switchboard.counters_mut();
    counters.add(Tally::SentDatagrams, sent.datagrams);
    counters.add(Tally::SentRecords, sent.records);
    for _ in 0..sent.refused_records {
        counters.dropped(DropReason::SendFailed);
    }
}

/// Lets timers run out; returns how long to wait for packets.
fn expire(shared: &Shared) -> i32 {
    let now_ms = shared.now_ms();
    let mut switchboard = shared.switchboard();
    let waited = switchboard.has_deliveries();
    let next_ms = switchboard.expire(now_ms);
    announce(shared, &switchboard, waited);
    i32::try_from(next_ms.saturating_sub(now_ms).min(LONGEST_WAIT_MS)).unwrap_or(i32::MAX)
}
