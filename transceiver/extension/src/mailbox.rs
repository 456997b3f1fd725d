//! What waits for one worker: first what cannot wait, then packets, and after some of them a frame to be
//! encoded ahead, which has a slot's time.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use antiphon_media::codec::{Decoder, Encoder};
use antiphon_media::counters::DropReason;
use antiphon_media::hearing::Hearing;
use antiphon_media::inbox::{Delivery, Handle, Inbox, Kind};
use antiphon_media::srtp::SrtpKeys;
use antiphon_media::waits::WaitCounts;

use crate::call::Call;
use crate::clock::now_us;
use crate::exchange::LeftSlot;

/// Datagrams of one call that may wait: five seconds of frames of 20 ms.
const PER_CALL: usize = 256;
/// Of all calls of the worker.
const TOTAL: usize = 16_384;
/// Packets that go before a frame that waits to be encoded: together they take about as long as that.
const PACKETS_PER_FRAME: usize = 4;

pub enum Command {
    /// A call comes, with both ends of its codec.
    Open {
        call: Arc<Call>,
        encoder: Box<dyn Encoder>,
        decoder: Box<dyn Decoder>,
    },
    /// One that was another owner's, and goes on.
    Adopt {
        call: Arc<Call>,
        encoder: Box<dyn Encoder>,
        hearing: Box<Hearing<Box<dyn Decoder>>>,
    },
    Start {
        handle: Handle,
        keys: Box<SrtpKeys>,
        rtt_us: Option<u64>,
    },
    Close {
        handle: Handle,
    },
    /// A slot is due, and something has to be encoded for it, or somebody held the call.
    Slot {
        handle: Handle,
        slot: LeftSlot,
    },
}

pub enum Job {
    Command(Command),
    Packet(Delivery),
    Encode(Handle),
    /// The time came that was waited for.
    TimeOut,
    Stop,
}

#[derive(Default)]
pub struct Mailbox {
    contents: Mutex<Contents>,
    changed: Condvar,
}

struct Contents {
    commands: VecDeque<Command>,
    packets: Inbox,
    /// Of those that were taken.
    waits: WaitCounts,
    /// Each call once: whoever calls the encoder does so once until it has done its work.
    encodes: VecDeque<Handle>,
    /// Packets that were taken while frames waited, since a frame was.
    packets_before: usize,
    is_waiting: bool,
    stopping: bool,
}

impl Default for Contents {
    fn default() -> Self {
        Self {
            commands: VecDeque::new(),
            packets: Inbox::new(PER_CALL, TOTAL),
            waits: WaitCounts::default(),
            encodes: VecDeque::new(),
            packets_before: 0,
            is_waiting: false,
            stopping: false,
        }
    }
}

impl Mailbox {
    pub fn command(&self, command: Command) {
        let mut contents = self.contents();
        if let Command::Close { handle } = command {
            contents.packets.forget(handle);
        }
        contents.commands.push_back(command);
        self.announce(contents);
    }

    pub fn encode(&self, handle: Handle) {
        let mut contents = self.contents();
        contents.encodes.push_back(handle);
        self.announce(contents);
    }

    /// Takes packets; adds to `dropped` why those that had no room did not get in.
    pub fn packets(&self, packets: impl Iterator<Item = Delivery>, dropped: &mut Vec<DropReason>) {
        let mut contents = self.contents();
        dropped.extend(packets.filter_map(|packet| contents.packets.push(packet).err()));
        self.announce(contents);
    }

    /// Behind the packets that are here.
    pub fn mark(&self, handle: Handle) {
        let mut contents = self.contents();
        contents.packets.push_event(handle, Kind::Mark);
        self.announce(contents);
    }

    pub fn waits(&self) -> WaitCounts {
        self.contents().waits
    }

    pub fn stop(&self) {
        let mut contents = self.contents();
        contents.stopping = true;
        self.announce(contents);
    }

    /// The next job; waits for one until `until_us`.
    pub fn next(&self, until_us: Option<u64>) -> Job {
        let mut contents = self.contents();
        loop {
            if contents.stopping {
                return Job::Stop;
            }
            if let Some(command) = contents.commands.pop_front() {
                return Job::Command(command);
            }
            let left_us = until_us.map(|until_us| until_us.saturating_sub(now_us()));
            if left_us == Some(0) {
                return Job::TimeOut;
            }
            if let Some(job) = contents.next_in_turn() {
                return job;
            }
            contents.is_waiting = true;
            contents = match left_us {
                Some(left_us) => {
                    let left = Duration::from_micros(left_us);
                    self.changed.wait_timeout(contents, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(contents).unwrap_or_else(PoisonError::into_inner),
            };
            contents.is_waiting = false;
        }
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn announce(&self, contents: MutexGuard<'_, Contents>) {
        let is_waiting = contents.is_waiting;
        drop(contents);
        if is_waiting {
            self.changed.notify_one();
        }
    }
}

impl Contents {
    fn next_in_turn(&mut self) -> Option<Job> {
        if self.packets_before < PACKETS_PER_FRAME
            && let Some(packet) = self.next_packet()
        {
            self.packets_before += usize::from(!self.encodes.is_empty());
            return Some(Job::Packet(packet));
        }
        self.packets_before = 0;
        self.encodes.pop_front().map(Job::Encode)
    }

    fn next_packet(&mut self) -> Option<Delivery> {
        let packet = self.packets.pop(1).pop()?;
        if packet.kind != Kind::Mark {
            self.waits.taken(packet.came_us, now_us());
        }
        Some(packet)
    }
}
