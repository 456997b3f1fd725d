//! Which relay a call's datagrams go back through: the one whose last datagram was authentic.

use antiphon_media::counters::Tally;
use antiphon_media::pairs::IN_USE;
use antiphon_media::switchboard::REPEATED;
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

/// The beginning of a DTLS record: application data, version 1.2.
const DTLS: [u8; 16] = [23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 1, 0, 3, 1, 2, 3];

fn payloads_through(site: &mut Site, through: std::net::SocketAddr) -> Vec<Vec<u8>> {
    let returned = site.returned();
    returned.into_iter().filter(|one| one.relay == through).map(|one| one.payload).collect()
}

#[test]
fn what_the_old_relay_may_not_have_delivered_is_sent_again_through_the_new_one() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &check(1));
    let sent: Vec<_> = (0..10).map(rtp).collect();
    for packet in &sent {
        assert!(site.board.send_rtp(0, handle, packet));
        assert!(site.board.send(handle, &DTLS), "repeats itself");
    }
    site.returned();
    site.deliveries();
    site.receive(relay(1), client(1), &rtp(9));
    let via = site.deliveries()[0].via;
    assert!(site.returned().is_empty());
    site.board.adopt(handle, via);
    assert_eq!(payloads_through(&mut site, relay(1)), sent[sent.len() - usize::from(REPEATED)..]);
    assert_eq!(site.board.counters().tally(Tally::RepeatedRecords), u64::from(REPEATED));
    // Once: the same way again changes nothing.
    site.receive(relay(1), client(1), &rtp(10));
    assert!(site.returned().is_empty());
}

#[test]
fn a_check_that_moves_the_way_back_repeats_too_and_another_address_that_is_not_nominated_does_not() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &nomination(1));
    assert!(site.board.send_rtp(0, handle, &rtp(0)));
    site.returned();
    site.receive(relay(1), client(2), &check(2));
    assert_eq!(site.returned().len(), 1, "the answer to the check alone");
    site.receive(relay(1), client(1), &check(3));
    assert!(payloads_through(&mut site, relay(1)).contains(&rtp(0)));
}

#[test]
fn the_first_way_of_all_has_nothing_to_repeat() {
    let (mut site, handle) = Site::with_call();
    assert!(!site.board.send_rtp(0, handle, &rtp(0)), "no address yet");
    site.receive(relay(0), client(1), &check(1));
    assert_eq!(site.returned().len(), 1);
}
