//! Who may go on from an export, and how far it leaps.

use antiphon_media::call_export::{
    CallState, Clock, Edition, Export, LEAP, LONGEST_AGE_MS, MOST_UNHEARD_LEAPS, Snapshot, Uninheritable,
};
use antiphon_media::dtls_records;
use antiphon_media::srtp::{Opening, Profile, Receiver, Sender};
use proptest::prelude::*;

use crate::owner::{Owner, START_US, rtp};
use crate::registry::{Fate, Registry};
use crate::typical::{NOON_MS, SSRC, call, export, one_channel, srtp_keys};

const ERROR_MS: u64 = 500;

fn clock(now_ms: u64) -> Clock {
    Clock { now_ms, error_ms: ERROR_MS }
}

fn inherited(call: CallState, is_final: bool) -> Result<antiphon_media::call_export::Inheritance, Uninheritable> {
    let snapshot = Snapshot { exported_at_ms: NOON_MS, is_final, call };
    Export { edition: Edition { generation: 2, serial: 41 }, snapshot }.inherit(clock(NOON_MS + 3_000))
}

#[test]
fn everything_leaps_and_the_rest_stays() {
    let before = call(Some(one_channel()));
    let heir = inherited(before.clone(), false).unwrap();
    assert_eq!(heir.edition, Edition { generation: 3, serial: 0 });
    assert_eq!(heir.elapsed_ms, 3_500);
    assert_eq!((heir.origin, heir.speech), (before.origin, before.media.speech));
    assert_eq!((heir.srtp.receiver, heir.srtp.unheard_leaps), (before.media.receiver, 1));
    assert_eq!(heir.records.receiver, before.connection.receiver);

    let sender = Sender::resume(&heir.srtp.keys, heir.srtp.sender).state().streams[0];
    let exported = before.media.sender.streams[0];
    assert_eq!(sender.next_rtp_index, exported.next_rtp_index + u64::from(LEAP.packets));
    assert_eq!(sender.next_rtcp_index, exported.next_rtcp_index + LEAP.packets);
    let records = dtls_records::Sender::resume(&heir.records.session, heir.records.sender).unwrap();
    assert_eq!(records.state().next_sequence, before.connection.sender.next_sequence + LEAP.records);
    assert!(heir.data.is_some());
}

#[test]
fn a_final_export_leaps_over_nothing() {
    let before = call(Some(one_channel()));
    let heir = inherited(before.clone(), true).unwrap();
    let sender = Sender::resume(&heir.srtp.keys, heir.srtp.sender).state().streams[0];
    assert_eq!(sender, before.media.sender.streams[0]);
    let records = dtls_records::Sender::resume(&heir.records.session, heir.records.sender).unwrap();
    assert_eq!(records.state(), before.connection.sender);
    assert_eq!(heir.srtp.unheard_leaps, 0);
}

#[test]
fn an_export_that_is_too_old_or_of_the_future_is_refused() {
    let at = |now_ms: u64| export(call(None)).inherit(clock(now_ms)).map(|heir| heir.elapsed_ms);
    assert_eq!(at(NOON_MS), Ok(ERROR_MS));
    assert_eq!(at(NOON_MS - ERROR_MS), Ok(0));
    assert_eq!(at(NOON_MS - ERROR_MS - 1), Err(Uninheritable::FromTheFuture));
    assert_eq!(at(NOON_MS + LONGEST_AGE_MS - ERROR_MS), Ok(LONGEST_AGE_MS));
    assert_eq!(at(NOON_MS + LONGEST_AGE_MS - ERROR_MS + 1), Err(Uninheritable::TooOld));
}

#[test]
fn states_that_are_none_are_refused_with_their_reason() {
    let mut twice = call(None);
    twice.media.sender.streams.push(twice.media.sender.streams[0]);
    assert_eq!(inherited(twice, false).err(), Some(Uninheritable::BadSrtp));
    let mut exhausted = call(None);
    exhausted.connection.sender.next_sequence = dtls_records::SEQUENCE_END + 1;
    assert_eq!(inherited(exhausted, false).err(), Some(Uninheritable::BadRecords));
    let mut unreliable = call(Some(one_channel()));
    unreliable.data.as_mut().unwrap().channels.association.extensions.partial_reliability = false;
    assert_eq!(inherited(unreliable.clone(), false).err(), Some(Uninheritable::BadChannels));
    assert!(inherited(unreliable, true).is_ok());
    for field in 0..4 {
        let mut unbounded = call(Some(one_channel()));
        let sctp = &mut unbounded.data.as_mut().unwrap().config.sctp;
        let bounds =
            [&mut sctp.longest_packet, &mut sctp.largest_message, &mut sctp.receive_window, &mut sctp.largest_backlog];
        *bounds.into_iter().nth(field).unwrap() = 1 << 40;
        assert_eq!(inherited(unbounded, true).err(), Some(Uninheritable::BadChannels), "{field}");
    }
    let mut last = export(call(None));
    last.edition.generation = u32::MAX;
    assert_eq!(last.inherit(clock(NOON_MS)).err(), Some(Uninheritable::GenerationsExhausted));
}

#[test]
fn the_client_follows_three_leaps_that_it_did_not_hear_and_many_lost_packets_before_and_no_fourth_is_made() {
    for (profile, first_sequence) in Profile::ALL.into_iter().flat_map(|profile| [(profile, 7), (profile, 32_767)]) {
        for has_heard in [true, false] {
            let (ours, theirs) = (srtp_keys(profile, true), srtp_keys(profile, false));
            let mut owner = Sender::new(&ours, &[Opening { ssrc: SSRC, first_sequence }]).unwrap();
            let mut client = Receiver::new(&theirs);
            let send = |owner: &mut Sender| {
                let mut packet = rtp(SSRC, 1);
                (owner.protect_rtp(&mut packet).unwrap(), packet)
            };
            if has_heard {
                let (index, mut packet) = send(&mut owner);
                assert_eq!(client.unprotect_rtp(&mut packet), Ok(index));
            }
            for _ in 0..LEAP.packets - 2 {
                send(&mut owner);
            }
            let mut state = call(None);
            (state.media.keys, state.media.sender) = (ours.clone(), owner.state());
            for _ in 0..MOST_UNHEARD_LEAPS {
                let heir = inherited(state.clone(), false).unwrap();
                owner = Sender::resume(&ours, heir.srtp.sender);
                (state.media.sender, state.media.unheard_leaps) = (owner.state(), heir.srtp.unheard_leaps);
            }
            assert_eq!(inherited(state, false).err(), Some(Uninheritable::TooManyLeaps));
            let (index, mut packet) = send(&mut owner);
            assert_eq!(client.unprotect_rtp(&mut packet), Ok(index));
        }
    }
}

/// What a heir of a wrong leap would repeat: the last numbers that its predecessor may use.
#[test]
fn an_owner_that_uses_all_that_it_may_ends_where_its_heir_begins() {
    for profile in Profile::ALL {
        let mut owner = Owner::first(profile, 60_000 - 32_768);
        let (mut registry, mut client) = (Registry::default(), crate::client::Client::new(profile, 1));
        owner.channels.connect();
        client.channels.connect();
        let mut now_us = START_US;
        for _ in 0..100 {
            now_us += 10_000;
            for sent in owner.transmit(now_us) {
                client.hear_record(now_us, &sent.record);
            }
            for record in client.transmit(now_us) {
                owner.hear_record(now_us, &record);
            }
        }
        owner.channels.open_negotiated(1, antiphon_media::data_channel::Opening::default()).unwrap();
        let (offer, sealed) = owner.export(now_us).unwrap();
        owner.tenure.settle(offer.replacement.offered, registry.store(offer, sealed, Fate::Stored).unwrap());

        let last_packet = std::iter::from_fn(|| owner.rtp()).last().unwrap().0;
        let last_report = std::iter::from_fn(|| owner.rtcp()).last().unwrap().0;
        let mut last_tsn = 0;
        for number in 0..=u64::from(LEAP.tsns) {
            if owner.tenure.covers(owner.channels.association().next_tsn()) {
                last_tsn = owner.channels.association().next_tsn().wrapping_sub(1);
                assert!(owner.say(now_us, number));
            }
        }

        let export = Owner::opened(registry.read().unwrap(), &owner.pod).unwrap();
        let heir = Owner::heir("pod-1".into(), export, clock(NOON_MS + 1_000), 0, now_us);
        let (mut heir, offer, sealed) = heir.unwrap();
        assert!(heir.rtp().is_none(), "before its claim is stored");
        heir.tenure.settle(offer.replacement.offered, registry.store(offer, sealed, Fate::Stored).unwrap());
        assert_eq!(heir.rtp().unwrap().0, last_packet + 1);
        assert_eq!(heir.rtcp().unwrap().0, last_report + 1);
        assert_eq!(heir.channels.association().next_tsn(), last_tsn.wrapping_add(1));
        assert_eq!(registry.edition(), Some(Edition { generation: 1, serial: 0 }));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rtp_time_never_goes_back_however_clocks_differ(
        true_ms in 0..LONGEST_AGE_MS - 2 * ERROR_MS,
        ahead_ms in -ERROR_MS.cast_signed()..=ERROR_MS.cast_signed(),
    ) {
        let now_ms = (NOON_MS + true_ms).checked_add_signed(ahead_ms).unwrap();
        let elapsed_ms = export(call(None)).inherit(clock(now_ms)).unwrap().elapsed_ms;
        prop_assert!((true_ms..=true_ms + 2 * ERROR_MS).contains(&elapsed_ms));
    }
}
