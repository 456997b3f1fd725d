//! What is what, and whom it is taken from (RFC 7983, RFC 5761).

use antiphon_media::counters::DropReason;
use antiphon_media::demux::{Protocol, classify};
use antiphon_media::inbox::Kind;
use antiphon_wire::hop::Record;

use crate::site::{ROUTE, Site, check, client, dtls, relay, rtcp, rtp};

#[test]
fn the_first_byte_says_the_protocol_and_the_second_parts_rtp_from_rtcp() {
    let message = |first: u8, second: u8| [&[first, second][..], &[0; 30]].concat();
    for (first, second, expected) in [
        (0, 0, Ok(Protocol::Stun)),
        (3, 0, Ok(Protocol::Stun)),
        (4, 0, Err(DropReason::UnknownProtocol)),
        (19, 0, Err(DropReason::UnknownProtocol)),
        (20, 0, Ok(Protocol::Dtls)),
        (63, 0, Ok(Protocol::Dtls)),
        (64, 0, Err(DropReason::UnknownProtocol)),
        (127, 0, Err(DropReason::UnknownProtocol)),
        (128, 63, Ok(Protocol::Rtp)),
        (128, 128 + 111, Ok(Protocol::Rtp)),
        (128, 192, Ok(Protocol::Rtcp)),
        (191, 223, Ok(Protocol::Rtcp)),
        (191, 224, Ok(Protocol::Rtp)),
        (192, 0, Err(DropReason::UnknownProtocol)),
        (255, 0, Err(DropReason::UnknownProtocol)),
    ] {
        assert_eq!(classify(&message(first, second)), expected, "{first} {second}");
    }
}

#[test]
fn what_is_shorter_than_its_header_is_dropped() {
    for (payload, shortest) in [(dtls(), 13), (rtp(1), 12), (rtcp(), 8)] {
        assert_eq!(classify(&payload[..shortest - 1]), Err(DropReason::TooShort));
        assert!(classify(&payload[..shortest]).is_ok());
    }
    assert_eq!(classify(&[]), Err(DropReason::TooShort));
}

#[test]
fn a_checked_address_delivers_dtls_rtp_and_rtcp() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &check(1));
    for (payload, kind) in [(dtls(), Kind::Dtls), (rtp(1), Kind::Rtp), (rtcp(), Kind::Rtcp)] {
        site.deliveries();
        site.receive(relay(0), client(1), &payload);
        let deliveries = site.deliveries();
        assert_eq!((deliveries[0].handle, deliveries[0].kind, &deliveries[0].payload), (handle, kind, &payload));
    }
}

#[test]
fn nothing_is_taken_from_an_unchecked_address() {
    let (mut site, _) = Site::with_call();
    site.receive(relay(0), client(1), &check(1));
    site.deliveries();
    for payload in [dtls(), rtp(1), rtcp()] {
        site.receive(relay(0), client(2), &payload);
    }
    assert_eq!(site.deliveries(), []);
    assert_eq!(site.dropped(DropReason::UncheckedAddress), 3);
}

#[test]
fn nothing_is_taken_from_a_stranger_on_the_hop() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(99), client(1), &check(1));
    assert_eq!(site.returned(), []);
    assert_eq!(site.board.address_of(handle), None);
    assert_eq!(site.dropped(DropReason::HopStranger), 1);
    site.board.set_relays([relay(99)]);
    site.receive(relay(99), client(1), &check(1));
    site.receive(relay(0), client(1), &check(2));
    assert_eq!(site.returned().len(), 1);
    assert_eq!(site.dropped(DropReason::HopStranger), 2);
}

#[test]
fn records_before_a_malformed_one_count() {
    let (mut site, handle) = Site::with_call();
    let payload = check(1);
    let mut datagram = Vec::new();
    Record { route: ROUTE, client: client(1), local_index: 0, no_pack: false, tlvs: &[], payload: &payload }
        .encode_into(&mut datagram);
    datagram.extend([0xFF; 40]);
    site.board.receive(site.now_ms, 0, relay(0), &datagram);
    assert_eq!(site.board.address_of(handle), Some(client(1)));
    assert_eq!(site.dropped(DropReason::HopMalformed), 1);
}
