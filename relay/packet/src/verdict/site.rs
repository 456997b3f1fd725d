//! A relay's tables with two pods, and the packets of its clients.

use std::net::SocketAddr;

use antiphon_wire::hop::Record;
use antiphon_wire::key_ring::{KeyRing, KeySpec, Minted};
use antiphon_wire::route_table::RouteTable;
use antiphon_wire::stun::{Class, Encoder, Role};
use antiphon_wire::ticket::{Ticket, Validity};

use crate::budget::Rate;
use crate::flow_key::FlowKey;
use crate::flows::{FlowLimits, Flows};
use crate::now::Now;
use crate::routes::Routes;
use crate::verdict::{Downlink, Uplink, View, downlink, uplink};

pub const CLUSTER: u16 = 3;
/// Of the first and of the second pod, and of one that is lost.
pub const ROUTE: u32 = 16;
pub const OTHER_ROUTE: u32 = 32;
pub const LOST_ROUTE: u32 = 48;
pub const START: Now = Now { steady_ms: 5_000, unix_ms: 1_795_000_000_000 };
const LONGEST_CALL_S: u64 = 3600;

pub struct Site {
    pub flows: Flows,
    pub routes: Routes,
    pub keys: KeyRing,
    pub now: Now,
}

impl Site {
    pub fn new() -> Self {
        Self::limited(1000)
    }

    pub fn limited(max_flows: usize) -> Self {
        let new_flows = Rate { per_second: 50, burst: 100 };
        let limits = FlowLimits { max_flows, idle_ms: 30_000, new_flows, refresh_ms: Some(30_000) };
        let flows = Flows::new(limits, 1);
        Self { flows, routes: Routes::new(table("127.0.0.1:7200")), keys: ring(b'A', 7), now: START }
    }

    pub fn after(&mut self, ms: u64) {
        self.now.steady_ms += ms;
        self.now.unix_ms += ms;
    }

    pub fn mint(&self, route: u32, nonce: u32) -> Minted {
        self.mint_ticket(Ticket { cluster_id: CLUSTER, route, expires_at: self.now.unix_s() + LONGEST_CALL_S, nonce })
    }

    pub fn mint_ticket(&self, ticket: Ticket) -> Minted {
        self.keys.mint(ticket, self.now.unix_s()).unwrap()
    }

    pub fn up(&self, from: &str, datagram: &[u8]) -> Uplink {
        uplink(&self.view(), key(from), datagram)
    }

    pub fn down(&self, transceiver: &str, record: &Record<'_>) -> Downlink {
        downlink(&self.view(), address(transceiver), record)
    }

    /// The pod's answer to a client.
    pub fn answer(&self, route: u32, to: &str) -> Downlink {
        self.down(pod_of(route), &record(route, to, b"\x01answer"))
    }

    fn view(&self) -> View<'_> {
        let validity = Validity { longest_call_s: LONGEST_CALL_S, skew_s: 60 };
        View { flows: &self.flows, routes: &self.routes, keys: &self.keys, validity, now: self.now }
    }
}

pub fn table(first_hop: &str) -> RouteTable {
    let block = |first: u32, hop: &str, state: &str| {
        format!(
            r#"{{"first": {first}, "pod": "t{first}", "pool": "agents", "state": "{state}", "hop": "{hop}",
            "control": "127.0.0.1:7300"}}"#
        )
    };
    let blocks = [
        block(ROUTE, first_hop, "Active"),
        block(OTHER_ROUTE, pod_of(OTHER_ROUTE), "Draining"),
        block(LOST_ROUTE, pod_of(LOST_ROUTE), "Lost"),
    ];
    let blocks = blocks.join(",");
    RouteTable::from_json(&format!(
        r#"{{"clusterID": {CLUSTER}, "clusterName": "local", "generation": 1, "blocks": [{blocks}]}}"#
    ))
    .unwrap()
}

pub fn pod_of(route: u32) -> &'static str {
    match route {
        ROUTE => "127.0.0.1:7200",
        OTHER_ROUTE => "127.0.0.1:7201",
        _ => "127.0.0.1:7202",
    }
}

pub fn ring(id: u8, secret: u8) -> KeyRing {
    let start = START.unix_s();
    let spec = KeySpec {
        id,
        secret: [secret; 32],
        mint_from: start - 10,
        mint_until: start + 86_400,
        accept_until: start + 2 * 86_400,
    };
    KeyRing::new(vec![spec]).unwrap()
}

pub fn request(minted: &Minted) -> Vec<u8> {
    request_with(&minted.ufrag, &minted.password)
}

pub fn request_with(ufrag: &str, password: &str) -> Vec<u8> {
    Encoder::new(Class::Request, [9; 12])
        .username(format!("{ufrag}:peer").as_bytes())
        .priority(1)
        .role(Role::Controlling(1))
        .finish(password.as_bytes())
}

pub fn record<'a>(route: u32, client: &str, payload: &'a [u8]) -> Record<'a> {
    Record { route, client: address(client), local_index: 0, no_pack: false, tlvs: &[], payload }
}

pub fn key(client: &str) -> FlowKey {
    FlowKey::new(0, address(client))
}

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub fn open(route: u32) -> Uplink {
    Uplink::Open { route, to: address(pod_of(route)) }
}

pub fn forward(route: u32) -> Uplink {
    Uplink::Forward { route, to: address(pod_of(route)) }
}
