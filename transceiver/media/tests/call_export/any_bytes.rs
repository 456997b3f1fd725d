//! Whatever stands in the registry, and whatever a holder of the key may have sealed.

use antiphon_media::call_export::{Clock, Export, HEADER, Key, NONCE, Unreadable};
use antiphon_media::codec::Coding;
use antiphon_media::data_channel::DataChannels;
use antiphon_media::dtls_records;
use antiphon_media::ice::{IceLite, Timers};
use antiphon_media::receptions::Receptions;
use antiphon_media::srtp::{Receiver, Sender};
use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};
use proptest::prelude::*;

use crate::typical::{KEY, LABEL, NOON_MS, call, export, one_channel, opened, sealed, secrets};

const NONCE_BYTES: [u8; NONCE] = [9; NONCE];

fn cipher() -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(KEY.secret.into())
}

/// As `docs/wire-formats.md` has it.
fn header() -> Vec<u8> {
    let mut header = vec![1, KEY.id, 0, 0, 0, 2, 0, 0, 0, 41];
    header.extend(NONCE_BYTES);
    header
}

fn associated_data() -> Vec<u8> {
    let mut bytes = header();
    bytes.extend(LABEL.route.to_be_bytes());
    bytes.extend((LABEL.pod.len() as u32).to_be_bytes());
    bytes.extend(LABEL.pod.bytes().chain(LABEL.call_id.bytes()));
    bytes
}

/// Sealed by another hand.
fn sealed_by_hand(content: &[u8]) -> Vec<u8> {
    let mut content = content.to_vec();
    let tag = cipher().encrypt_inout_detached((&NONCE_BYTES).into(), &associated_data(), content.as_mut_slice().into());
    [header(), content, tag.unwrap().to_vec()].concat()
}

fn content(sealed: &[u8]) -> Vec<u8> {
    let (content, tag) = sealed[HEADER..].split_last_chunk::<16>().unwrap();
    let mut content = content.to_vec();
    let nonce = (&NONCE_BYTES).into();
    let buffer = content.as_mut_slice().into();
    cipher().decrypt_inout_detached(nonce, &associated_data(), buffer, tag.into()).unwrap();
    content
}

/// All parts of a heir, as far as the export allows them.
pub fn go_on_from(export: Export, now_ms: u64) {
    let Ok(heir) = export.inherit(Clock { now_ms, error_ms: 1_000 }) else { return };
    let timers = Timers { setup_window_ms: 15_000, consent_ms: 30_000 };
    let mut ice = IceLite::resume(heir.ice, timers, 5_000, heir.elapsed_ms);
    ice.expire(6_000);
    Sender::resume(&heir.srtp.keys, heir.srtp.sender);
    let _receiver = Receiver::resume(&heir.srtp.keys, heir.srtp.receiver);
    let _records = dtls_records::Sender::resume(&heir.records.session, heir.records.sender);
    let _opener = dtls_records::Receiver::new(&heir.records.session, heir.records.receiver);
    Receptions::resume(Coding::Opus.clock_rate(), heir.speech.reception);
    if let Some((config, inherited)) = heir.data
        && let Ok(mut channels) = DataChannels::resume(5_000_000, config, secrets(9), inherited)
    {
        let mut packets = 0;
        while channels.poll_transmit(5_000_000).is_some() && packets < 2_000 {
            packets += 1;
        }
        channels.state(5_000_001);
    }
}

#[test]
fn a_call_sealed_by_another_hand_is_read() {
    let ours = sealed(&export(call(Some(one_channel()))));
    let content = content(&ours);
    assert_eq!(sealed_by_hand(&content), ours);
    assert_eq!(opened(&ours).snapshot.exported_at_ms, NOON_MS);
}

#[test]
fn nothing_may_follow_a_call_or_be_missing_of_it() {
    let mut content = content(&sealed(&export(call(Some(one_channel())))));
    for end in 0..content.len() {
        let outcome = Export::opened(&sealed_by_hand(&content[..end]), KEY, LABEL).map(|_| ());
        assert_eq!(outcome, Err(Unreadable::Malformed), "{end}");
    }
    content.push(0);
    let outcome = Export::opened(&sealed_by_hand(&content), KEY, LABEL).map(|_| ());
    assert_eq!(outcome, Err(Unreadable::Malformed));
}

#[test]
fn a_number_has_one_form_and_64_bits() {
    let content = content(&sealed(&export(call(None))));
    // The first is the time of the export.
    let length = content.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let with_number = |number: &[u8]| sealed_by_hand(&[number, &content[length..]].concat());
    let mut longer = content[..length].to_vec();
    longer[length - 1] |= 0x80;
    longer.push(0);
    let highest = [[0xff; 9].as_slice(), &[1]].concat();
    let beyond = [[0xff; 9].as_slice(), &[2]].concat();
    let endless = [0x80; 11];
    for (number, expected) in [
        (&content[..length], Ok(NOON_MS)),
        (&highest, Ok(u64::MAX)),
        (&longer, Err(Unreadable::Malformed)),
        (&beyond, Err(Unreadable::Malformed)),
        (&endless, Err(Unreadable::Malformed)),
    ] {
        let outcome = Export::opened(&with_number(number), KEY, LABEL);
        assert_eq!(outcome.map(|export| export.snapshot.exported_at_ms), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_of_nobody_are_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        id: u8,
        version in prop_oneof![Just(1_u8), any::<u8>()],
    ) {
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() {
            *first = version;
        }
        let key = Key { id, ..KEY };
        prop_assert!(Export::opened(&bytes, key, LABEL).is_err());
    }

    #[test]
    fn an_authentic_call_that_was_changed_is_refused_or_read_as_it_stands(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut content = content(&sealed(&export(call(Some(one_channel())))));
        for (at, byte) in changes {
            let at = at.index(content.len());
            content[at] = byte;
        }
        let sealed_again = sealed_by_hand(&content);
        if let Ok(export) = Export::opened(&sealed_again, KEY, LABEL) {
            prop_assert_eq!(sealed(&export), sealed_again);
            let now_ms = export.snapshot.exported_at_ms;
            go_on_from(export, now_ms);
        }
    }

    #[test]
    fn authentic_bytes_of_any_kind_are_refused_or_read_as_they_stand(
        content in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let sealed_bytes = sealed_by_hand(&content);
        if let Ok(export) = Export::opened(&sealed_bytes, KEY, LABEL) {
            prop_assert_eq!(sealed(&export), sealed_bytes);
        }
    }
}
