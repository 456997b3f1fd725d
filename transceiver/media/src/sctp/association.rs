//! One SCTP association: its states, its timers, and what its owner may ask of it.

mod arrivals;
mod departures;
mod handshake;
mod takeover;

use std::collections::VecDeque;

use super::config::{Bounds, Config, Secrets};
use super::event::{Counters, Ended, Event};
use super::inbound::Inbound;
use super::init::{Extensions, Hello};
use super::outbound::{Expiry, Outbound, Outlet};
use super::resets::{Resets, Settled};
use super::tsn::place;

pub use handshake::LONGEST_COOKIE;

/// Times that nothing may be heard in a row (RFC 9260 §16, `Association.Max.Retrans` and `Max.Init.Retransmits`).
const MOST_ERRORS: u32 = 10;
const MOST_INIT_TRIES: u32 = 8;
/// Microseconds between heartbeats on an idle association; consent (RFC 7675) watches the path.
const HEARTBEAT_US: u64 = 30_000_000;
/// Microseconds that an acknowledgement may wait for a second packet (RFC 9260 §6.2).
const SACK_DELAY_US: u64 = 200_000;

/// Ordered streams that we use at a time: one FORWARD TSN has to name them all.
pub const MOST_STREAMS: usize = 200;

/// RFC 9260 §4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    CookieWait,
    CookieEchoed,
    Established,
    ShutdownReceived,
    ShutdownAckSent,
    Ended,
}

impl Phase {
    /// Both sides know each other's tags.
    fn is_up(self) -> bool {
        !matches!(self, Self::Closed | Self::CookieWait | Self::CookieEchoed | Self::Ended)
    }
}

/// Why a message was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unsendable {
    /// SCTP has no empty messages.
    Empty,
    /// It would pass [`Config::largest_backlog`].
    NoRoom,
    /// The peer has not so many streams, or we use [`MOST_STREAMS`].
    NoSuchStream,
    /// The stream is about to begin anew.
    Resetting,
    /// The association is shutting down or over.
    Ended,
}

/// A chunk that is sent until it is answered: INIT, COOKIE ECHO, SHUTDOWN ACK (T1 and T2).
#[derive(Clone, Debug)]
struct Insistence {
    chunk: Vec<u8>,
    tries: u32,
    /// `None`: to be sent now.
    deadline_us: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SackDue {
    No,
    At(u64),
    Now,
}

/// One association below one DTLS connection. Drained by [`Self::poll_event`] and [`Self::poll_transmit`] after each
/// call of another kind, and called again by [`Self::next_timeout`].
#[derive(Debug)]
pub struct Association {
    config: Config,
    secrets: Secrets,
    phase: Phase,
    /// The peer's tag, or zero.
    remote_tag: u32,
    /// Streams that the peer lets us use.
    remote_streams: u16,
    extensions: Extensions,
    insistence: Option<Insistence>,
    inbound: Inbound,
    outbound: Outbound,
    resets: Resets,
    sack: SackDue,
    /// The next heartbeat, and what the last one said if it was not answered.
    heartbeat_us: Option<u64>,
    heartbeat: Option<u64>,
    /// Times in a row that nothing was heard.
    errors: u32,
    /// Whole packets that are to go as they are; few.
    packets: VecDeque<Vec<u8>>,
    /// Written chunks that any packet may take along; less than one packet.
    control: Vec<u8>,
    events: VecDeque<Event>,
    counters: Counters,
    /// This owner went on from an export that may have been old.
    is_heir: bool,
}

impl Association {
    /// Waits for the peer's INIT.
    pub fn new(config: Config, secrets: Secrets) -> Self {
        let initial_tsn = secrets.initial_tsn;
        Self {
            phase: Phase::Closed,
            remote_tag: 0,
            remote_streams: 0,
            extensions: Extensions::default(),
            insistence: None,
            inbound: Inbound::new(0, config.inbound_bounds()),
            outbound: Outbound::new(initial_tsn, config.longest_packet(), config.largest_backlog),
            resets: Resets::new(initial_tsn, 0),
            sack: SackDue::No,
            heartbeat_us: None,
            heartbeat: None,
            errors: 0,
            packets: VecDeque::new(),
            control: Vec::new(),
            events: VecDeque::new(),
            counters: Counters::default(),
            is_heir: false,
            config,
            secrets,
        }
    }

    /// Sends an INIT too; `WebRTC` peers both do. Of no effect once the handshake has begun.
    pub fn connect(&mut self) {
        if self.phase == Phase::Closed {
            self.begin();
        }
    }

    /// Queues a message; before the handshake is over it waits.
    pub fn send(&mut self, outlet: Outlet, payload: &[u8]) -> Result<(), Unsendable> {
        if matches!(self.phase, Phase::Closed | Phase::CookieWait | Phase::CookieEchoed | Phase::Established) {
            if payload.is_empty() {
                return Err(Unsendable::Empty);
            }
            let is_beyond = self.phase == Phase::Established && outlet.stream >= self.remote_streams;
            let is_one_too_many =
                self.outbound.streams().len() >= MOST_STREAMS && !self.outbound.streams().contains_key(&outlet.stream);
            if is_beyond || is_one_too_many {
                return Err(Unsendable::NoSuchStream);
            }
            if self.resets.is_under_way(outlet.stream) {
                return Err(Unsendable::Resetting);
            }
            if !self.outbound.has_room_for(payload.len()) {
                return Err(Unsendable::NoRoom);
            }
            self.outbound.queue(outlet, payload);
            return Ok(());
        }
        Err(Unsendable::Ended)
    }

    /// Bytes that wait to be acknowledged, with [`super::OVERHEAD`] for each fragment.
    pub fn backlog(&self) -> usize {
        self.outbound.backlog()
    }

    /// The TSN that the next message would have: an exporter's successor has to leap over all those that were used after
    /// its export.
    pub fn next_tsn(&self) -> u32 {
        self.outbound.next() as u32
    }

    /// Lets a stream of ours begin anew when all that was sent on it has arrived; [`Event::ResetSettled`] says when. Until
    /// then nothing more goes on it.
    pub fn reset_stream(&mut self, stream: u16) {
        if self.phase != Phase::Ended {
            self.resets.want(stream);
        }
    }

    /// Ends at once, and tells the peer.
    pub fn abort(&mut self) {
        if self.phase != Phase::Ended {
            self.say_abort(super::chunk::cause::USER_INITIATED_ABORT);
            self.end(Ended::Aborted);
        }
    }

    pub fn is_established(&self) -> bool {
        self.phase == Phase::Established
    }

    pub fn has_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    pub fn counters(&self) -> Counters {
        Counters { lost_messages: self.inbound.lost_messages, ..self.counters }
    }

    /// What has happened, oldest first; a message that is not taken here takes of the window.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front().or_else(|| self.next_arrived())
    }

    /// Of what has come: first that some of it went to an earlier owner.
    fn next_arrived(&mut self) -> Option<Event> {
        let unseen = self.inbound.take_unseen().map(|unseen_chunks| Event::CaughtUp { unseen_chunks });
        unseen.or_else(|| self.inbound.take_message().map(Event::Message))
    }

    /// What has come so far goes before the next event.
    fn settle_order(&mut self) {
        while let Some(event) = self.next_arrived() {
            self.events.push_back(event);
        }
    }

    /// When [`Self::poll_transmit`] is to be called next if nothing else happens, in microseconds.
    pub fn next_timeout(&self) -> Option<u64> {
        let sack_us = match self.sack {
            SackDue::No => None,
            SackDue::At(at_us) => Some(at_us),
            SackDue::Now => Some(0),
        };
        let insistence_us = self.insistence.as_ref().and_then(|insistence| insistence.deadline_us);
        let up = [self.outbound.deadline_us, sack_us, self.heartbeat_us, self.inbound.next_timeout()];
        let up = up.into_iter().chain([self.resets.deadline_us()]).flatten().filter(|_| self.phase.is_up());
        up.chain(insistence_us).min()
    }

    fn expire(&mut self, now_us: u64) {
        if self.phase == Phase::Ended {
            return;
        }
        if let Some(insistence) =
            self.insistence.as_mut().filter(|waits| waits.deadline_us.is_some_and(|us| us <= now_us))
        {
            let most = if self.phase.is_up() { MOST_ERRORS } else { MOST_INIT_TRIES };
            insistence.deadline_us = None;
            if insistence.tries > most {
                return self.end(Ended::Unreachable);
            }
        }
        if self.phase.is_up() {
            self.expire_established(now_us);
        }
    }

    fn expire_established(&mut self, now_us: u64) {
        if let Some(expiry) = self.outbound.expire(now_us) {
            self.counters.retransmission_timeouts += 1;
            if expiry == Expiry::Silent {
                self.note_silence();
            }
        }
        if let Some(settled) = self.resets.expire(now_us) {
            self.settle_reset(settled);
        }
        if matches!(self.sack, SackDue::At(at_us) if at_us <= now_us) {
            self.sack = SackDue::Now;
        }
        let cumulative = self.inbound.cumulative();
        if !self.inbound.expire(now_us) {
            self.say_abort(super::chunk::cause::PROTOCOL_VIOLATION);
            self.end(Ended::Irrecoverable);
        } else if self.inbound.cumulative() != cumulative {
            self.after_catching_up(now_us);
        }
    }

    fn note_silence(&mut self) {
        self.errors += 1;
        if self.errors > MOST_ERRORS {
            self.end(Ended::Unreachable);
        }
    }

    fn settle_reset(&mut self, settled: Settled) {
        if settled.is_performed {
            for stream in &settled.streams {
                self.outbound.restart_stream(*stream);
            }
        }
        let Settled { streams, is_performed } = settled;
        self.events.push_back(Event::ResetSettled { streams, is_performed });
    }

    /// Gives back all memory but what still has to be told.
    fn end(&mut self, ended: Ended) {
        if self.phase == Phase::Ended {
            return;
        }
        self.phase = Phase::Ended;
        self.insistence = None;
        self.sack = SackDue::No;
        self.control = Vec::new();
        let lost_messages = self.inbound.lost_messages;
        self.settle_order();
        self.inbound = Inbound::new(0, Bounds::default());
        self.inbound.lost_messages = lost_messages;
        self.outbound = Outbound::new(0, self.config.longest_packet(), 0);
        self.resets = Resets::new(0, 0);
        self.events.push_back(Event::Ended(ended));
    }

    /// What our INIT or INIT ACK says of us.
    fn hello(&self) -> Hello {
        Hello {
            tag: self.secrets.tag,
            window: self.inbound.room(),
            outbound_streams: u16::MAX,
            inbound_streams: self.config.streams.max(1),
            initial_tsn: self.secrets.initial_tsn,
        }
    }

    /// Everything up to this TSN of the peer has come.
    fn has_all_to(inbound: &Inbound) -> impl Fn(u32) -> bool {
        let cumulative = inbound.cumulative();
        move |tsn| place(cumulative, tsn) <= cumulative
    }
}
