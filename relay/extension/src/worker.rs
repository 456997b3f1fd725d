//! A worker thread: receive, ask, send.

use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use antiphon_host::Gathering;
use antiphon_relay_packet::drop_reason::DropReason;
use antiphon_relay_packet::flow_key::FlowKey;
use antiphon_relay_packet::packing::{Packed, Packer};
use antiphon_relay_packet::verdict::{Downlink, Uplink, View, downlink, uplink};
use antiphon_wire::hop::{self, MAX_PACKED, Record};

use crate::counters::{Counter, WorkerCounters};
use crate::listeners::WorkerSockets;
use crate::local_addresses::{KnownLocals, LocalAddress};
use crate::plane::Plane;
use crate::poll::Poll;
use crate::receive_batch::{BATCH, ReceiveBatch, Received};
use crate::send_batch::{Outgoing, SendBatch, Sent};
use crate::worker_guard::EndProcessOnPanic;

/// Batches of one socket before the others have their turn.
const BATCHES_PER_TURN: usize = 4;
/// The first worker sweeps as often, as many of the flow map's 64 shards: the whole map in less than a second.
const SWEEP_EVERY_MS: u64 = 50;
const SWEEP_SHARDS: usize = 4;
/// So that an idle worker is not taken for a stuck one.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A return record on its way to its client, and the local address that it leaves from.
type Accepted<'a> = (LocalAddress, Outgoing<'a>);

pub struct Worker {
    index: usize,
    plane: Arc<Plane>,
    sockets: WorkerSockets,
    poll: Poll,
    receive: ReceiveBatch,
    send: SendBatch,
    packer: Packer,
    locals: KnownLocals,
    /// Empty between batches, whose borrows end with them; only its memory is kept.
    accepted: Vec<Accepted<'static>>,
    gathering: Gathering,
    swept_ms: u64,
}

impl Worker {
    pub fn new(index: usize, plane: Arc<Plane>, sockets: WorkerSockets, poll: Poll) -> Self {
        Self {
            index,
            plane,
            sockets,
            poll,
            receive: ReceiveBatch::new(),
            send: SendBatch::new(),
            packer: Packer::default(),
            locals: KnownLocals::default(),
            accepted: Vec::with_capacity(BATCH * 8),
            gathering: Gathering::default(),
            swept_ms: 0,
        }
    }

    /// Until the plane stops.
    pub fn run(mut self) {
        let _guard = EndProcessOnPanic { worker: self.index };
        let timeout = if self.index == 0 { Duration::from_millis(SWEEP_EVERY_MS) } else { LONGEST_WAIT };
        while !self.plane.stopped() {
            self.plane.note_turn(self.index);
            let ready = self.poll.wait(timeout);
            let (woke, mut taken) = (Instant::now(), 0);
            for token in ready.tokens() {
                if token < self.sockets.clients.len() {
                    taken += self.serve_clients(token);
                } else {
                    self.serve_hop();
                }
            }
            if self.index == 0 {
                self.sweep();
            }
            if taken > 0
                && let Some(until) = self.gathering.took(woke, taken)
            {
                self.serve_hop_until(until);
            }
        }
    }

    /// Pods pace what they send, so nothing of theirs waits.
    fn serve_hop_until(&mut self, until: Instant) {
        while Poll::wait_for(self.sockets.hop.as_fd(), until) {
            self.serve_hop();
        }
    }

    fn sweep(&mut self) {
        let now = self.plane.clock.now();
        if now.steady_ms.saturating_sub(self.swept_ms) >= SWEEP_EVERY_MS {
            self.swept_ms = now.steady_ms;
            self.plane.sweep(SWEEP_SHARDS, now);
        }
    }

    /// How many packets were taken.
    fn serve_clients(&mut self, listener: usize) -> usize {
        let mut taken = 0;
        for _ in 0..BATCHES_PER_TURN {
            let Some(socket) = self.sockets.clients.get(listener) else { break };
            let Ok(received) = self.receive.receive(socket.as_fd()) else { break };
            self.forward_uplink(listener);
            taken += received;
            if received < BATCH {
                break;
            }
        }
        taken
    }

    fn forward_uplink(&mut self, listener: usize) {
        let Self { index, plane, sockets, receive, send, packer, locals, .. } = self;
        let counters = plane.counters.of_worker(*index);
        let (routes, keys) = (plane.routes.load(), plane.keys.load());
        let now = plane.clock.now();
        let view = View { flows: &plane.flows, routes: &routes, keys: &keys, validity: plane.validity, now };
        let mut received = 0;
        for datagram in receive.datagrams() {
            received += 1;
            let bound = sockets.clients.get(listener);
            let Some(local_index) = locals.index_of(&plane.locals, listener, bound, datagram.local) else {
                counters.drop_packets(DropReason::LocalAddressesFull, 1);
                continue;
            };
            let source = FlowKey::new(local_index, datagram.from);
            match verdict_on(&view, source, &datagram) {
                Uplink::Forward { route, to } => pack(packer, counters, to, &record_of(source, route, datagram.bytes)),
                Uplink::Open { route, to } => {
                    pack(packer, counters, to, &record_of(source, route, datagram.bytes));
                    for waited in plane.waited_for(source, *index, now) {
                        pack(packer, counters, to, &record_of(source, route, &waited.datagram));
                    }
                }
                Uplink::LookUp => plane.look_up(source, *index, datagram.bytes, now),
                Uplink::Drop(reason) => counters.drop_packets(reason, 1),
            }
        }
        counters.add(Counter::UplinkReceived, received);
        let sent = send.send(sockets.hop.as_fd(), packer.datagrams().map(hop_datagram));
        let large = packer.datagrams().filter(|packed| packed.bytes.len() > MAX_PACKED).count();
        packer.clear();
        count_uplink(counters, sent, large);
        if sent.packets > 0 {
            plane.note_forwarded(now);
        }
    }

    fn serve_hop(&mut self) {
        for _ in 0..BATCHES_PER_TURN {
            let Ok(received) = self.receive.receive(self.sockets.hop.as_fd()) else { return };
            self.forward_downlink();
            if received < BATCH {
                return;
            }
        }
    }

    fn forward_downlink(&mut self) {
        let Self { index, plane, sockets, receive, send, packer, locals, accepted, .. } = self;
        let counters = plane.counters.of_worker(*index);
        let (routes, keys) = (plane.routes.load(), plane.keys.load());
        let now = plane.clock.now();
        let view = View { flows: &plane.flows, routes: &routes, keys: &keys, validity: plane.validity, now };
        let mut leaving = recycled(std::mem::take(accepted));
        let (mut datagrams, mut records) = (0, 0);
        for datagram in receive.datagrams() {
            datagrams += 1;
            if let Some(reason) = refusal_of(&view, &datagram) {
                counters.drop_packets(reason, 1);
                continue;
            }
            for record in hop::records(datagram.bytes) {
                let Ok(record) = record else {
                    counters.drop_packets(DropReason::HopMalformed, 1);
                    continue;
                };
                records += 1;
                packer.set_no_pack(datagram.from, record.no_pack);
                match downlink(&view, datagram.from, &record) {
                    Downlink::Send { local_index, client } => match locals.at(&plane.locals, local_index) {
                        Some(local) => leaving.push((local, client_datagram(local, client, record.payload))),
                        None => counters.drop_packets(DropReason::HopNoFlow, 1),
                    },
                    Downlink::Drop(reason) => counters.drop_packets(reason, 1),
                }
            }
        }
        counters.add(Counter::HopDatagramsReceived, datagrams);
        counters.add(Counter::DownlinkReceived, records);
        for (listener, socket) in sockets.clients.iter().enumerate() {
            let own = leaving.iter().filter(|(local, _)| local.listener == listener).map(|(_, outgoing)| *outgoing);
            count_downlink(counters, send.send(socket.as_fd(), own));
        }
        *accepted = recycled(leaving);
    }
}

/// An empty vector's memory, for values that borrow from another batch: collecting in place keeps the allocation.
fn recycled<'to>(mut accepted: Vec<Accepted<'_>>) -> Vec<Accepted<'to>> {
    accepted.clear();
    accepted.into_iter().map_while(|_| None).collect()
}

fn verdict_on(view: &View<'_>, source: FlowKey, datagram: &Received<'_>) -> Uplink {
    if datagram.truncated { Uplink::Drop(DropReason::Oversized) } else { uplink(view, source, datagram.bytes) }
}

/// Why a whole hop datagram is refused before it is parsed.
fn refusal_of(view: &View<'_>, datagram: &Received<'_>) -> Option<DropReason> {
    if !view.routes.is_owner(datagram.from) {
        return Some(DropReason::HopStranger);
    }
    datagram.truncated.then_some(DropReason::HopTruncated)
}

fn pack(packer: &mut Packer, counters: &WorkerCounters, to: SocketAddr, record: &Record<'_>) {
    if !packer.push(to, record) {
        counters.drop_packets(DropReason::Oversized, 1);
    }
}

fn record_of(source: FlowKey, route: u32, payload: &[u8]) -> Record<'_> {
    Record { route, client: source.client(), local_index: source.local_index(), no_pack: false, tlvs: &[], payload }
}

fn hop_datagram(packed: &Packed) -> Outgoing<'_> {
    Outgoing {
        to: packed.to,
        from: None,
        bytes: &packed.bytes,
        packets: packed.records,
        payload_bytes: packed.payload_bytes,
    }
}

fn client_datagram(local: LocalAddress, client: SocketAddr, payload: &[u8]) -> Outgoing<'_> {
    Outgoing { to: client, from: Some(local.address.ip()), bytes: payload, packets: 1, payload_bytes: payload.len() }
}

fn count_uplink(counters: &WorkerCounters, sent: Sent, large: usize) {
    counters.add(Counter::UplinkForwarded, sent.packets);
    counters.add(Counter::UplinkBytes, sent.payload_bytes);
    counters.add(Counter::HopDatagramsSent, sent.datagrams);
    counters.add(Counter::HopLargeDatagrams, large);
    count_unsent(counters, sent);
}

fn count_downlink(counters: &WorkerCounters, sent: Sent) {
    counters.add(Counter::DownlinkForwarded, sent.packets);
    counters.add(Counter::DownlinkBytes, sent.payload_bytes);
    count_unsent(counters, sent);
}

fn count_unsent(counters: &WorkerCounters, sent: Sent) {
    counters.drop_packets(DropReason::QueueFull, sent.queue_full);
    counters.drop_packets(DropReason::SendFailed, sent.failed);
}
