//! Whatever a stranger sends opens no flow, whatever a client sends leaves its flow where it is, and whatever a transceiver
//! sends reaches no other client than its own.
#![no_main]

use std::net::SocketAddr;
use std::sync::LazyLock;

use antiphon_relay_packet::budget::Rate;
use antiphon_relay_packet::flow_key::FlowKey;
use antiphon_relay_packet::flows::{FlowLimits, Flows};
use antiphon_relay_packet::now::Now;
use antiphon_relay_packet::routes::Routes;
use antiphon_relay_packet::verdict::{Downlink, Uplink, View, downlink, uplink};
use antiphon_wire::hop;
use antiphon_wire::key_ring::{KeyRing, KeySpec};
use antiphon_wire::route_table::RouteTable;
use antiphon_wire::ticket::{Ticket, Validity};
use libfuzzer_sys::fuzz_target;

const ROUTE: u32 = 16;
const NOW: Now = Now { steady_ms: 1000, unix_ms: 1_795_000_000_000 };
const TABLE: &str = r#"{"clusterID": 3, "clusterName": "fuzz", "generation": 1, "blocks": [{"first": 16, "pod": "t0",
    "pool": "p", "state": "Active", "hop": "127.0.0.1:7200", "control": "127.0.0.1:7300"}]}"#;

struct Site {
    flows: Flows,
    routes: Routes,
    keys: KeyRing,
    client: SocketAddr,
    pod: SocketAddr,
}

/// A relay with one flow; nothing the targets do may change it, so it is made once.
static SITE: LazyLock<Site> = LazyLock::new(|| {
    let rate = Rate { per_second: 50, burst: 100 };
    let limits = FlowLimits { max_flows: 10, idle_ms: 30_000, new_flows: rate, refresh_ms: None };
    let spec = KeySpec { id: b'A', secret: [7; 32], mint_from: 0, mint_until: u64::MAX, accept_until: u64::MAX };
    let site = Site {
        flows: Flows::new(limits, 1),
        routes: Routes::new(RouteTable::from_json(TABLE).expect("a good table")),
        keys: KeyRing::new(vec![spec]).expect("a good key"),
        client: ([192, 0, 2, 1], 5000).into(),
        pod: ([127, 0, 0, 1], 7200).into(),
    };
    let ticket = Ticket { cluster_id: 3, route: ROUTE, expires_at: NOW.unix_s() + 60, nonce: 1 };
    site.flows.open(FlowKey::new(0, site.client), ticket, NOW).expect("room for a flow");
    site
});

fuzz_target!(|input: &[u8]| {
    let Some((who, datagram)) = input.split_first() else { return };
    let site = &*SITE;
    let validity = Validity { longest_call_s: 3600, skew_s: 60 };
    let view = View { flows: &site.flows, routes: &site.routes, keys: &site.keys, validity, now: NOW };
    match who % 3 {
        0 => {
            let stranger = FlowKey::new(0, ([198, 51, 100, 1], 6000).into());
            assert!(matches!(uplink(&view, stranger, datagram), Uplink::Drop(_) | Uplink::LookUp));
        }
        1 => match uplink(&view, FlowKey::new(0, site.client), datagram) {
            Uplink::Forward { route, to } => assert_eq!((route, to), (ROUTE, site.pod)),
            Uplink::Open { .. } | Uplink::LookUp => panic!("the source is known"),
            Uplink::Drop(_) => assert!(datagram.is_empty() || datagram.len() > antiphon_relay_packet::MAX_DATAGRAM),
        },
        _ => {
            for record in hop::records(datagram).flatten() {
                if let Downlink::Send { client, .. } = downlink(&view, site.pod, &record) {
                    assert_eq!(client, site.client);
                }
            }
        }
    }
    assert_eq!(site.flows.len(), 1);
});
