//! What the media's threads share, and Python's.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use antiphon_media::counters::DropReason;
use antiphon_media::downlink::FrameLength;
use antiphon_media::hearing::Listener;
use antiphon_media::inbox::{Delivery, Handle};
use antiphon_media::speaking::Speaking;
use antiphon_media::speech::{Bell, Speech};
use antiphon_media::uplink::batch::ChunkLength;
use antiphon_media::waits::WaitCounts;
use antiphon_media::wheel::Lateness;

use crate::call::{Call, Terms};
use crate::clock::{WallClock, now_us};
use crate::event_fd::EventFd;
use crate::mailbox::{Command, Mailbox};
use crate::pacer_desk::PacerDesk;
use crate::socket_thread::Shared;

pub struct Exchange {
    pub endpoint: Arc<Shared>,
    pub wall_clock: WallClock,
    pub chunk: ChunkLength,
    pub desk: PacerDesk,
    pub left: LeftToWorkers,
    /// Readable while Python has speech to fetch.
    pub speech_waits: EventFd,
    speech: Mutex<Speech>,
    /// A worker's each. A call is pinned to one by its handle.
    mailboxes: Box<[Arc<Mailbox>]>,
}

/// Slots that were left to the workers.
#[derive(Default)]
pub struct LeftToWorkers {
    /// Packets sent in them; mostly they had to be encoded first.
    pub sent: AtomicU64,
    /// Of them those that became late or missed only here.
    pub late: AtomicU64,
    pub missed: AtomicU64,
    /// Of all of them, in microseconds.
    pub worst_us: AtomicU64,
    /// Given up, as the worker was so many of them behind.
    pub given_up: AtomicU64,
}

/// A slot that the pacer left to a worker.
#[derive(Clone, Copy)]
pub struct LeftSlot {
    pub due_us: u64,
    /// When it came up, by the wheel, which has counted it as late as it was then.
    pub handed_out_us: u64,
}

impl LeftToWorkers {
    pub fn count(&self, slot: LeftSlot, frame: FrameLength) {
        let late_us = now_us().saturating_sub(slot.due_us);
        let came = Lateness::of(slot.handed_out_us.saturating_sub(slot.due_us), frame);
        let here = Lateness::of(late_us, frame).since(came);
        self.worst_us.fetch_max(late_us, Ordering::Relaxed);
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.late.fetch_add(u64::from(here.is_late), Ordering::Relaxed);
        self.missed.fetch_add(u64::from(here.is_missed), Ordering::Relaxed);
    }
}

impl Exchange {
    /// `workers`: at least one.
    pub fn new(endpoint: Arc<Shared>, workers: usize, chunk: ChunkLength) -> std::io::Result<Self> {
        Ok(Self {
            endpoint,
            wall_clock: WallClock::new(),
            chunk,
            desk: PacerDesk::default(),
            left: LeftToWorkers::default(),
            speech_waits: EventFd::new()?,
            speech: Mutex::new(Speech::new(workers)),
            mailboxes: (0..workers.max(1)).map(|_| Arc::default()).collect(),
        })
    }

    /// What a call is heard with.
    pub fn listener(&self, terms: &Terms, rtt_us: Option<u64>) -> Listener {
        Listener { uplink: terms.heard, chunk: self.chunk, own_ssrc: terms.said.ssrc, rtt_us }
    }

    pub fn mailboxes(&self) -> impl Iterator<Item = &Arc<Mailbox>> {
        self.mailboxes.iter()
    }

    pub fn command(&self, handle: Handle, command: Command) {
        if let Some(mailbox) = self.mailbox(handle) {
            mailbox.command(command);
        }
    }

    /// Calls the encoder's owner, if there is work that it does not know of.
    pub fn call_encoder(&self, call: &Call) {
        self.call_encoder_of(call.handle, call.speaking());
    }

    /// The same, but of a call that somebody holds, nothing: it has another slot soon, and if that lacks a frame, its worker
    /// comes anyway.
    pub fn try_call_encoder(&self, call: &Call) {
        if let Some(speaking) = call.try_speaking() {
            self.call_encoder_of(call.handle, speaking);
        }
    }

    fn call_encoder_of(&self, handle: Handle, mut speaking: MutexGuard<'_, Speaking>) {
        let calls = speaking.calls_encoder();
        drop(speaking);
        if let Some(mailbox) = self.mailbox(handle).filter(|_| calls) {
            mailbox.encode(handle);
        }
    }

    /// Asks for a mark in the speech that Python fetches, behind all that has come of the call until now.
    pub fn mark(&self, handle: Handle) {
        if let Some(mailbox) = self.mailbox(handle) {
            mailbox.mark(handle);
        }
    }

    /// Hands packets to their workers; says why those without room were dropped.
    pub fn hand_over(&self, packets: &mut Vec<Delivery>) -> Vec<DropReason> {
        let mut dropped = Vec::new();
        let workers = self.mailboxes.len() as u64;
        for (worker, mailbox) in (0..).zip(&self.mailboxes) {
            let mut own = packets.extract_if(.., |packet| packet.handle % workers == worker).peekable();
            if own.peek().is_some() {
                mailbox.packets(own, &mut dropped);
            }
        }
        dropped
    }

    /// Of all workers.
    pub fn waits(&self) -> WaitCounts {
        self.mailboxes().map(|mailbox| mailbox.waits()).sum()
    }

    /// Held for no longer than it takes to copy a chunk.
    pub fn speech(&self) -> MutexGuard<'_, Speech> {
        self.speech.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells Python that speech waits, if it is time; else says when it will be.
    pub fn ring(&self, now_us: u64) -> Option<u64> {
        let mut speech = self.speech();
        match speech.bell(now_us) {
            Bell::Silent => None,
            Bell::RingAt(at_us) => Some(at_us),
            Bell::Ring => {
                // Under the lock: who fetches makes it unreadable under it.
                self.speech_waits.signal();
                None
            }
        }
    }

    fn mailbox(&self, handle: Handle) -> Option<&Mailbox> {
        let index = handle.checked_rem(self.mailboxes.len() as u64)?;
        self.mailboxes.get(usize::try_from(index).ok()?).map(Arc::as_ref)
    }
}
