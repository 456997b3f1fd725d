//! The one index that routes packets: hop datagrams from relays to calls, and the calls' datagrams back.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use antiphon_wire::hop::{self, MAX_PACKED, Record};
use antiphon_wire::stun::{self, Class};

use crate::counters::{Counters, DropReason, Tally};
use crate::demux::{Protocol, classify};
use crate::ice::{Answer, Change, Check, Credentials, IceLite, Timeout, Timers};
use crate::inbox::{Delivery, Handle, Inbox, Kind};
use crate::latest::Latest;
use crate::outbox::{Datagram, Outbox};
use crate::pairs::Via;
use crate::return_path::ReturnPath;

/// The ufrag names a live call already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UfragInUse;

#[derive(Debug)]
struct Call {
    route: u32,
    ice: IceLite,
    latest: Latest,
}

impl Call {
    /// The client and the relay that the call's datagrams go to.
    fn way(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.ice.destination().map(|(client, path)| (client, path.relay))
    }
}

#[derive(Debug)]
pub struct Switchboard {
    timers: Timers,
    /// The route table's.
    relays: HashSet<SocketAddr>,
    calls: HashMap<Handle, Call>,
    /// Ours; one a call.
    by_ufrag: HashMap<Box<[u8]>, Handle>,
    /// A client's address gets in by an authenticated check only: at most `MAX_CHECKED` a call.
    by_client: HashMap<SocketAddr, Handle>,
    last_handle: Handle,
    /// No call's deadline comes before.
    next_deadline_ms: u64,
    inbox: Inbox,
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
        self.calls.insert(self.last_handle, Call { route, ice, latest: Latest::default() });
        Ok(self.last_handle)
    }

    pub fn remove_call(&mut self, handle: Handle) {
        let Some(call) = self.calls.remove(&handle) else { return };
        self.by_ufrag.remove(call.ice.ufrag().as_bytes());
        for client in call.ice.checked_clients() {
            self.by_client.remove(&client);
        }
        self.inbox.forget(handle);
    }

    /// Takes one datagram of the hop socket.
    pub fn receive(&mut self, now_ms: u64, relay: SocketAddr, datagram: &[u8]) {
        self.counters.add(Tally::ReceivedDatagrams, 1);
        if !self.relays.contains(&relay) {
            self.counters.dropped(DropReason::HopStranger);
            return;
        }
        for record in hop::records(datagram) {
            let outcome = match record {
                Ok(record) => {
                    self.counters.add(Tally::ReceivedRecords, 1);
                    self.receive_record(now_ms, relay, &record)
                }
                Err(_) => Err(DropReason::HopMalformed),
            };
            if let Err(reason) = outcome {
                self.counters.dropped(reason);
            }
        }
    }

    fn receive_record(&mut self, now_ms: u64, relay: SocketAddr, record: &Record<'_>) -> Result<(), DropReason> {
        let kind = match classify(record.payload)? {
            Protocol::Stun => return self.receive_stun(now_ms, relay, record),
            Protocol::Dtls => Kind::Dtls,
            Protocol::Rtp => Kind::Rtp,
            Protocol::Rtcp => Kind::Rtcp,
        };
        let handle = *self.by_client.get(&record.client).ok_or(DropReason::UncheckedAddress)?;
        let call = self.calls.get_mut(&handle).ok_or(DropReason::UncheckedAddress)?;
        let via = call.ice.via(relay, record).ok_or(DropReason::UncheckedAddress)?;
        self.inbox.push(Delivery { handle, kind, payload: record.payload.to_vec(), via })
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
        let check = call.ice.check(now_ms, &request, relay, record)?;
        let moved = before.is_some() && call.way() != before;
        // Consent may be shorter than what was left of the set-up window.
        self.next_deadline_ms = call.ice.deadline_ms().unwrap_or(u64::MAX).min(self.next_deadline_ms);
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

    fn queue(&mut self, handle: Handle, payload: &[u8]) -> Result<usize, DropReason> {
        let call = self.calls.get_mut(&handle).ok_or(DropReason::SendUnknownCall)?;
        let (client, path) = call.ice.destination().ok_or(DropReason::SendNoAddress)?;
        let length = self.outbox.push(path, call.route, client, payload)?;
        if matches!(classify(payload), Ok(Protocol::Rtp)) {
            call.latest.keep(payload);
        }
        Ok(length)
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
    fn repeat(&mut self, handle: Handle) {
        let Some(call) = self.calls.get(&handle) else { return };
        let Some((client, path)) = call.ice.destination() else { return };
        for datagram in call.latest.iter() {
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

    pub fn has_datagrams(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// What waits for the relays, packed.
    pub fn datagrams(&mut self) -> Vec<Datagram> {
        self.outbox.take()
    }

    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// For what the socket's owner alone knows.
    pub fn counters_mut(&mut self) -> &mut Counters {
        &mut self.counters
    }
}
