//! What goes to the peer: messages in fragments, from when they are queued until they are acknowledged or given up.
//!
//! A fragment has its TSN from the moment it is queued, not from when it is first sent. So an export names the TSN of all
//! that it holds, and whoever goes on from it sends nothing under another one.

use std::collections::{BTreeMap, VecDeque};

use super::congestion::Congestion;
use super::data::{self, Fragment};
use super::forward_tsn::Skipped;
use super::inbound::OVERHEAD;
use super::outgoing::{Content, Fate, Outgoing, Reliability};
use super::packet::COMMON_HEADER;
use super::round_trip::RoundTrip;
use super::tsn::place_of_first;
use super::writer::Writer;

/// One message of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlet {
    pub stream: u16,
    /// The payload protocol identifier.
    pub protocol: u32,
    pub is_unordered: bool,
    pub reliability: Reliability,
}

/// A retransmission timer that has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    /// The peer did not answer.
    Silent,
    /// It answers and has no room (RFC 9260 §6.1 rule A).
    ClosedWindow,
}

/// The last SACK.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Answer {
    #[default]
    None,
    Room,
    NoRoom,
}

/// What lets packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// The congestion window.
    Window,
    /// One packet may go beyond it (RFC 9260 §7.2.4).
    FastPacket,
    /// T3-rtx has expired: one packet goes (RFC 9260 §6.3.3, E3).
    OnePacket,
    /// It has gone, and nothing was heard since.
    Shut,
}

#[derive(Debug)]
pub(super) struct Outbound {
    pub(super) queue: VecDeque<Outgoing>,
    /// The peer has all up to here.
    pub(super) acknowledged: u64,
    pub(super) next: u64,
    /// The first place that was never sent.
    pub(super) unsent: u64,
    /// The next sequence number of each stream that was used.
    pub(super) streams: BTreeMap<u16, u16>,
    /// Where a stream begins that is not among them: an earlier owner may have used it up to there.
    pub(super) first_sequence: u16,
    /// Bytes queued, with [`OVERHEAD`] for each fragment.
    pub(super) backlog: usize,
    pub(super) largest_backlog: usize,
    /// Bytes of payload in flight, and entries to be sent again.
    pub(super) flight: usize,
    pub(super) lost: usize,
    /// No lost entry lies before this place.
    pub(super) first_lost: u64,
    pub(super) acknowledged_ahead: usize,
    /// Bytes that the peer has room for beyond what is in flight.
    pub(super) peer_window: usize,
    /// Since T3-rtx expired last.
    pub(super) answer: Answer,
    pub(super) congestion: Congestion,
    pub(super) round_trip: RoundTrip,
    /// What the round trip is measured by, and when it went.
    pub(super) probe: Option<(u64, u64)>,
    /// T3-rtx.
    pub(super) deadline_us: Option<u64>,
    last_sent_us: u64,
    pub(super) gate: Gate,
    pub(super) is_skip_due: bool,
    pub(super) can_skip: bool,
    longest_fragment: usize,
}

impl Outbound {
    pub fn new(initial_tsn: u32, longest_packet: usize, largest_backlog: usize) -> Self {
        let first = place_of_first(initial_tsn);
        // A multiple of four, so that full packets are not padded beyond their length.
        let longest_fragment = (longest_packet - COMMON_HEADER - data::HEADER) & !3;
        Self {
            queue: VecDeque::new(),
            acknowledged: first - 1,
            next: first,
            unsent: first,
            streams: BTreeMap::new(),
            first_sequence: 0,
            backlog: 0,
            largest_backlog,
            flight: 0,
            lost: 0,
            first_lost: first,
            acknowledged_ahead: 0,
            peer_window: 0,
            answer: Answer::None,
            congestion: Congestion::new(longest_fragment),
            round_trip: RoundTrip::new(),
            probe: None,
            deadline_us: None,
            last_sent_us: 0,
            gate: Gate::Window,
            is_skip_due: false,
            can_skip: false,
            longest_fragment,
        }
    }

    /// What the peer said of itself.
    pub fn greet(&mut self, window: u32, can_skip: bool) {
        self.peer_window = window as usize;
        self.can_skip = can_skip;
    }

    pub fn next(&self) -> u64 {
        self.next
    }

    pub fn backlog(&self) -> usize {
        self.backlog
    }

    pub fn streams(&self) -> &BTreeMap<u16, u16> {
        &self.streams
    }

    /// Nothing is left to be acknowledged.
    pub fn is_drained(&self) -> bool {
        self.queue.is_empty()
    }

    /// Everything that was queued for these streams has arrived.
    pub fn is_drained_of(&self, streams: &[u16]) -> bool {
        let waits = |entry: &Outgoing| entry.fragment().is_some_and(|fragment| streams.contains(&fragment.stream));
        !self.queue.iter().any(waits)
    }

    /// The stream begins anew.
    pub fn restart_stream(&mut self, stream: u16) {
        self.streams.remove(&stream);
    }

    pub fn has_room_for(&self, length: usize) -> bool {
        let fragments = length.div_ceil(self.longest_fragment);
        self.backlog + length + fragments * OVERHEAD <= self.largest_backlog
    }

    /// Queues a message, which is not empty and has room.
    pub fn queue(&mut self, outlet: Outlet, payload: &[u8]) {
        if !outlet.is_unordered && !self.streams.contains_key(&outlet.stream) {
            self.begin_stream(outlet.stream);
        }
        let sequence = if outlet.is_unordered { 0 } else { self.next_sequence(outlet.stream) };
        let count = payload.len().div_ceil(self.longest_fragment);
        for (number, piece) in payload.chunks(self.longest_fragment).enumerate() {
            let fragment = Fragment {
                stream: outlet.stream,
                sequence,
                protocol: outlet.protocol,
                is_unordered: outlet.is_unordered,
                is_first: number == 0,
                is_last: number + 1 == count,
                payload: piece.to_vec(),
            };
            self.backlog += piece.len() + OVERHEAD;
            self.append(Content::Fragment(fragment), outlet.reliability, Fate::Waiting);
        }
    }

    /// Of the next fragment that goes into `room` bytes, and sends it.
    pub fn write_next(&mut self, now_us: u64, writer: &mut Writer) -> bool {
        while let Some(at) = self.next_to_send() {
            let Some(entry) = self.queue.get_mut(at) else { return false };
            if self.can_skip && entry.is_given_up(now_us) {
                self.abandon(at);
                continue;
            }
            let is_written = entry.fragment().is_some_and(|fragment| fragment.write(writer, entry.place as u32));
            if is_written {
                self.note_sent(now_us, at);
            }
            return is_written;
        }
        false
    }

    /// Whether [`Self::write_next`] may find something.
    pub fn has_next(&self) -> bool {
        self.next_to_send().is_some()
    }

    /// Nothing more goes into this packet.
    pub fn note_rest(&mut self) {
        self.gate = match self.gate {
            Gate::OnePacket | Gate::Shut if self.flight > 0 => Gate::Shut,
            _ => Gate::Window,
        };
        self.congestion.note_use(self.flight);
    }

    /// The FORWARD TSN that is due.
    pub fn skip_due(&self) -> Option<Skipped> {
        let end = self.skippable();
        (self.is_skip_due && end > self.acknowledged).then(|| {
            let mut streams = BTreeMap::new();
            for entry in self.queue.iter().take_while(|entry| entry.place <= end) {
                match &entry.content {
                    Content::Fragment(fragment) if !fragment.is_unordered => {
                        streams.insert(fragment.stream, fragment.sequence);
                    }
                    Content::Leap { streams: leapt, .. } => streams.extend(leapt.iter().copied()),
                    Content::Fragment(_) => {}
                }
            }
            Skipped { cumulative: end as u32, streams: streams.into_iter().collect() }
        })
    }

    pub fn note_skip_sent(&mut self, now_us: u64) {
        self.is_skip_due = false;
        self.start_timer(now_us);
    }

    /// T3-rtx, if it is due.
    pub fn expire(&mut self, now_us: u64) -> Option<Expiry> {
        self.deadline_us.filter(|deadline_us| *deadline_us <= now_us)?;
        self.deadline_us = None;
        for entry in self.queue.iter_mut().filter(|entry| entry.fate == Fate::InFlight) {
            entry.fate = Fate::Lost;
            entry.is_retransmitted_fast = false;
            self.lost += 1;
        }
        self.flight = 0;
        self.first_lost = self.acknowledged;
        self.probe = None;
        self.congestion.time_out();
        self.round_trip.back_off();
        self.is_skip_due = self.skippable() > self.acknowledged;
        self.gate = Gate::OnePacket;
        let answer = std::mem::take(&mut self.answer);
        if self.lost > 0 || self.is_skip_due {
            self.start_timer(now_us);
        }
        Some(if answer == Answer::NoRoom { Expiry::ClosedWindow } else { Expiry::Silent })
    }

    /// Gives up the whole message that the entry is part of (RFC 3758 §3.5, A).
    pub(super) fn abandon(&mut self, at: usize) {
        let is_first = |entry: &Outgoing| entry.fragment().is_none_or(|fragment| fragment.is_first);
        let is_last = |entry: &Outgoing| entry.fragment().is_none_or(|fragment| fragment.is_last);
        let first = (0..=at).rev().find(|at| self.queue.get(*at).is_none_or(is_first)).unwrap_or_default();
        let last = (at..self.queue.len()).find(|at| self.queue.get(*at).is_none_or(is_last)).unwrap_or(at);
        for entry in self.queue.range_mut(first..=last) {
            match entry.fate {
                Fate::InFlight => self.flight -= entry.size(),
                Fate::Lost => self.lost -= 1,
                Fate::Acknowledged => self.acknowledged_ahead -= 1,
                Fate::Waiting => self.unsent = entry.place + 1,
                Fate::Abandoned => continue,
            }
            entry.fate = Fate::Abandoned;
            self.backlog -= entry.size();
            if let Content::Fragment(fragment) = &mut entry.content {
                fragment.payload = Vec::new();
            }
        }
        self.pass_leaps();
        self.is_skip_due = true;
    }

    /// The last place before the first that is still to be sent (RFC 3758 §3.5, C2).
    pub(super) fn skippable(&self) -> u64 {
        let abandoned = self.queue.iter().take_while(|entry| entry.fate == Fate::Abandoned);
        abandoned.last().map_or(self.acknowledged, Outgoing::last_place)
    }

    pub(super) fn start_timer(&mut self, now_us: u64) {
        if self.deadline_us.is_none() {
            self.deadline_us = Some(now_us.saturating_add(self.round_trip.timeout_us()));
        }
    }

    pub(super) fn append(&mut self, content: Content, reliability: Reliability, fate: Fate) {
        let entry = Outgoing::new(self.next, content, reliability, fate);
        self.next = entry.last_place() + 1;
        self.queue.push_back(entry);
    }

    /// Bytes of payload.
    pub fn longest_fragment(&self) -> usize {
        self.longest_fragment
    }

    fn next_sequence(&mut self, stream: u16) -> u16 {
        let next = self.streams.entry(stream).or_default();
        let sequence = *next;
        *next = sequence.wrapping_add(1);
        sequence
    }

    fn next_to_send(&self) -> Option<usize> {
        if self.gate == Gate::Shut {
            return None;
        }
        if self.lost > 0 && (self.flight < self.congestion.window() || self.gate == Gate::FastPacket) {
            let from = self.queue.partition_point(|entry| entry.place < self.first_lost);
            return self.queue.range(from..).position(|entry| entry.fate == Fate::Lost).map(|at| from + at);
        }
        let at = self.queue.partition_point(|entry| entry.place < self.unsent);
        let size = self.queue.get(at)?.size();
        // RFC 9260 §6.1 rules A and B: a closed window is probed by one chunk.
        let fits = self.flight < self.congestion.window() && (size <= self.peer_window || self.flight == 0);
        (fits && self.lost == 0).then_some(at)
    }

    fn note_sent(&mut self, now_us: u64, at: usize) {
        let idle_us = now_us.saturating_sub(self.last_sent_us);
        if self.flight == 0 {
            self.congestion.rest(idle_us / self.round_trip.timeout_us());
        }
        self.last_sent_us = now_us;
        let Some(entry) = self.queue.get_mut(at) else { return };
        let (place, size) = (entry.place, entry.size());
        if entry.fate == Fate::Lost {
            self.lost -= 1;
            self.first_lost = place + 1;
        } else {
            self.unsent = place + 1;
            if self.probe.is_none() && entry.transmissions == 0 {
                self.probe = Some((place, now_us));
            }
        }
        if self.probe.is_some_and(|(probe, _)| probe == place) && entry.transmissions > 0 {
            self.probe = None;
        }
        entry.fate = Fate::InFlight;
        entry.transmissions = entry.transmissions.saturating_add(1);
        self.flight += size;
        self.peer_window = self.peer_window.saturating_sub(size);
        self.pass_leaps();
        self.start_timer(now_us);
    }
}
