//! The thread that owns the socket: receive, ask the switchboard, send. It never holds the GIL.

use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use antiphon_host::{Gathering, take_short_turns};
use antiphon_media::counters::{DropReason, Tally};
use antiphon_media::inbox::{Delivery, Handle};
use antiphon_media::pairs::Via;
use antiphon_media::switchboard::Switchboard;

use crate::clock::{now_us, wake_exactly};
use crate::end_process::EndProcessOnPanic;
use crate::event_fd::EventFd;
use crate::exchange::Exchange;
use crate::hop_socket::{HopSocket, ReceiveBatch, Truncated, wait};

/// What is queued for this thread within this time of the first shares datagrams and a wake-up: DTLS, RTCP, what goes again. What
/// comes meanwhile waits in the kernel. The pacer sends for itself.
const COLLECT: Duration = Duration::from_micros(100);
/// Batches read before this thread sends anything or looks at a timer.
const ROUNDS: usize = 8;
/// So that a deadline that was set meanwhile is not overslept by more.
const LONGEST_WAIT_MS: u64 = 100;
/// What a full buffer may hold up the end.
const LAST_WORDS: Duration = Duration::from_millis(50);

/// What the socket's thread, the media's and Python's share.
pub struct Shared {
    switchboard: Mutex<Switchboard>,
    /// While it is served.
    socket: Mutex<Option<Arc<HopSocket>>>,
    /// Somebody sends what waits. One at a time, so that it goes in order.
    is_sending: AtomicBool,
    /// Whose the calls' media is.
    exchange: OnceLock<Weak<Exchange>>,
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
            socket: Mutex::default(),
            is_sending: AtomicBool::new(false),
            exchange: OnceLock::new(),
            arrivals: EventFd::new()?,
            departures: EventFd::new()?,
            stopping: AtomicBool::new(false),
            started: Instant::now(),
        })
    }

    /// Held for no longer than it takes to judge a batch of datagrams, to queue or pack what is ready, to look at the calls'
    /// deadlines, or to tell a worker of a call. Nobody sends under it.
    pub fn switchboard(&self) -> MutexGuard<'_, Switchboard> {
        self.switchboard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// None: it is not served any more.
    pub fn set_socket(&self, socket: Option<Arc<HopSocket>>) {
        *self.socket.lock().unwrap_or_else(PoisonError::into_inner) = socket;
    }

    pub fn is_served(&self) -> bool {
        self.socket().is_some()
    }

    /// Once; `false` where another one has the media.
    pub fn set_exchange(&self, exchange: Weak<Exchange>) -> bool {
        self.exchange.set(exchange).is_ok()
    }

    /// Queues a call's datagram for its client; `false`, counted, where that cannot be.
    pub fn send(&self, handle: Handle, datagram: &[u8]) -> bool {
        self.depart(|switchboard| switchboard.send(handle, datagram))
    }

    /// Sends RTP packets, and what else waits, at once; does not wait for the socket.
    pub fn send_rtp<'a>(&self, packets: impl IntoIterator<Item = (Handle, &'a [u8])>) {
        let now_us = now_us();
        let mut switchboard = self.switchboard();
        for (handle, packet) in packets {
            switchboard.send_rtp(now_us, handle, packet);
        }
        drop(switchboard);
        self.flush();
    }

    /// Answers a NACK; returns what goes again, in packets and in bytes.
    pub fn send_again(&self, handle: Handle, rtt_us: Option<u64>, lost: &[u16]) -> (u64, u64) {
        self.depart(|switchboard| switchboard.send_again(now_us(), handle, rtt_us, lost))
    }

    /// The media authenticated a datagram that came by `via`.
    pub fn adopt(&self, handle: Handle, via: Via) {
        self.depart(|switchboard| switchboard.adopt(handle, via));
    }

    /// Sends what waits. What the socket does not take at once is left to its own thread, which may wait for it.
    fn flush(&self) {
        let Some(socket) = self.socket() else { return };
        if !self.is_held_up() && self.drain(&socket) {
            self.departures.signal();
        }
    }

    /// Sends what waits, if nobody else does: whoever does looks again afterwards, so that nothing is left by both. Whether
    /// the socket did not take all.
    fn drain(&self, socket: &HopSocket) -> bool {
        // Exchanged, not only stored: who finds it set has queued what he has before the other one looks again.
        while !self.is_sending.swap(true, Ordering::AcqRel) {
            let is_held_up = self.send_waiting(socket);
            self.is_sending.swap(false, Ordering::AcqRel);
            if is_held_up || !self.switchboard().has_datagrams() {
                return is_held_up;
            }
        }
        false
    }

    fn send_waiting(&self, socket: &HopSocket) -> bool {
        let mut datagrams = self.switchboard().datagrams();
        if datagrams.is_empty() {
            return false;
        }
        let sent = socket.send(&mut datagrams);
        let mut switchboard = self.switchboard();
        let counters = switchboard.counters_mut();
        counters.add(Tally::SentDatagrams, sent.datagrams);
        counters.add(Tally::SentRecords, sent.records);
        for _ in 0..sent.refused_records {
            counters.dropped(DropReason::SendFailed);
        }
        switchboard.put_back(datagrams);
        switchboard.is_held_up()
    }

    fn is_held_up(&self) -> bool {
        self.switchboard().is_held_up()
    }

    /// Sends what waits when nothing more will: for as long as [`LAST_WORDS`], then it is dropped.
    fn send_last_words(&self, socket: &HopSocket) {
        let began = Instant::now();
        loop {
            self.drain(socket);
            let is_sending = self.is_sending.load(Ordering::Acquire);
            if !is_sending && !self.switchboard().has_datagrams() {
                return;
            }
            if began.elapsed() >= LAST_WORDS {
                break;
            }
            std::thread::sleep(COLLECT);
        }
        let mut switchboard = self.switchboard();
        let records: usize = switchboard.datagrams().iter().map(|datagram| datagram.records).sum();
        for _ in 0..records {
            switchboard.counters_mut().dropped(DropReason::SendFailed);
        }
    }

    /// Wakes the socket's thread if there is something to send that it does not know of.
    fn depart<T>(&self, act: impl FnOnce(&mut Switchboard) -> T) -> T {
        let mut switchboard = self.switchboard();
        let waited = switchboard.has_datagrams();
        let answer = act(&mut switchboard);
        let waits = switchboard.has_datagrams();
        drop(switchboard);
        if waits && !waited {
            self.departures.signal();
        }
        answer
    }

    fn socket(&self) -> Option<Arc<HopSocket>> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives media to those who decode it, or to nobody where there is nobody.
    fn hand_over(&self, media: &mut Vec<Delivery>) {
        let exchange = self.exchange.get().and_then(Weak::upgrade).filter(|_| !media.is_empty());
        let dropped = exchange.map(|exchange| exchange.hand_over(media)).unwrap_or_default();
        media.clear();
        if !dropped.is_empty() {
            let mut switchboard = self.switchboard();
            for reason in dropped {
                switchboard.counters_mut().dropped(reason);
            }
        }
    }
}

/// Serves the socket until `shared.stopping`.
pub fn run(shared: &Shared, socket: &HopSocket) {
    let _guard = EndProcessOnPanic;
    // Without it, packets wait a little longer for the codec's threads.
    let _ = take_short_turns();
    wake_exactly();
    let mut gathering = Gathering::default();
    let mut batch = ReceiveBatch::new();
    let mut media = Vec::new();
    let mut timeout = Duration::ZERO;
    // Until then what clients send is left where it is.
    let mut deaf_until: Option<Instant> = None;
    while !shared.stopping.load(Ordering::Acquire) {
        let room = if shared.is_held_up() { libc::POLLOUT } else { 0 };
        let listens = if deaf_until.is_some() { 0 } else { libc::POLLIN };
        let mut ready = [(socket.as_raw_fd(), listens | room), (shared.departures.as_raw_fd(), libc::POLLIN)];
        let deaf = deaf_until.map(|until| until.saturating_duration_since(Instant::now()));
        wait(&mut ready, timeout.min(deaf.unwrap_or(Duration::MAX)));
        let (woke, mut taken) = (Instant::now(), 0);
        deaf_until = deaf_until.filter(|until| woke < *until);
        let [(_, received), (_, queued)] = ready;
        if queued != 0 && shared.departures.reset() {
            std::thread::sleep(COLLECT);
        }
        if received & !libc::POLLOUT != 0 {
            for _ in 0..ROUNDS {
                let more = batch.fill(socket);
                taken += batch.len();
                let is_news = deliver(shared, &batch, &mut media);
                shared.hand_over(&mut media);
                // Only now: what Python does about an event comes after the speech that came before the event; unless it was
                // fetching already.
                if is_news {
                    shared.arrivals.signal();
                }
                if !more {
                    break;
                }
            }
        }
        shared.drain(socket);
        timeout = expire(shared);
        if taken > 0 {
            deaf_until = gathering.took(woke, taken);
        }
    }
    // The calls', queued before the word to stop.
    shared.send_last_words(socket);
}

/// Whether Python is to be told.
fn deliver(shared: &Shared, batch: &ReceiveBatch, media: &mut Vec<Delivery>) -> bool {
    let (now_ms, came_us) = (shared.now_ms(), now_us());
    let mut switchboard = shared.switchboard();
    let waited = switchboard.has_deliveries();
    for (source, datagram) in batch.datagrams() {
        match datagram {
            Ok(datagram) => switchboard.receive(now_ms, came_us, source, datagram),
            Err(Truncated) => switchboard.counters_mut().dropped(DropReason::HopTruncated),
        }
    }
    switchboard.swap_media(media);
    // Once for all that it has not fetched yet.
    !waited && switchboard.has_deliveries()
}

/// Lets timers run out; returns how long to wait for packets.
fn expire(shared: &Shared) -> Duration {
    let now_ms = shared.now_ms();
    let mut switchboard = shared.switchboard();
    let waited = switchboard.has_deliveries();
    let next_ms = switchboard.expire(now_ms);
    if !waited && switchboard.has_deliveries() {
        shared.arrivals.signal();
    }
    Duration::from_millis(next_ms.saturating_sub(now_ms).min(LONGEST_WAIT_MS))
}
