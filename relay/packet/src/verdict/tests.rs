use antiphon_wire::stun::{Class, Encoder};
use antiphon_wire::ticket::Ticket;
use proptest::prelude::*;

use super::site::{
    CLUSTER, LOST_ROUTE, OTHER_ROUTE, ROUTE, Site, address, forward, key, open, pod_of, record, request, request_with,
    ring, table,
};
use super::{Downlink, Uplink};
use crate::MAX_DATAGRAM;
use crate::drop_reason::DropReason;
use crate::routes::Routes;

const CLIENT: &str = "192.0.2.1:5000";
const STRANGER: &str = "198.51.100.1:6000";
const RTP: &[u8] = &[0x80, 111, 0, 1];
const DTLS: &[u8] = &[22, 254, 253, 0];

fn dropped(reason: DropReason) -> Uplink {
    Uplink::Drop(reason)
}

/// A site where [`CLIENT`] has a flow to the first pod.
fn with_flow() -> Site {
    let site = Site::new();
    assert_eq!(site.up(CLIENT, &request(&site.mint(ROUTE, 1))), open(ROUTE));
    site
}

#[test]
fn an_authenticated_request_opens_a_flow_and_everything_follows_it() {
    let site = with_flow();
    for datagram in [RTP, DTLS, &[0x01, 0x01], &[64, 0], &[255]] {
        assert_eq!(site.up(CLIENT, datagram), forward(ROUTE));
    }
    let sent = Downlink::Send { local_index: 0, client: address(CLIENT) };
    assert_eq!(site.answer(ROUTE, CLIENT), sent);
}

#[test]
fn nothing_but_an_authenticated_request_opens_a_flow() {
    let site = Site::new();
    let good = site.mint(ROUTE, 1);
    let expired = site.mint_ticket(Ticket { cluster_id: CLUSTER, route: ROUTE, expires_at: 1_794_990_000, nonce: 2 });
    let foreign = site.mint_ticket(Ticket {
        cluster_id: CLUSTER + 1,
        route: ROUTE,
        expires_at: site.now.unix_s() + 60,
        nonce: 3,
    });
    let retired = Site { keys: ring(b'B', 7), ..Site::new() }.mint(ROUTE, 4);
    let forged = Site { keys: ring(b'A', 8), ..Site::new() }.mint(ROUTE, 5);
    let whole = request(&good);
    let response = Encoder::new(Class::Success, [9; 12]).finish(good.password.as_bytes());
    let indication = Encoder::new(Class::Indication, [9; 12]).finish_unprotected();
    let anonymous = Encoder::new(Class::Request, [9; 12]).finish(good.password.as_bytes());
    let unprotected =
        Encoder::new(Class::Request, [9; 12]).username(format!("{}:x", good.ufrag).as_bytes()).finish_unprotected();
    let mut bad_fingerprint = whole.clone();
    *bad_fingerprint.last_mut().unwrap() ^= 1;
    let rows: Vec<(&str, Vec<u8>, DropReason)> = vec![
        ("nothing at all", vec![], DropReason::Empty),
        ("more than a frame", vec![0; MAX_DATAGRAM + 1], DropReason::Oversized),
        ("DTLS before ICE", DTLS.to_vec(), DropReason::DtlsUnknownSource),
        ("a TURN channel", vec![64, 0, 0, 0], DropReason::UnknownProtocol),
        ("a request cut short", whole[..whole.len() - 1].to_vec(), DropReason::StunTruncated),
        ("a request with more behind", [&whole[..], &[0; 4]].concat(), DropReason::StunOversized),
        ("zeros", vec![0; 60], DropReason::StunBadCookie),
        ("a response", response, DropReason::StunNotRequest),
        ("an indication", indication, DropReason::StunNotRequest),
        ("a request without a name", anonymous, DropReason::StunWithoutUsername),
        ("a wrong fingerprint", bad_fingerprint, DropReason::StunBadFingerprint),
        ("a ufrag that is no ticket", request_with("abcd", "x"), DropReason::TicketMalformed),
        ("a ticket under an unknown key", request(&retired), DropReason::TicketUnknownKey),
        ("a forged ticket", request(&forged), DropReason::TicketForged),
        ("an expired ticket", request(&expired), DropReason::TicketExpired),
        ("another cluster's ticket", request(&foreign), DropReason::OtherCluster),
        ("a wrong password", request_with(&good.ufrag, "guessed"), DropReason::BadIntegrity),
        ("no MESSAGE-INTEGRITY", unprotected, DropReason::BadIntegrity),
        ("a route that nobody owns", request(&site.mint(64, 6)), DropReason::NoRoute),
        ("a lost pod's route", request(&site.mint(LOST_ROUTE, 7)), DropReason::RouteLost),
    ];
    for (name, datagram, reason) in rows {
        assert_eq!(site.up(STRANGER, &datagram), dropped(reason), "{name}");
        assert!(site.flows.is_empty(), "{name}");
    }
}

#[test]
fn media_of_an_unknown_source_is_looked_up() {
    assert_eq!(Site::new().up(STRANGER, RTP), Uplink::LookUp);
}

#[test]
fn a_good_ticket_of_another_route_rebinds_a_known_flow() {
    let site = with_flow();
    assert_eq!(site.up(CLIENT, &request(&site.mint(OTHER_ROUTE, 2))), forward(OTHER_ROUTE));
    assert_eq!(site.up(CLIENT, RTP), forward(OTHER_ROUTE));
    assert_eq!(site.flows.len(), 1);
    assert_eq!(site.answer(ROUTE, CLIENT), Downlink::Drop(DropReason::HopOtherRoute));
}

#[test]
fn on_a_known_flow_a_request_that_fails_a_check_rebinds_nothing() {
    let site = with_flow();
    let other = site.mint(OTHER_ROUTE, 2);
    let expired =
        site.mint_ticket(Ticket { cluster_id: CLUSTER, route: OTHER_ROUTE, expires_at: 1_794_990_000, nonce: 3 });
    let rows = [
        ("a wrong password", request_with(&other.ufrag, "guessed")),
        ("an expired ticket", request(&expired)),
        ("a lost pod's route", request(&site.mint(LOST_ROUTE, 4))),
        ("a request cut short", request(&other)[..40].to_vec()),
    ];
    for (name, datagram) in rows {
        assert_eq!(site.up(CLIENT, &datagram), forward(ROUTE), "{name}");
        assert_eq!(site.up(CLIENT, RTP), forward(ROUTE), "{name}");
    }
}

#[test]
fn a_clients_ticket_may_expire_or_lose_its_key_while_its_flow_lives() {
    let mut site = with_flow();
    let check = request(&site.mint(ROUTE, 1));
    site.keys = ring(b'B', 9);
    assert_eq!(site.up(CLIENT, &check), forward(ROUTE));
    assert_eq!(site.up(STRANGER, &check), dropped(DropReason::TicketUnknownKey));
}

#[test]
fn a_replay_from_ten_thousand_addresses_leaves_the_live_flow_alone() {
    let mut site = with_flow();
    let check = request(&site.mint(ROUTE, 1));
    site.answer(ROUTE, CLIENT);
    for source in 0..10_000_u32 {
        site.after(1);
        let [_, b, c, d] = source.to_be_bytes();
        site.up(&format!("10.{b}.{c}.{d}:6000"), &check);
        assert!(site.flows.len() <= 8);
    }
    assert_eq!(site.up(CLIENT, RTP), forward(ROUTE));
    assert_eq!(site.flows.len(), 8);
}

#[test]
fn two_tickets_behind_one_address_are_two_flows_by_port() {
    let site = with_flow();
    let neighbour = "192.0.2.1:5001";
    assert_eq!(site.up(neighbour, &request(&site.mint(OTHER_ROUTE, 2))), open(OTHER_ROUTE));
    assert_eq!(site.up(CLIENT, RTP), forward(ROUTE));
    assert_eq!(site.up(neighbour, RTP), forward(OTHER_ROUTE));
}

#[test]
fn one_prefix_cannot_open_flows_without_end() {
    let site = Site::limited(1000);
    let opened = (0..200_u32)
        .filter(|nonce| {
            let check = request(&site.mint(ROUTE, *nonce));
            site.up(&format!("192.0.2.{nonce}:5000"), &check) == open(ROUTE)
        })
        .count();
    assert_eq!(opened, 100);
    assert_eq!(site.up("192.0.2.250:1", &request(&site.mint(ROUTE, 999))), dropped(DropReason::FlowBudget));
}

#[test]
fn a_full_map_takes_no_more_and_serves_those_it_has() {
    let site = Site::limited(1);
    site.up(CLIENT, &request(&site.mint(ROUTE, 1)));
    assert_eq!(site.up(STRANGER, &request(&site.mint(ROUTE, 2))), dropped(DropReason::FlowsFull));
    assert_eq!(site.up(CLIENT, RTP), forward(ROUTE));
}

#[test]
fn a_moved_route_takes_its_flows_along() {
    let mut site = with_flow();
    let new = "127.0.0.1:7209";
    site.routes = Routes::new(table(new));
    assert_eq!(site.up(CLIENT, RTP), Uplink::Forward { route: ROUTE, to: address(new) });
    assert!(matches!(site.down(new, &record(ROUTE, CLIENT, RTP)), Downlink::Send { .. }));
    let of_the_old = site.down(pod_of(ROUTE), &record(ROUTE, CLIENT, RTP));
    assert_eq!(of_the_old, Downlink::Drop(DropReason::HopStranger));
}

#[test]
fn return_records_come_from_the_routes_owner_only() {
    let site = with_flow();
    let rows = [
        ("a stranger", STRANGER, ROUTE, CLIENT, RTP, DropReason::HopStranger),
        ("another pod, in the owner's name", pod_of(OTHER_ROUTE), ROUTE, CLIENT, RTP, DropReason::HopWrongOwner),
        ("another pod, in its own", pod_of(OTHER_ROUTE), OTHER_ROUTE, CLIENT, RTP, DropReason::HopOtherRoute),
        ("a client without a flow", pod_of(ROUTE), ROUTE, STRANGER, RTP, DropReason::HopNoFlow),
        ("an empty payload", pod_of(ROUTE), ROUTE, CLIENT, &[], DropReason::Empty),
        ("a huge payload", pod_of(ROUTE), ROUTE, CLIENT, &[0; MAX_DATAGRAM + 1], DropReason::Oversized),
    ];
    for (name, from, route, client, payload, reason) in rows {
        assert_eq!(site.down(from, &record(route, client, payload)), Downlink::Drop(reason), "{name}");
    }
}

#[test]
fn only_confirmed_flows_are_announced_and_again_when_rebound() {
    let mut site = with_flow();
    assert_eq!(site.flows.take_announcements(10), []);
    site.answer(ROUTE, CLIENT);
    site.answer(ROUTE, CLIENT);
    let announced = site.flows.take_announcements(10);
    assert_eq!(announced.iter().map(|flow| (flow.key, flow.route)).collect::<Vec<_>>(), [(key(CLIENT), ROUTE)]);
    site.after(10);
    site.up(CLIENT, &request(&site.mint(OTHER_ROUTE, 2)));
    site.answer(OTHER_ROUTE, CLIENT);
    let again = site.flows.take_announcements(10);
    assert_eq!(again.iter().map(|flow| flow.route).collect::<Vec<_>>(), [OTHER_ROUTE]);
    assert!(again[0].opened_unix_ms > announced[0].opened_unix_ms);
}

#[test]
fn the_flow_cache_never_overrules_what_a_client_said_later() {
    let site = with_flow();
    let opened = site.now.unix_ms;
    assert_eq!(site.flows.restore(key(CLIENT), OTHER_ROUTE, opened - 1, site.now), Ok(ROUTE));
    assert_eq!(site.flows.restore(key(CLIENT), OTHER_ROUTE, opened + 1, site.now), Ok(OTHER_ROUTE));
    assert_eq!(site.flows.restore(key(STRANGER), ROUTE, 0, site.now), Ok(ROUTE));
    assert_eq!(site.up(STRANGER, RTP), forward(ROUTE));
}

proptest! {
    #[test]
    fn no_datagram_from_a_stranger_opens_a_flow_or_panics(datagram in proptest::collection::vec(any::<u8>(), 0..1600)) {
        let site = Site::new();
        let verdict = site.up(STRANGER, &datagram);
        prop_assert!(matches!(verdict, Uplink::Drop(_) | Uplink::LookUp));
        prop_assert!(site.flows.is_empty());
    }

    /// What follows MESSAGE-INTEGRITY (here FINGERPRINT, 8 bytes) is not its to protect (RFC 8489 §14.5).
    #[test]
    fn no_changed_request_opens_a_flow(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let site = Site::new();
        let mut datagram = request(&site.mint(ROUTE, 1));
        let at = at.index(datagram.len() - 8);
        datagram[at] ^= flip;
        let verdict = site.up(STRANGER, &datagram);
        prop_assert!(matches!(verdict, Uplink::Drop(_) | Uplink::LookUp));
        prop_assert!(site.flows.is_empty());
    }
}
