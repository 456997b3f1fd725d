//! Which relay a call's datagrams go back through: the one whose last datagram was authentic.

use antiphon_media::counters::Tally;
use antiphon_media::pairs::IN_USE;
use antiphon_wire::hop::Record;

use crate::site::{ROUTE, Site, check, client, nomination, relay, rtp};

fn sent_through(site: &mut Site, handle: u64) -> (std::net::SocketAddr, u8) {
    site.returned();
    assert!(site.board.send(handle, &rtp(0)));
    let returned = site.returned();
    (returned[0].relay, returned[0].local_index)
}

#[test]
fn a_check_through_another_relay_takes_the_return_path_there() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &check(1));
    assert_eq!(sent_through(&mut site, handle), (relay(0), 0));
    site.receive(relay(1), client(1), &check(2));
    assert_eq!(sent_through(&mut site, handle), (relay(1), 0));
}

#[test]
fn a_repeated_check_through_another_relay_is_answered_there_and_takes_nothing() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &check(1));
    site.returned();
    site.receive(relay(1), client(1), &check(1));
    assert_eq!(site.returned()[0].relay, relay(1));
    assert_eq!(sent_through(&mut site, handle), (relay(0), 0));
}

#[test]
fn media_through_another_relay_moves_the_return_path_only_when_it_was_authentic() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &check(1));
    site.receive(relay(0), client(1), &rtp(1));
    assert_eq!(site.deliveries().last().unwrap().via, IN_USE);
    let packet = rtp(2);
    let record =
        Record { route: ROUTE, client: client(1), local_index: 5, no_pack: false, tlvs: &[], payload: &packet };
    site.receive_record(relay(2), &record);
    let via = site.deliveries()[0].via;
    assert_ne!(via, IN_USE);
    assert_eq!(sent_through(&mut site, handle), (relay(0), 0));
    site.board.adopt(handle, via);
    assert_eq!(sent_through(&mut site, handle), (relay(2), 5));
    site.receive_record(relay(2), &record);
    assert_eq!(site.deliveries()[0].via, IN_USE);
    assert_eq!(site.board.counters().tally(Tally::PathsAdopted), 1);
}

#[test]
fn the_same_other_path_keeps_its_name_until_it_is_replaced() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &check(1));
    site.deliveries();
    for through in [1, 1, 2] {
        site.receive(relay(through), client(1), &rtp(1));
    }
    let vias: Vec<_> = site.deliveries().iter().map(|delivery| delivery.via).collect();
    assert_eq!(vias[0], vias[1]);
    assert_ne!(vias[1], vias[2]);
    // Relay 1's was replaced by relay 2's: adopting it is too late, and harmless.
    site.board.adopt(handle, vias[0]);
    site.board.adopt(handle, IN_USE);
    site.board.adopt(handle + 1, vias[2]);
    assert_eq!(sent_through(&mut site, handle), (relay(0), 0));
}

#[test]
fn each_checked_address_has_its_own_return_path() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &nomination(1));
    site.receive(relay(1), client(2), &check(2));
    assert_eq!(sent_through(&mut site, handle), (relay(0), 0));
    site.receive(relay(1), client(2), &nomination(3));
    assert_eq!(sent_through(&mut site, handle), (relay(1), 0));
}
