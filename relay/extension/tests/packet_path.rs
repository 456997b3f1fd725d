//! A worker between real sockets: what a packet costs the allocator, and in what order packets leave.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::iter;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use antiphon_relay_packet::budget::Rate;
use antiphon_relay_packet::drop_reason::DropReason;
use antiphon_relay_packet::flow_key::FlowKey;
use antiphon_relay_packet::flows::FlowLimits;
use antiphon_wire::hop::{self, Record};
use antiphon_wire::key_ring::{KeyRing, KeySpec};
use antiphon_wire::route_table::RouteTable;
use antiphon_wire::stun::{Class, Encoder, Role};
use antiphon_wire::ticket::{Ticket, Validity};

// The extension's own files: linking the extension would need libpython.
#[path = "../src/clock.rs"]
mod clock;
#[path = "../src/counters.rs"]
#[allow(dead_code, reason = "Python reads them")]
mod counters;
#[path = "../src/listeners.rs"]
#[allow(dead_code, reason = "Python raises its error")]
mod listeners;
#[path = "../src/local_addresses.rs"]
#[allow(dead_code, reason = "Python reads them")]
mod local_addresses;
#[path = "../src/packet_info.rs"]
mod packet_info;
#[path = "../src/plane.rs"]
#[allow(dead_code, reason = "Python sets and reads it")]
mod plane;
#[path = "../src/poll.rs"]
mod poll;
#[path = "../src/receive_batch.rs"]
mod receive_batch;
#[path = "../src/send_batch.rs"]
mod send_batch;
#[path = "../src/socket_address.rs"]
mod socket_address;
#[path = "../src/worker.rs"]
mod worker;
#[path = "../src/worker_guard.rs"]
mod worker_guard;

use clock::Clock;
use counters::Counter;
use local_addresses::{KnownLocals, LocalAddresses};
use plane::{Plane, PlaneLimits};
use poll::{Poll, Waker};
use worker::Worker;

const ROUTE: u32 = 16;
const MEDIA: [u8; 160] = [0x80; 160];
/// More than a worker takes in one batch.
const BURST: usize = 100;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static COUNTED: Cell<bool> = const { Cell::new(false) };
}

/// The system's, counting what counted threads ask for.
struct Counting;

// SAFETY: everything is the system allocator's; a `const` thread-local without a destructor allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if COUNTED.get() {
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn media_checks_and_strangers_cost_no_allocation() {
    let pod = open();
    let plane = Arc::new(plane_with(pod.local_addr().unwrap(), None));
    let (listen, waker, worker) = start(&plane, true);
    let client = connected(listen);
    let stranger = connected(listen);
    let check = check(&plane.keys.load(), Clock::start().now().unix_s());
    exchange(&client, &pod, &check);
    (0..10).for_each(|_| burst(&client, &stranger, &pod));
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..20 {
        exchange(&client, &pod, &check);
        burst(&client, &stranger, &pod);
    }
    let allocated = ALLOCATIONS.load(Ordering::Relaxed) - before;
    plane.stop();
    waker.wake();
    worker.join().unwrap();
    assert!(before > 0, "the worker's thread is counted");
    // A timer of the worker may fall into the loop; what costs an allocation a packet costs dozens here.
    assert!(allocated < 5, "{allocated} allocations");
}

#[test]
fn media_that_waits_to_be_looked_up_goes_right_behind_the_check_that_opens_its_flow() {
    let pod = open();
    let plane = Arc::new(plane_with(pod.local_addr().unwrap(), Some(30_000)));
    let (listen, waker, worker) = start(&plane, false);
    let client = connected(listen);
    let check = check(&plane.keys.load(), Clock::start().now().unix_s());
    let waiting = (0..3).map(|number| [0x80, number]);
    for packet in waiting.clone() {
        client.send(&packet).unwrap();
    }
    client.send(&check).unwrap();
    client.send(&MEDIA).unwrap();
    let expected: Vec<_> = iter::once(check).chain(waiting.map(Vec::from)).chain([MEDIA.to_vec()]).collect();
    assert_eq!(payloads(&pod, expected.len()), expected);
    // Nobody is asked about it any more, and an answer on its way has nothing left to send.
    assert_eq!(plane.take_lookups(10, Duration::ZERO), []);
    plane.resolve(FlowKey::new(0, client.local_addr().unwrap()), None, &[open()]);
    client.send(&MEDIA).unwrap();
    assert_eq!(payloads(&pod, 1), [MEDIA]);
    plane.stop();
    waker.wake();
    worker.join().unwrap();
    assert_eq!(plane.counters.total(Counter::UplinkForwarded), expected.len() as u64 + 1);
    assert_eq!(plane.counters.drops(DropReason::LookupMiss), 0);
}

#[test]
fn a_worker_asks_the_others_about_a_local_address_once() {
    let socket = open();
    let (all, none) = (LocalAddresses::default(), LocalAddresses::default());
    let mut known = KnownLocals::default();
    let addresses: [IpAddr; 2] = ["127.0.0.1", "127.0.0.2"].map(|text| text.parse().unwrap());
    for (index, ip) in (0..).zip(addresses) {
        assert_eq!(known.index_of(&all, 0, Some(&socket), Some(ip)), Some(index));
    }
    for _ in 0..3 {
        for (index, ip) in (0..).zip(addresses) {
            assert_eq!(known.index_of(&none, 0, Some(&socket), Some(ip)), Some(index));
            let address = SocketAddr::new(ip, socket.local_addr().unwrap().port());
            assert_eq!(known.at(&none, index).map(|local| local.address), Some(address));
        }
    }
    assert_eq!(none.at(0), None, "it asks nobody about what it knows");
}

#[test]
fn local_addresses_beyond_the_limit_have_no_index() {
    let socket = open();
    let all = LocalAddresses::default();
    let mut known = KnownLocals::default();
    let index_of =
        |known: &mut KnownLocals, last| known.index_of(&all, 0, Some(&socket), Some(IpAddr::from([127, 0, 0, last])));
    for last in 0..255 {
        assert_eq!(index_of(&mut known, last), Some(last));
    }
    assert_eq!(index_of(&mut known, 255), None);
    assert_eq!(index_of(&mut known, 254), Some(254));
}

/// Packets to the pod and back, with as many of a stranger's between them.
fn burst(client: &UdpSocket, stranger: &UdpSocket, pod: &UdpSocket) {
    for _ in 0..BURST {
        client.send(&MEDIA).unwrap();
        stranger.send(&MEDIA).unwrap();
    }
    let mut returned = 0;
    while returned < BURST {
        returned += answer(pod);
    }
    (0..BURST).for_each(|_| drop(receive(client)));
}

fn exchange(client: &UdpSocket, pod: &UdpSocket, packet: &[u8]) {
    client.send(packet).unwrap();
    answer(pod);
    assert_eq!(receive(client), packet);
}

/// Sends one hop datagram back as it came; answers how many records it held.
fn answer(pod: &UdpSocket) -> usize {
    let mut buffer = [0; 2048];
    let (length, relay) = pod.recv_from(&mut buffer).unwrap();
    pod.send_to(&buffer[..length], relay).unwrap();
    hop::records(&buffer[..length]).map(Result::unwrap).filter(|record: &Record<'_>| record.route == ROUTE).count()
}

/// Of the records that a pod gets next, at least as many as asked for.
fn payloads(pod: &UdpSocket, count: usize) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while all.len() < count {
        let datagram = receive(pod);
        all.extend(hop::records(&datagram).map(|record| record.unwrap().payload.to_vec()));
    }
    all
}

fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 2048];
    let length = socket.recv(&mut buffer).unwrap();
    buffer[..length].to_vec()
}

fn open() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}

fn connected(to: SocketAddr) -> UdpSocket {
    let socket = open();
    socket.connect(to).unwrap();
    socket
}

/// Where a worker listens, what ends its wait, and its thread, whose allocations may be counted.
fn start(plane: &Arc<Plane>, counted: bool) -> (SocketAddr, Arc<Waker>, thread::JoinHandle<()>) {
    let any = "127.0.0.1:0".parse().unwrap();
    let sockets = listeners::bind(&[any], any, 1).unwrap().remove(0);
    let listen = sockets.clients[0].local_addr().unwrap();
    let poll = Poll::new().unwrap();
    for (token, socket) in sockets.clients.iter().chain([&sockets.hop]).enumerate() {
        poll.add(socket.as_fd(), token).unwrap();
    }
    let (plane, waker) = (Arc::clone(plane), poll.waker());
    let serve = move || {
        COUNTED.set(counted);
        Worker::new(0, plane, sockets, poll).run();
    };
    (listen, waker, thread::spawn(serve))
}

/// With `refresh_ms` it has a flow cache to look up in.
fn plane_with(pod: SocketAddr, refresh_ms: Option<u64>) -> Plane {
    let flows =
        FlowLimits { max_flows: 16, idle_ms: 30_000, new_flows: Rate { per_second: 50, burst: 100 }, refresh_ms };
    let limits = PlaneLimits { workers: 1, flows, validity: Validity { longest_call_s: 3600, skew_s: 60 } };
    let table = format!(
        r#"{{"clusterID": 3, "clusterName": "tests", "generation": 1, "blocks": [{{"first": {ROUTE}, "pod": "t0",
        "pool": "agents", "state": "Active", "hop": "{pod}", "control": "127.0.0.1:7300"}}]}}"#
    );
    let now = Clock::start().now().unix_s();
    let spec = KeySpec {
        id: b'A',
        secret: [7; 32],
        mint_from: now - 10,
        mint_until: now + 86_400,
        accept_until: now + 2 * 86_400,
    };
    Plane::new(limits, RouteTable::from_json(&table).unwrap(), KeyRing::new(vec![spec]).unwrap(), 1)
}

fn check(keys: &KeyRing, now: u64) -> Vec<u8> {
    let minted = keys.mint(Ticket { cluster_id: 3, route: ROUTE, expires_at: now + 3600, nonce: 1 }, now).unwrap();
    Encoder::new(Class::Request, [9; 12])
        .username(format!("{}:peer", minted.ufrag).as_bytes())
        .priority(1)
        .role(Role::Controlling(1))
        .finish(minted.password.as_bytes())
}
