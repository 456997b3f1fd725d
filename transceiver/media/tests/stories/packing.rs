//! What waits together for one relay travels together.

use antiphon_media::counters::{DropReason, Tally};
use antiphon_media::outbox::MAX_WAITING;
use antiphon_wire::hop::{self, HEADER_LEN, MAX_PACKED, Record};
use proptest::prelude::*;

use crate::site::{Binding, ROUTE, Site, check, client, relay, rtp};

#[test]
fn a_burst_to_one_relay_shares_datagrams_up_to_the_limit() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &check(1));
    site.returned();
    for _ in 0..20 {
        assert!(site.board.send(handle, &[0x80; 172]));
    }
    let datagrams = site.board.datagrams();
    assert_eq!(datagrams.iter().map(|datagram| datagram.records).collect::<Vec<_>>(), [7, 7, 6]);
    for datagram in datagrams {
        assert!(datagram.bytes.len() <= MAX_PACKED);
        assert_eq!(hop::records(&datagram.bytes).flatten().count(), datagram.records);
    }
}

#[test]
fn calls_on_different_relays_do_not_share() {
    let (mut site, first) = Site::with_call();
    let second = site.add_call(1);
    site.receive(relay(0), client(1), &check(1));
    site.receive(relay(1), client(2), &Binding { id: 2, call: 1, ..Binding::default() }.bytes());
    site.returned();
    for handle in [first, second, first, second] {
        site.board.send(handle, &rtp(1));
    }
    let datagrams = site.board.datagrams();
    let relays: Vec<_> = datagrams.iter().map(|datagram| (datagram.relay, datagram.records)).collect();
    assert_eq!(relays, [(relay(0), 2), (relay(1), 2)]);
}

#[test]
fn a_relay_that_cannot_unpack_gets_one_record_a_datagram() {
    let (mut site, handle) = Site::with_call();
    let payload = check(1);
    let record =
        Record { route: ROUTE, client: client(1), local_index: 0, no_pack: true, tlvs: &[], payload: &payload };
    site.receive_record(relay(0), &record);
    site.returned();
    for sequence in 0..5 {
        site.board.send(handle, &rtp(sequence));
    }
    assert!(site.board.datagrams().iter().all(|datagram| datagram.records == 1));
}

#[test]
fn a_record_that_travels_alone_is_not_overtaken() {
    let (mut site, handle) = Site::with_call();
    for (id, no_pack) in [(1, false), (2, true), (3, false)] {
        let payload = check(id);
        let record = Record { route: ROUTE, client: client(1), local_index: 0, no_pack, tlvs: &[], payload: &payload };
        site.receive_record(relay(0), &record);
        site.board.send(handle, &rtp(u16::try_from(id).unwrap()));
    }
    let media: Vec<_> = site.returned().into_iter().map(|record| record.payload).filter(|it| it[0] == 0x80).collect();
    assert_eq!(media, [rtp(1), rtp(2), rtp(3)]);
}

#[test]
fn a_lone_record_may_be_longer_than_a_packed_datagram_and_is_counted() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &check(1));
    site.returned();
    assert!(site.board.send(handle, &rtp(1)));
    assert!(site.board.send(handle, &[0x80; MAX_PACKED]));
    let lengths: Vec<_> = site.board.datagrams().iter().map(|datagram| datagram.bytes.len()).collect();
    assert_eq!(lengths, [HEADER_LEN + rtp(1).len(), HEADER_LEN + MAX_PACKED]);
    assert_eq!(site.board.counters().tally(Tally::OversizedRecords), 1);
    assert!(!site.board.send(handle, &vec![0x80; 70_000]));
    assert_eq!(site.dropped(DropReason::SendTooLong), 1);
}

#[test]
fn a_socket_that_takes_nothing_bounds_what_waits_for_it() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &check(1));
    site.returned();
    for _ in 0..MAX_WAITING {
        assert!(site.board.send(handle, &rtp(1)));
    }
    assert!(!site.board.send(handle, &rtp(1)));
    assert_eq!(site.dropped(DropReason::SendQueueFull), 1);
}

#[test]
fn what_is_put_back_counts_and_the_newest_makes_room_for_it() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &check(1));
    site.returned();
    assert!((0..10).all(|number| site.board.send(handle, &rtp(number))));
    let unsent = site.board.datagrams();
    assert!(!site.board.is_held_up());
    // Meanwhile others fill what it left.
    assert!((0..MAX_WAITING).all(|_| site.board.send(handle, &rtp(99))));
    site.board.put_back(unsent);
    assert!(site.board.is_held_up() && site.board.has_datagrams());
    assert_eq!(site.dropped(DropReason::SendQueueFull), 10);
    assert!(!site.board.send(handle, &rtp(100)));
    let returned = site.returned();
    assert_eq!(returned.len(), MAX_WAITING);
    let first: Vec<_> = returned.iter().take(11).map(|record| record.payload.clone()).collect();
    assert_eq!(first, (0..10).chain([99]).map(rtp).collect::<Vec<_>>());
    assert!(!site.board.is_held_up() && !site.board.has_datagrams());
    assert!(site.board.send(handle, &rtp(1)));
}

#[test]
fn before_the_first_check_there_is_nowhere_to_send() {
    let (mut site, handle) = Site::with_call();
    assert!(!site.board.send(handle, &rtp(1)));
    assert_eq!(site.dropped(DropReason::SendNoAddress), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_socket_that_takes_some_gets_the_rest_in_order(
        rounds in prop::collection::vec((prop::collection::vec((0..4_u16, 0..900_usize), 0..20), 0..6_usize), 0..20),
    ) {
        let mut site = Site::new();
        let handles: Vec<_> = (0..4).map(|number| site.add_call(number)).collect();
        for number in 0..4_u16 {
            let payload = Binding { id: number.into(), call: number.into(), ..Binding::default() }.bytes();
            site.receive(relay(number / 2), client(number), &payload);
        }
        site.returned();
        // By relay: what it is to get, and what it got.
        let (mut sent, mut arrived) = (vec![vec![]; 2], vec![vec![]; 2]);
        let mut count = 0_u16;
        let last = (vec![], usize::MAX);
        for (sends, takes) in rounds.into_iter().chain([last]) {
            for (call, length) in sends {
                count += 1;
                let payload = [&rtp(count)[..], &vec![0; length]].concat();
                prop_assert!(site.board.send(handles[usize::from(call)], &payload));
                sent[usize::from(call / 2)].push(payload);
            }
            let mut taken = site.board.datagrams();
            let unsent = taken.split_off(takes.min(taken.len()));
            let is_held_up = !unsent.is_empty();
            site.board.put_back(unsent);
            prop_assert_eq!((site.board.is_held_up(), site.board.has_datagrams()), (is_held_up, is_held_up));
            for datagram in taken {
                let records = hop::records(&datagram.bytes).map(|record| record.unwrap().payload.to_vec());
                arrived[usize::from(datagram.relay.port() - relay(0).port())].extend(records);
            }
        }
        prop_assert_eq!(arrived, sent);
        prop_assert_eq!(site.all_drops(), 0);
    }

    #[test]
    fn packing_keeps_every_record_and_each_calls_order(
        sends in prop::collection::vec((0..4_u32, 0..1500_usize), 0..120),
        unpackable in 0..4_u32,
    ) {
        let mut site = Site::new();
        let handles: Vec<_> = (0..4).map(|number| site.add_call(number)).collect();
        for number in 0..4_u16 {
            let payload = Binding { id: number.into(), call: number.into(), ..Binding::default() }.bytes();
            let no_pack = u32::from(number) == unpackable;
            let record = Record { route: ROUTE, client: client(number), local_index: 0, no_pack, tlvs: &[], payload: &payload };
            site.receive_record(relay(number / 2), &record);
        }
        site.returned();
        let mut sent: Vec<Vec<Vec<u8>>> = vec![vec![]; 4];
        for (at, (call, length)) in sends.iter().enumerate() {
            let payload = vec![u8::try_from(at).unwrap(); *length];
            prop_assert!(site.board.send(handles[*call as usize], &payload));
            sent[*call as usize].push(payload);
        }
        for number in 0..4_u16 {
            prop_assert_eq!(site.board.address_of(handles[usize::from(number)]), Some(client(number)));
        }
        let mut arrived: Vec<Vec<Vec<u8>>> = vec![vec![]; 4];
        for datagram in site.board.datagrams() {
            prop_assert!(datagram.records == 1 || datagram.bytes.len() <= MAX_PACKED);
            for record in hop::records(&datagram.bytes) {
                let record = record.unwrap();
                let call = usize::from(record.client.port() - client(0).port());
                prop_assert!(call != unpackable as usize || datagram.records == 1);
                arrived[call].push(record.payload.to_vec());
            }
        }
        prop_assert_eq!(arrived, sent);
    }
}
