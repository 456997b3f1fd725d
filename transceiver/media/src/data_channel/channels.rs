//! The data channels of one connection.

use std::collections::{BTreeMap, VecDeque};

use super::opening::{ACKNOWLEDGEMENT, Dcep, Delivery, Opening, Patience};
use super::protocol;
use super::state::{Channel, DataChannelsState, Inheritance, Phase};
use crate::sctp::{self, Association, BadState, Ended, Event, Message, Outlet, Reliability, Secrets};

/// Open, opening or closing, in one connection; what the peer opens beyond them is closed again.
pub const MOST_CHANNELS: usize = 16;
/// Bytes of a label, and of a protocol.
pub const LONGEST_NAME: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    pub sctp: sctp::Config,
    /// Channels of the DTLS client have even streams (RFC 8832 §6).
    pub is_dtls_client: bool,
    /// Bytes of a message that the peer takes: its `a=max-message-size` (RFC 8841 §6), `usize::MAX` for 0.
    pub largest_outgoing: usize,
    /// What we send is sent again until it arrives, whatever the channel was opened with.
    pub is_always_reliable: bool,
}

/// Why a message was not queued, or a channel not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unsendable {
    /// There is no such channel, or it is closing.
    Closed,
    /// Longer than [`Config::largest_outgoing`].
    TooLong,
    /// [`MOST_CHANNELS`] are there, or all streams are in use, or this one is.
    NoChannel,
    /// A label or a protocol is longer than [`LONGEST_NAME`].
    LongName,
    Sctp(sctp::Unsendable),
}

/// By whom a channel was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Closed {
    ByUs,
    ByPeer,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelEvent {
    /// The association is there: what was said before it is under way.
    Established,
    /// The peer has opened a channel, or has heard of ours.
    Opened(u16),
    Text(u16, String),
    Binary(u16, Vec<u8>),
    /// Nothing more comes on it, and nothing more goes.
    Closed(u16, Closed),
    /// See [`Event::CaughtUp`]: messages to an earlier owner, or from it, may be missing here.
    CaughtUp {
        unseen_chunks: u64,
    },
    /// All channels are closed.
    Ended(Ended),
}

/// Driven as an [`Association`] is: after each call, first [`Self::poll_event`] until there is none, then
/// [`Self::poll_transmit`] until there is none.
#[derive(Debug)]
pub struct DataChannels {
    config: Config,
    association: Association,
    /// By stream; at most [`MOST_CHANNELS`].
    channels: BTreeMap<u16, Channel>,
    events: VecDeque<ChannelEvent>,
    ignored: u64,
}

impl DataChannels {
    pub fn new(config: Config, secrets: Secrets) -> Self {
        Self::over(config, Association::new(config.sctp, secrets))
    }

    /// Goes on after another owner: see [`Association::resume`].
    pub fn resume(now_us: u64, config: Config, random: Secrets, inherited: Inheritance) -> Result<Self, BadState> {
        let association = Association::resume(now_us, config.sctp, random, inherited.association)?;
        let mut resumed = Self::over(config, association);
        for channel in inherited.channels {
            let names = [&channel.opening.label, &channel.opening.protocol];
            let is_short = names.iter().all(|name| name.len() <= LONGEST_NAME);
            let has_room = resumed.channels.len() < MOST_CHANNELS && !resumed.channels.contains_key(&channel.stream);
            if !is_short || !has_room {
                return Err(BadState::OutOfBounds);
            }
            resumed.channels.insert(channel.stream, channel);
        }
        Ok(resumed)
    }

    fn over(config: Config, association: Association) -> Self {
        Self { config, association, channels: BTreeMap::new(), events: VecDeque::new(), ignored: 0 }
    }

    /// `None` before the handshake is over, and while events wait.
    pub fn state(&self, now_us: u64) -> Option<DataChannelsState> {
        let association = self.association.state(now_us).filter(|_| self.events.is_empty())?;
        Some(DataChannelsState { association, channels: self.channels.values().cloned().collect() })
    }

    /// Begins the association; the peer does too.
    pub fn connect(&mut self) {
        self.association.connect();
    }

    /// What DTLS has unprotected.
    pub fn handle(&mut self, now_us: u64, packet: &[u8]) {
        self.association.handle(now_us, packet);
    }

    /// What DTLS is to protect and send.
    pub fn poll_transmit(&mut self, now_us: u64) -> Option<Vec<u8>> {
        self.association.poll_transmit(now_us)
    }

    /// When to poll next if nothing else happens, in microseconds.
    pub fn next_timeout(&self) -> Option<u64> {
        self.association.next_timeout()
    }

    pub fn association(&self) -> &Association {
        &self.association
    }

    pub fn channel(&self, stream: u16) -> Option<&Channel> {
        self.channels.get(&stream)
    }

    /// By stream.
    pub fn channels(&self) -> impl Iterator<Item = &Channel> {
        self.channels.values()
    }

    /// Messages of the peer that mean nothing: on no channel, of no known type, text that is none.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Opens a channel by DCEP, on the next stream that is free. Messages may follow at once.
    pub fn open(&mut self, opening: Opening) -> Result<u16, Unsendable> {
        let first = u16::from(!self.config.is_dtls_client);
        // The last stream has no number that an association can name (RFC 8832 §6).
        let stream = (first..u16::MAX).step_by(2).find(|stream| !self.channels.contains_key(stream));
        let stream = stream.ok_or(Unsendable::NoChannel)?;
        let message = opening.to_bytes();
        self.add(Channel { stream, opening, phase: Phase::Opening })?;
        let sent = self.association.send(reliable(stream, protocol::DCEP), &message);
        if let Err(unsendable) = sent {
            self.channels.remove(&stream);
            return Err(Unsendable::Sctp(unsendable));
        }
        Ok(stream)
    }

    /// A channel that both sides know of without a word (`negotiated: true`).
    pub fn open_negotiated(&mut self, stream: u16, opening: Opening) -> Result<(), Unsendable> {
        self.add(Channel { stream, opening, phase: Phase::Open })
    }

    pub fn send_text(&mut self, now_us: u64, stream: u16, text: &str) -> Result<(), Unsendable> {
        let protocol = if text.is_empty() { protocol::EMPTY_TEXT } else { protocol::TEXT };
        self.send(now_us, stream, protocol, text.as_bytes())
    }

    pub fn send_binary(&mut self, now_us: u64, stream: u16, message: &[u8]) -> Result<(), Unsendable> {
        let protocol = if message.is_empty() { protocol::EMPTY_BINARY } else { protocol::BINARY };
        self.send(now_us, stream, protocol, message)
    }

    /// What was sent still arrives; [`ChannelEvent::Closed`] says when both directions are closed.
    pub fn close(&mut self, stream: u16) {
        if let Some(channel) = self.channels.get_mut(&stream)
            && !matches!(channel.phase, Phase::Closing { .. })
        {
            channel.phase = Phase::Closing { ours: false, theirs: false };
            self.association.reset_stream(stream);
        }
    }

    /// Ends the association at once, and with it all channels.
    pub fn abort(&mut self) {
        self.association.abort();
    }

    /// What has happened, oldest first.
    pub fn poll_event(&mut self) -> Option<ChannelEvent> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            match self.association.poll_event()? {
                Event::Established => return Some(ChannelEvent::Established),
                Event::Message(message) => self.take(message),
                Event::StreamsReset(streams) => self.note_their_reset(&streams),
                Event::ResetSettled { streams, is_performed } => self.note_our_reset(&streams, is_performed),
                Event::CaughtUp { unseen_chunks } => return Some(ChannelEvent::CaughtUp { unseen_chunks }),
                Event::Ended(ended) => {
                    self.channels.clear();
                    return Some(ChannelEvent::Ended(ended));
                }
            }
        }
    }

    fn add(&mut self, channel: Channel) -> Result<(), Unsendable> {
        if channel.opening.label.len().max(channel.opening.protocol.len()) > LONGEST_NAME {
            return Err(Unsendable::LongName);
        }
        if self.channels.len() >= MOST_CHANNELS || self.channels.contains_key(&channel.stream) {
            return Err(Unsendable::NoChannel);
        }
        self.channels.insert(channel.stream, channel);
        Ok(())
    }

    fn send(&mut self, now_us: u64, stream: u16, protocol: u32, message: &[u8]) -> Result<(), Unsendable> {
        if message.len() > self.config.largest_outgoing {
            return Err(Unsendable::TooLong);
        }
        let channel = self.channels.get(&stream).ok_or(Unsendable::Closed)?;
        let Delivery { is_unordered, patience } = channel.opening.delivery;
        // Nothing may overtake the OPEN (RFC 8832 §6).
        let is_unordered = match channel.phase {
            Phase::Opening => false,
            Phase::Open => is_unordered,
            Phase::Closing { .. } => return Err(Unsendable::Closed),
        };
        let reliability = match patience {
            _ if self.config.is_always_reliable => Reliability::Reliable,
            Patience::Reliable => Reliability::Reliable,
            Patience::Retransmissions(most) => Reliability::Retransmissions(most),
            Patience::Milliseconds(most) => Reliability::Until(now_us.saturating_add(u64::from(most) * 1000)),
        };
        let payload = if message.is_empty() { &[0] } else { message };
        self.association.send(Outlet { stream, protocol, is_unordered, reliability }, payload).map_err(Unsendable::Sctp)
    }

    fn take(&mut self, message: Message) {
        let Message { stream, protocol, payload } = message;
        let event = match protocol {
            protocol::DCEP => return self.take_dcep(stream, &payload),
            protocol::TEXT => String::from_utf8(payload).ok().map(|text| ChannelEvent::Text(stream, text)),
            protocol::EMPTY_TEXT => Some(ChannelEvent::Text(stream, String::new())),
            protocol::BINARY => Some(ChannelEvent::Binary(stream, payload)),
            protocol::EMPTY_BINARY => Some(ChannelEvent::Binary(stream, Vec::new())),
            _ => None,
        };
        match (event, self.channels.get(&stream).map(|channel| channel.phase)) {
            (Some(event), Some(Phase::Opening | Phase::Open)) => self.events.push_back(event),
            (_, Some(_)) => self.ignored += 1,
            (_, None) => {
                // Nobody listens, which the peer had better know; an earlier owner may have.
                self.ignored += 1;
                self.association.reset_stream(stream);
            }
        }
    }

    fn take_dcep(&mut self, stream: u16, message: &[u8]) {
        match (Dcep::parse(message), self.channels.get_mut(&stream)) {
            (Some(Dcep::Open(opening)), None) => self.accept(stream, opening),
            (Some(Dcep::Open(_)), Some(_)) => {
                // RFC 8832 §6: a stream in use is not opened again.
                self.ignored += 1;
                self.close(stream);
            }
            (Some(Dcep::Ack), Some(channel)) if channel.phase == Phase::Opening => {
                channel.phase = Phase::Open;
                self.events.push_back(ChannelEvent::Opened(stream));
            }
            (Some(Dcep::Ack), _) => self.ignored += 1,
            (None, _) => {
                self.ignored += 1;
                self.association.reset_stream(stream);
            }
        }
    }

    fn accept(&mut self, stream: u16, opening: Opening) {
        let is_added = self.add(Channel { stream, opening, phase: Phase::Open }).is_ok();
        // The stream may not have begun anew in our direction, or there is no room for an answer.
        if is_added && self.association.send(reliable(stream, protocol::DCEP), &ACKNOWLEDGEMENT).is_ok() {
            self.events.push_back(ChannelEvent::Opened(stream));
        } else {
            self.channels.remove(&stream);
            self.ignored += 1;
            self.association.reset_stream(stream);
        }
    }

    fn note_their_reset(&mut self, streams: &[u16]) {
        let named: Vec<u16> =
            self.channels.keys().copied().filter(|stream| streams.is_empty() || streams.contains(stream)).collect();
        for stream in named {
            let Some(channel) = self.channels.get_mut(&stream) else { continue };
            match channel.phase {
                Phase::Closing { ours: true, .. } => self.forget(stream, Closed::ByUs),
                Phase::Closing { .. } => channel.phase = Phase::Closing { ours: false, theirs: true },
                Phase::Opening | Phase::Open => {
                    channel.phase = Phase::Closing { ours: false, theirs: true };
                    self.association.reset_stream(stream);
                }
            }
        }
    }

    fn note_our_reset(&mut self, streams: &[u16], is_performed: bool) {
        for stream in streams {
            let Some(channel) = self.channels.get_mut(stream) else { continue };
            match channel.phase {
                Phase::Closing { theirs: true, .. } => self.forget(*stream, Closed::ByPeer),
                // A peer that cannot close does not answer either.
                Phase::Closing { .. } if !is_performed => self.forget(*stream, Closed::ByUs),
                _ => channel.phase = Phase::Closing { ours: true, theirs: false },
            }
        }
    }

    fn forget(&mut self, stream: u16, closed: Closed) {
        self.channels.remove(&stream);
        self.events.push_back(ChannelEvent::Closed(stream, closed));
    }
}

fn reliable(stream: u16, protocol: u32) -> Outlet {
    Outlet { stream, protocol, is_unordered: false, reliability: Reliability::Reliable }
}
