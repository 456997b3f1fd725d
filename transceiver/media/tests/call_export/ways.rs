//! ICE goes on: the addresses, the way back to them, and consent.

use std::net::SocketAddr;

use antiphon_media::ice::{Credentials, IceLite, IceState, RestartState, Timeout, Timers};
use antiphon_media::inbox::{Inbox, Kind};
use antiphon_media::pairs::MAX_CHECKED;
use antiphon_media::switchboard::Switchboard;
use antiphon_wire::hop::{Record, records};
use proptest::prelude::*;

use crate::typical::ice;

const TIMERS: Timers = Timers { setup_window_ms: 15_000, consent_ms: 30_000 };
const NOW_MS: u64 = 77_000;

fn resumed(elapsed_ms: u64) -> IceLite {
    IceLite::resume(ice(), TIMERS, NOW_MS, elapsed_ms)
}

#[test]
fn the_next_owner_sends_where_the_last_one_sent_at_once() {
    let mut site = Switchboard::new(TIMERS, Inbox::new(64, 1024));
    let handle = site.resume_call(NOW_MS, 7, ice(), 3_000).unwrap();
    assert_eq!(site.address_of(handle), ice().selected);
    assert!(site.send(handle, &[0x80; 20]));
    let datagram = site.datagrams().remove(0);
    let path = &ice().pairs[1].path;
    assert_eq!(datagram.relay, path.relay);
    let record = records(&datagram.bytes).next().unwrap().unwrap();
    let expected = Record {
        route: 7,
        client: ice().selected.unwrap(),
        local_index: path.local_index,
        no_pack: false,
        tlvs: &path.tlvs,
        payload: &[0x80; 20],
    };
    assert_eq!(record, expected);
}

#[test]
fn what_comes_from_the_checked_addresses_is_let_in_and_from_no_other() {
    let mut site = Switchboard::new(TIMERS, Inbox::new(64, 1024));
    let path = ice().pairs[0].path.clone();
    site.set_relays([path.relay]);
    let handle = site.resume_call(NOW_MS, 7, ice(), 3_000).unwrap();
    for (client, is_known) in [(ice().pairs[0].client, true), ("192.0.2.99:1".parse().unwrap(), false)] {
        let mut bytes = Vec::new();
        path.record(7, client, &[0x80; 20]).encode_into(&mut bytes);
        site.receive(NOW_MS, NOW_MS * 1_000, path.relay, &bytes);
        let kinds: Vec<_> = site.deliveries(9).into_iter().map(|delivery| (delivery.handle, delivery.kind)).collect();
        assert_eq!(kinds, if is_known { vec![(handle, Kind::Rtp)] } else { vec![] });
    }
}

#[test]
fn a_call_that_lives_here_keeps_its_ufrag_and_its_address() {
    let mut site = Switchboard::new(TIMERS, Inbox::new(64, 1024));
    let first = site.resume_call(NOW_MS, 7, ice(), 0).unwrap();
    assert!(site.resume_call(NOW_MS, 7, ice(), 0).is_err());
    let mut other = ice();
    other.credentials.ufrag = "1another".into();
    let second = site.resume_call(NOW_MS, 8, other, 0).unwrap();
    assert_eq!((site.address_of(first), site.address_of(second)), (ice().selected, None));
    site.remove_call(first);
    assert!(site.resume_call(NOW_MS, 7, ice(), 0).is_ok());
}

#[test]
fn consent_is_never_younger_than_it_was() {
    let mut agent = resumed(3_000);
    let end_ms = NOW_MS + ice().consent_left_ms - 3_000;
    assert_eq!(agent.deadline_ms(), Some(end_ms));
    assert_eq!(agent.expire(end_ms - 1), None);
    assert_eq!(agent.expire(end_ms), Some(Timeout::Consent));
    let mut stretched = ice();
    stretched.consent_left_ms = u64::MAX;
    let agent = IceLite::resume(stretched, TIMERS, NOW_MS, 0);
    assert_eq!(agent.deadline_ms(), Some(NOW_MS + TIMERS.consent_ms));
}

#[test]
fn without_consent_nothing_is_sent_before_the_next_check() {
    let mut agent = resumed(29_000);
    assert!(agent.destination().is_none());
    assert_eq!(agent.checked_clients().count(), 2);
    assert_eq!(agent.expire(NOW_MS + TIMERS.setup_window_ms - 1), None);
    assert_eq!(agent.expire(NOW_MS + TIMERS.setup_window_ms), Some(Timeout::Consent));
}

#[test]
fn a_restart_that_is_under_way_goes_on() {
    let mut state = ice();
    let credentials = Credentials { ufrag: "1another".into(), ..ice().credentials };
    state.restart = Some(RestartState { credentials, left_ms: 12_000 });
    let agent = IceLite::resume(state.clone(), TIMERS, NOW_MS, 2_000);
    assert_eq!(agent.ufrags().collect::<Vec<_>>(), [&ice().credentials.ufrag, "1another"]);
    assert_eq!(agent.state(NOW_MS).unwrap().restart.unwrap().left_ms, 10_000);
    let mut site = Switchboard::new(TIMERS, Inbox::new(64, 1024));
    let handle = site.resume_call(NOW_MS, 7, state.clone(), 0).unwrap();
    let mut other = ice();
    other.credentials.ufrag = "1another".into();
    assert!(site.resume_call(NOW_MS, 8, other.clone(), 0).is_err());
    site.remove_call(handle);
    assert!(site.resume_call(NOW_MS, 8, other, 0).is_ok());
}

#[test]
fn a_call_goes_from_owner_to_owner_unchanged() {
    let first = resumed(1_000);
    let state = first.state(NOW_MS + 2_000).unwrap();
    let IceState { credentials, pairs, selected, consent_left_ms, restart } = &state;
    assert!(restart.is_none());
    assert_eq!((pairs, *selected, *consent_left_ms), (&ice().pairs, ice().selected, ice().consent_left_ms - 3_000));
    assert_eq!(credentials.password, ice().credentials.password);
    let debug = format!("{state:?}{pairs:?}");
    assert!(!debug.contains("203.0.113") && !debug.contains(&credentials.ufrag), "{debug}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_pairs_are_bounded_and_the_selected_one_stays(
        ports in prop::collection::vec(1..40_u16, 0..30),
        selected in prop::option::of(1..40_u16),
    ) {
        let address = |port: &u16| SocketAddr::new("192.0.2.1".parse().unwrap(), *port);
        let mut state = ice();
        let pair = state.pairs[0].clone();
        state.pairs = ports.iter().map(|port| antiphon_media::ice::CheckedPair { client: address(port), ..pair.clone() }).collect();
        state.selected = selected.as_ref().map(address);
        let agent = IceLite::resume(state, TIMERS, NOW_MS, 0);
        prop_assert!(agent.checked_clients().count() <= MAX_CHECKED);
        let is_known = selected.is_some_and(|selected| ports.contains(&selected));
        prop_assert_eq!(agent.destination().map(|(client, _)| client), selected.filter(|_| is_known).map(|port| address(&port)));
    }
}
