//! What all workers of the process share.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use antiphon_relay_packet::drop_reason::DropReason;
use antiphon_relay_packet::flow_key::FlowKey;
use antiphon_relay_packet::flows::{FlowLimits, Flows};
use antiphon_relay_packet::lookups::{Lookups, Resolved, Waiting};
use antiphon_relay_packet::now::Now;
use antiphon_relay_packet::routes::Routes;
use antiphon_wire::hop::Record;
use antiphon_wire::key_ring::KeyRing;
use antiphon_wire::route_table::RouteTable;
use antiphon_wire::ticket::Validity;
use arc_swap::ArcSwap;

use crate::clock::Clock;
use crate::counters::{Counter, Counters};
use crate::local_addresses::LocalAddresses;

/// A worker takes milliseconds for a turn; one that takes as long as this is stuck.
const LONGEST_TURN_MS: u64 = 5000;

#[derive(Clone, Copy, Debug)]
pub struct PlaneLimits {
    pub workers: usize,
    pub flows: FlowLimits,
    pub validity: Validity,
}

pub struct Plane {
    pub clock: Clock,
    pub validity: Validity,
    pub flows: Flows,
    pub routes: ArcSwap<Routes>,
    pub keys: ArcSwap<KeyRing>,
    pub counters: Counters,
    pub locals: LocalAddresses,
    /// Whether there is a flow cache to look unknown sources up in.
    looks_up: bool,
    lookups: Mutex<Lookups>,
    asked: Condvar,
    stopped: AtomicBool,
    first_forwarded_unix_ms: AtomicU64,
}

impl Plane {
    pub fn new(limits: PlaneLimits, table: RouteTable, keys: KeyRing, seed: u64) -> Self {
        Self {
            clock: Clock::start(),
            validity: limits.validity,
            flows: Flows::new(limits.flows, seed),
            routes: ArcSwap::from_pointee(Routes::new(table)),
            keys: ArcSwap::from_pointee(keys),
            counters: Counters::new(limits.workers),
            locals: LocalAddresses::default(),
            looks_up: limits.flows.refresh_ms.is_some(),
            lookups: Mutex::new(Lookups::new(seed)),
            asked: Condvar::new(),
            stopped: AtomicBool::new(false),
            first_forwarded_unix_ms: AtomicU64::new(0),
        }
    }

    pub fn set_table(&self, table: RouteTable) {
        let routes = Routes::new(table);
        self.routes.store(routes.into());
    }

    /// Keeps a packet of an unknown source until the flow cache has answered.
    pub fn look_up(&self, source: FlowKey, worker: usize, datagram: &[u8], now: Now) {
        let counters = self.counters.of_worker(worker);
        if !self.looks_up {
            return counters.drop_packets(DropReason::MediaUnknownSource, 1);
        }
        match self.lookups().hold(source, worker, datagram, now) {
            Ok(()) => self.asked.notify_one(),
            Err(reason) => counters.drop_packets(reason, 1),
        }
    }

    /// What waits for the flow cache's answer about a source whose flow a check has opened, in its order: newer packets
    /// go at once now, and are not to overtake it.
    pub fn waited_for(&self, source: FlowKey, worker: usize, now: Now) -> Vec<Waiting> {
        if !self.looks_up {
            return Vec::new();
        }
        match self.lookups().resolve(source, true, now) {
            Resolved::Forward(packets) => packets,
            Resolved::Drop(reason, count) => {
                self.counters.of_worker(worker).drop_packets(reason, count);
                Vec::new()
            }
        }
    }

    /// Waits until sources are to be looked up, the time is over, or the relay stops.
    pub fn take_lookups(&self, limit: usize, timeout: Duration) -> Vec<FlowKey> {
        let waits = |lookups: &mut Lookups| !lookups.has_asked() && !self.stopped();
        let (mut lookups, _) =
            self.asked.wait_timeout_while(self.lookups(), timeout, waits).unwrap_or_else(PoisonError::into_inner);
        let asked = lookups.take(limit);
        self.counters.elsewhere().add(Counter::LookupsAsked, asked.len());
        asked
    }

    /// Takes the flow cache's answer, and sends what waited for it by the hop socket of the worker that received it.
    pub fn resolve(&self, source: FlowKey, found: Option<(u32, u64)>, hops: &[UdpSocket]) {
        let now = self.clock.now();
        let bound = found.and_then(|(route, opened_unix_ms)| self.restore(source, route, opened_unix_ms, now));
        // By now it may have checked in by itself.
        let route = bound.or_else(|| self.flows.touch(source, now).map(|flow| flow.route));
        let counters = self.counters.elsewhere();
        let resolved = self.lookups().resolve(source, route.is_some(), now);
        match (resolved, route) {
            (Resolved::Drop(reason, count), _) => counters.drop_packets(reason, count),
            (Resolved::Forward(packets), Some(route)) => match self.routes.load().destination(route) {
                Ok(to) => packets.iter().for_each(|packet| self.send_waiting(source, route, to, packet, hops)),
                Err(reason) => counters.drop_packets(reason, packets.len()),
            },
            (Resolved::Forward(packets), None) => counters.drop_packets(DropReason::LookupMiss, packets.len()),
        }
    }

    /// What has waited too long, and flows that have ended.
    pub fn sweep(&self, shards: usize, now: Now) {
        let counters = self.counters.elsewhere();
        counters.add(Counter::FlowsExpired, self.flows.sweep(shards, now));
        let late = self.lookups().expire(now);
        counters.drop_packets(DropReason::LookupLate, late);
    }

    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        // The lock: a waiter that has just looked at `stopped` must not miss the call.
        let _lookups = self.lookups();
        self.asked.notify_all();
    }

    pub fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// A worker is about to look at its sockets.
    pub fn note_turn(&self, worker: usize) {
        self.counters.of_worker(worker).note_turn(self.clock.now().steady_ms);
    }

    /// Whether every worker has looked at its sockets a short while ago.
    pub fn served(&self) -> bool {
        self.counters.oldest_turn_ms() + LONGEST_TURN_MS > self.clock.now().steady_ms
    }

    pub fn note_forwarded(&self, now: Now) {
        if self.first_forwarded_unix_ms.load(Ordering::Relaxed) == 0 {
            let (first, order) = (&self.first_forwarded_unix_ms, Ordering::Relaxed);
            // Another worker was first: then its time stands.
            let _ = first.compare_exchange(0, now.unix_ms, order, order);
        }
    }

    pub fn first_forwarded_unix_ms(&self) -> Option<u64> {
        Some(self.first_forwarded_unix_ms.load(Ordering::Relaxed)).filter(|time| *time != 0)
    }

    /// The cache is believed only where the table knows the route.
    fn restore(&self, source: FlowKey, route: u32, opened_unix_ms: u64, now: Now) -> Option<u32> {
        self.routes.load().destination(route).ok()?;
        let restored = self.flows.restore(source, route, opened_unix_ms, now).ok()?;
        self.counters.elsewhere().add(Counter::FlowsRestored, 1);
        Some(restored)
    }

    fn send_waiting(&self, source: FlowKey, route: u32, to: SocketAddr, packet: &Waiting, hops: &[UdpSocket]) {
        let counters = self.counters.elsewhere();
        let record = Record {
            route,
            client: source.client(),
            local_index: source.local_index(),
            no_pack: false,
            tlvs: &[],
            payload: &packet.datagram,
        };
        let mut bytes = Vec::with_capacity(record.encoded_len());
        let sent = record.encode_into(&mut bytes)
            && hops.get(packet.worker).is_some_and(|hop| hop.send_to(&bytes, to).is_ok());
        if !sent {
            return counters.drop_packets(DropReason::SendFailed, 1);
        }
        counters.add(Counter::HopDatagramsSent, 1);
        counters.add(Counter::UplinkForwarded, 1);
        counters.add(Counter::UplinkBytes, packet.datagram.len());
        self.note_forwarded(self.clock.now());
    }

    fn lookups(&self) -> MutexGuard<'_, Lookups> {
        self.lookups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
