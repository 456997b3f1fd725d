//! The one index that routes packets: hop datagrams from relays to calls, and the calls' datagrams back.

mod takeover;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use antiphon_wire::hop::{self, MAX_PACKED, Record};
use antiphon_wire::stun::{self, Class};

use crate::counters::{Counters, DropReason, Tally};
use crate::demux::{Protocol, classify};
use crate::ice::{Answer, Change, Check, Credentials, IceLite, Timeout, Timers};
use crate::inbox::{Delivery, Handle, Inbox, Kind};
use crate::outbox::{Datagram, Outbox};
use crate::pairs::Via;
use crate::return_path::ReturnPath;
use crate::rtp::Sent;

/// Media packets that are sent once more when a call's way back changes. 160 ms of audio: the client sends every 20 ms, a
/// relay that does not know its flow needs a few to look it up, and what comes later than this is not played any more.
pub const REPEATED: u16 = 8;

/// The ufrag names a live call already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UfragInUse;

/// Why a call's ICE cannot be restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartRefused {
    UfragInUse,
    /// The call is over, or was never there.
    CallOver,
}

struct Call {
    route: u32,
    ice: IceLite,
    /// What went last of its media.
    sent: Sent,
    /// Its RTP and RTCP are not for the inbox.
    has_media: bool,
}

impl Call {
    /// The client and the relay that the call's datagrams go to.
    fn way(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.ice.destination().map(|(client, path)| (client, path.relay))
    }
}

pub struct Switchboard {
    timers: Timers,
    /// The route table's.
    relays: HashSet<SocketAddr>,
    calls: HashMap<Handle, Call>,
    /// Ours; one a call, two while a restart of it is under way.
    by_ufrag: HashMap<Box<[u8]>, Handle>,
    /// A client's address gets in by an authenticated check only: at most `MAX_CHECKED` a call.
    by_client: HashMap<SocketAddr, Handle>,
    last_handle: Handle,
    /// No call's deadline comes before.
    next_deadline_ms: u64,
    inbox: Inbox,
    /// Of the calls that have media. Whoever calls [`Switchboard::receive`] takes it then.
    media: Vec<Delivery>,
    outbox: Outbox,
    counters: Counters,
}

impl Switchboard {
    pub fn new(timers: Timers, inbox: Inbox) -> Self {
        Self {
            timers,
            relays: HashSet::new(),
            calls: HashMap::new(),
            by_ufrag: HashMap::new(),
            by_client: HashMap::new(),
            last_handle: 0,
            next_deadline_ms: u64::MAX,
            inbox,
            media: Vec::new(),
            outbox: Outbox::default(),
            counters: Counters::default(),
        }
    }

    /// The addresses that hop datagrams are taken from, instead of those before.
    pub fn set_relays(&mut self, relays: impl IntoIterator<Item = SocketAddr>) {
        self.relays = relays.into_iter().collect();
    }

    pub fn add_call(&mut self, now_ms: u64, route: u32, credentials: Credentials) -> Result<Handle, UfragInUse> {
        let ufrag: Box<[u8]> = credentials.ufrag.as_bytes().into();
        if self.by_ufrag.contains_key(&ufrag) {
            return Err(UfragInUse);
        }
        self.last_handle += 1;
        let ice = IceLite::new(credentials, self.timers, now_ms);
        self.next_deadline_ms = ice.deadline_ms().unwrap_or(u64::MAX).min(self.next_deadline_ms);
        self.by_ufrag.insert(ufrag, self.last_handle);
        self.calls.insert(self.last_handle, Call { route, ice, sent: Sent::default(), has_media: false });
        Ok(self.last_handle)
    }

    /// The call's client restarts ICE: it is known by `credentials` too, and by them alone once it has come back with them.
    pub fn restart_call(
        &mut self,
        now_ms: u64,
        handle: Handle,
        credentials: Credentials,
    ) -> Result<(), RestartRefused> {
        let ufrag: Box<[u8]> = credentials.ufrag.as_bytes().into();
        if self.by_ufrag.contains_key(&ufrag) {
            return Err(RestartRefused::UfragInUse);
        }
        let call = self.calls.get_mut(&handle).filter(|call| call.ice.deadline_ms().is_some());
        let unfinished = call.ok_or(RestartRefused::CallOver)?.ice.restart(credentials, now_ms);
        self.retire(unfinished);
        self.by_ufrag.insert(ufrag, handle);
        Ok(())
    }

    fn retire(&mut self, ufrag: Option<String>) {
        if let Some(ufrag) = ufrag {
            self.by_ufrag.remove(ufrag.as_bytes());
        }
    }

    pub fn remove_call(&mut self, handle: Handle) {
        let Some(call) = self.calls.remove(&handle) else { return };
        for ufrag in call.ice.ufrags() {
            self.by_ufrag.remove(ufrag.as_bytes());
        }
        for client in call.ice.checked_clients() {
            self.by_client.remove(&client);
        }
        self.inbox.forget(handle);
    }

    /// The call's RTP and RTCP are [`Self::swap_media`]'s from now on; `false` for an unknown one.
    pub fn set_media(&mut self, handle: Handle) -> bool {
        let call = self.calls.get_mut(&handle);
        call.map(|call| call.has_media = true).is_some()
    }

    /// Takes one datagram of the hop socket, which came out of it at `came_us`: microseconds from any fixed zero.
    pub fn receive(&mut self, now_ms: u64, came_us: u64, relay: SocketAddr, datagram: &[u8]) {
        self.counters.add(Tally::ReceivedDatagrams, 1);
        if !self.relays.contains(&relay) {
            self.counters.dropped(DropReason::HopStranger);
            return;
        }
        for record in hop::records(datagram) {
            let outcome = match record {
                Ok(record) => {
                    self.counters.add(Tally::ReceivedRecords, 1);
                    self.receive_record(now_ms, came_us, relay, &record)
                }
                Err(_) => Err(DropReason::HopMalformed),
            };
            if let Err(reason) = outcome {
                self.counters.dropped(reason);
            }
        }
    }

    fn receive_record(
        &mut self,
        now_ms: u64,
        came_us: u64,
        relay: SocketAddr,
        record: &Record<'_>,
    ) -> Result<(), DropReason> {
        let kind = match classify(record.payload)? {
            Protocol::Stun => return self.receive_stun(now_ms, relay, record),
            Protocol::Dtls => Kind::Dtls,
            Protocol::Rtp => Kind::Rtp,
            Protocol::Rtcp => Kind::Rtcp,
        };
        let handle = *self.by_client.get(&record.client).ok_or(DropReason::UncheckedAddress)?;
        let call = self.calls.get_mut(&handle).ok_or(DropReason::UncheckedAddress)?;
        let via = call.ice.via(relay, record).ok_or(DropReason::UncheckedAddress)?;
        let delivery = Delivery { handle, kind, payload: record.payload.to_vec(), via, came_us };
        if call.has_media && kind != Kind::Dtls {
            self.media.push(delivery);
            return Ok(());
        }
        self.inbox.push(delivery)
    }

    fn receive_stun(&mut self, now_ms: u64, relay: SocketAddr, record: &Record<'_>) -> Result<(), DropReason> {
        let request = stun::parse(record.payload).map_err(|_| DropReason::StunMalformed)?;
        if request.class != Class::Request {
            return Err(DropReason::StunNotRequest);
        }
        let (ufrag, _) = request.ufrags().ok_or(DropReason::StunUnknownCall)?;
        let handle = *self.by_ufrag.get(ufrag).ok_or(DropReason::StunUnknownCall)?;
        let call = self.calls.get_mut(&handle).ok_or(DropReason::StunUnknownCall)?;
        if call.route != record.route {
            return Err(DropReason::StunWrongRoute);
        }
        let before = call.way();
        let mut check = call.ice.check(now_ms, &request, relay, record)?;
        let moved = before.is_some() && call.way() != before;
        // Consent may be shorter than what was left of the set-up window.
        self.next_deadline_ms = call.ice.deadline_ms().unwrap_or(u64::MAX).min(self.next_deadline_ms);
        if let Some(retired) = check.retired.take() {
            self.retire(Some(retired));
            self.counters.add(Tally::IceRestarts, 1);
        }
        self.note_check(handle, record.client, &check);
        self.outbox.push(&ReturnPath::of(relay, record), record.route, record.client, &check.response)?;
        if moved {
            self.repeat(handle);
        }
        Ok(())
    }

    fn note_check(&mut self, handle: Handle, client: SocketAddr, check: &Check) {
        self.counters.add(
            match check.answer {
                Answer::Success => Tally::StunAnswered,
                Answer::RoleConflict => Tally::StunRoleConflicts,
                Answer::UnknownAttribute => Tally::StunUnknownAttributes,
            },
            1,
        );
        if check.accepted {
            self.claim(handle, client);
        }
        if let Some(evicted) = check.evicted {
            self.by_client.remove(&evicted);
        }
        match check.change {
            Some(Change::FirstCheck) => self.inbox.push_event(handle, Kind::Checked),
            Some(Change::Moved) => self.counters.add(Tally::SendAddressesMoved, 1),
            None => {}
        }
    }

    /// Client ports are reused: the latest authenticated check says whose the address is.
    fn claim(&mut self, handle: Handle, client: SocketAddr) {
        let Some(previous) = self.by_client.insert(client, handle).filter(|previous| *previous != handle) else {
            return;
        };
        self.counters.add(Tally::AddressesTakenOver, 1);
        if let Some(call) = self.calls.get_mut(&previous) {
            call.ice.forget(client);
        }
    }

    /// Queues a call's datagram for its client; `false`, counted, where that cannot be.
    pub fn send(&mut self, handle: Handle, payload: &[u8]) -> bool {
        let queued = self.queue(handle, payload);
        match queued {
            Ok(length) if length > MAX_PACKED => self.counters.add(Tally::OversizedRecords, 1),
            Ok(_) => {}
            Err(reason) => self.counters.dropped(reason),
        }
        queued.is_ok()
    }

    /// The same with an RTP packet, which is kept for a while: it may be asked for again. `now_us`: microseconds from any
    /// fixed zero.
    pub fn send_rtp(&mut self, now_us: u64, handle: Handle, packet: &[u8]) -> bool {
        let queued = self.send(handle, packet);
        if let Some(call) = self.calls.get_mut(&handle).filter(|_| queued) {
            call.sent.keep(now_us, packet);
        }
        queued
    }

    /// Answers a NACK that names `lost` ([`Sent::answer`]); returns what goes again, in packets and in bytes.
    pub fn send_again(&mut self, now_us: u64, handle: Handle, rtt_us: Option<u64>, lost: &[u16]) -> (u64, u64) {
        let Some(call) = self.calls.get_mut(&handle) else { return (0, 0) };
        let Some((client, path)) = call.ice.destination() else { return (0, 0) };
        let (mut packets, mut bytes) = (0, 0);
        for packet in call.sent.answer(now_us, rtt_us, lost.iter().copied()) {
            match self.outbox.push(path, call.route, client, packet) {
                Ok(_) => (packets, bytes) = (packets + 1, bytes + packet.len() as u64),
                Err(reason) => self.counters.dropped(reason),
            }
        }
        (packets, bytes)
    }

    fn queue(&mut self, handle: Handle, payload: &[u8]) -> Result<usize, DropReason> {
        let call = self.calls.get(&handle).ok_or(DropReason::SendUnknownCall)?;
        let (client, path) = call.ice.destination().ok_or(DropReason::SendNoAddress)?;
        self.outbox.push(path, call.route, client, payload)
    }

    /// The media authenticated a datagram that came by `via`.
    pub fn adopt(&mut self, handle: Handle, via: Via) {
        let Some(call) = self.calls.get_mut(&handle) else { return };
        let before = call.way();
        if call.ice.adopt(via) {
            self.counters.add(Tally::PathsAdopted, 1);
            if call.way() != before {
                self.repeat(handle);
            }
        }
    }

    /// Sends the call's last media packets once more, the way that they go now.
    ///
    /// When a relay goes, the network hands its flows to another one at a moment that nobody announces. What is sent
    /// through the old relay between that moment and the client's next datagram is lost: the network no longer knows it as
    /// an answer. Sent again it is a repetition at worst, which SRTP discards unseen (RFC 3711 §3.3.2). Each goes again once,
    /// however often the way changes: a check can name somebody else's address. DTLS and SCTP repeat by themselves.
    fn repeat(&mut self, handle: Handle) {
        let Some(call) = self.calls.get_mut(&handle) else { return };
        let Some((client, path)) = call.ice.destination() else { return };
        for datagram in call.sent.repeat(REPEATED) {
            match self.outbox.push(path, call.route, client, datagram) {
                Ok(_) => self.counters.add(Tally::RepeatedRecords, 1),
                Err(reason) => self.counters.dropped(reason),
            }
        }
    }

    pub fn address_of(&self, handle: Handle) -> Option<SocketAddr> {
        self.calls.get(&handle)?.ice.destination().map(|(client, _)| client)
    }

    /// Says once of each call that its set-up window or its consent ran out; returns when to ask again.
    pub fn expire(&mut self, now_ms: u64) -> u64 {
        if now_ms < self.next_deadline_ms {
            return self.next_deadline_ms;
        }
        self.next_deadline_ms = u64::MAX;
        for (handle, call) in &mut self.calls {
            match call.ice.expire(now_ms) {
                Some(Timeout::Setup) => self.inbox.push_event(*handle, Kind::SetupTimeout),
                Some(Timeout::Consent) => self.inbox.push_event(*handle, Kind::ConsentLost),
                None => {}
            }
            self.next_deadline_ms = call.ice.deadline_ms().unwrap_or(u64::MAX).min(self.next_deadline_ms);
        }
        self.next_deadline_ms
    }

    pub fn has_deliveries(&self) -> bool {
        !self.inbox.is_empty()
    }

    pub fn deliveries(&mut self, limit: usize) -> Vec<Delivery> {
        self.inbox.pop(limit)
    }

    /// Exchanges the media that came for an empty `media`, whose room is used again.
    pub fn swap_media(&mut self, media: &mut Vec<Delivery>) {
        std::mem::swap(&mut self.media, media);
    }

    pub fn has_datagrams(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// What waits for the relays, packed. What the socket does not take is to be [`Self::put_back`] before more is asked for.
    pub fn datagrams(&mut self) -> Vec<Datagram> {
        self.outbox.take()
    }

    /// They go first, the next time.
    pub fn put_back(&mut self, unsent: Vec<Datagram>) {
        for _ in 0..self.outbox.put_back(unsent) {
            self.counters.dropped(DropReason::SendQueueFull);
        }
    }

    /// The socket did not take all that it was given last.
    pub fn is_held_up(&self) -> bool {
        self.outbox.is_held_up()
    }

    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// For what the socket's owner alone knows.
    pub fn counters_mut(&mut self) -> &mut Counters {
        &mut self.counters
    }
}
