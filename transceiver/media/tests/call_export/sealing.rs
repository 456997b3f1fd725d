//! What a sealed export costs, and who can open it.

use antiphon_media::call_export::{
    Edition, Export, HEADER, Header, Key, LONGEST_FORM, Label, NONCE, TooLong, Unreadable, VERSION,
};
use antiphon_wire::key_ring::{KeyRing, KeySpec};
use antiphon_wire::ticket::TicketError;
use proptest::prelude::*;

use crate::typical::{KEY, LABEL, NOON_MS, call, export, one_channel, opened, sealed};

#[test]
fn a_typical_call_with_a_data_channel_takes_less_than_2_kib() {
    let without = sealed(&export(call(None))).len();
    let with = sealed(&export(call(Some(one_channel())))).len();
    println!("a sealed export: {with} bytes, {without} without the data channel");
    assert!(with <= 2_048, "{with} bytes");
    assert!(with - without <= 256, "{} bytes for a data channel at rest", with - without);
}

#[test]
fn the_header_says_which_key_and_which_edition() {
    let sealed = sealed(&export(call(None)));
    let expected = Header { key_id: b'A', edition: Edition { generation: 2, serial: 41 } };
    assert_eq!(Header::of(&sealed), Ok(expected));
}

#[test]
fn what_was_sealed_with_another_nonce_has_nothing_in_common() {
    let export = export(call(None));
    let (first, second) = (sealed(&export), export.sealed(KEY, LABEL, &[10; NONCE]).unwrap());
    let same = first[HEADER..].iter().zip(&second[HEADER..]).filter(|(left, right)| left == right).count();
    assert!(same < first.len() / 16, "{same} of {}", first.len());
}

#[test]
fn nothing_of_it_can_be_read_without_the_key() {
    let sealed = sealed(&export(call(None)));
    for text in ["gpt-realtime", "F08qfcGUUt5yyA20mVxs3Obo", "agents-0a1b2c3d", "rtc_"] {
        assert!(!sealed.windows(text.len()).any(|window| window == text.as_bytes()), "{text}");
    }
}

#[test]
fn another_key_call_route_or_pod_opens_nothing() {
    let sealed = sealed(&export(call(Some(one_channel()))));
    let keys = [Key { secret: &[8; 32], ..KEY }];
    let labels = [
        Label { pod: "agents-0a1b2c3e", ..LABEL },
        Label { route: LABEL.route + 1, ..LABEL },
        Label { call_id: "rtc_AOUJku1ZGkKA6kBp1-9PzuQ", ..LABEL },
        // The same bytes one after the other.
        Label { pod: "agents-0a1b2c3drtc", call_id: "_AOUJku1ZGkKA6kBp1-9Pzuw", ..LABEL },
    ];
    let tries = keys.iter().map(|key| (*key, LABEL)).chain(labels.iter().map(|label| (KEY, *label)));
    for (key, label) in tries {
        assert_eq!(Export::opened(&sealed, key, label).map(|_| ()), Err(Unreadable::Unauthentic));
    }
}

#[test]
fn another_version_is_refused_before_anything_else() {
    let sealed = sealed(&export(call(None)));
    for version in (0..=u8::MAX).filter(|version| *version != VERSION) {
        let mut other = sealed.clone();
        other[0] = version;
        for length in [1 + 1, HEADER, other.len()] {
            let refused = Export::opened(&other[..length], KEY, LABEL).map(|_| ());
            assert_eq!(refused, Err(Unreadable::UnknownVersion(version)));
        }
    }
}

#[test]
fn what_is_too_long_is_neither_made_nor_looked_at() {
    let mut long = export(call(None));
    long.snapshot.call.origin.configuration = vec![b'x'; LONGEST_FORM];
    assert_eq!(long.sealed(KEY, LABEL, &[9; NONCE]), Err(TooLong));
    long.snapshot.call.origin.configuration.truncate(511 * 1024);
    let mut sealed = sealed(&long);
    assert_eq!(opened(&sealed).snapshot.call.origin, long.snapshot.call.origin);
    sealed.resize(HEADER + LONGEST_FORM + 17, 0);
    assert_eq!(Header::of(&sealed), Err(Unreadable::WrongLength));
}

#[test]
fn the_rings_keys_seal_and_open_across_a_rotation() {
    let noon = NOON_MS / 1000;
    let spec = |id, mint_from| KeySpec {
        id,
        secret: [id; 32],
        mint_from,
        mint_until: noon + 1_000,
        accept_until: noon + 2_000,
    };
    let ring = KeyRing::new(vec![spec(b'A', noon - 100), spec(b'B', noon)]).unwrap();
    let before = ring.sealing_key(noon - 1).unwrap();
    let after = ring.sealing_key(noon).unwrap();
    assert_eq!((before.id, after.id), (b'A', b'B'));
    assert!(before.secret != after.secret && before.secret != [b'A'; 32]);

    let key = Key { id: before.id, secret: &before.secret };
    let sealed = export(call(None)).sealed(key, LABEL, &[1; NONCE]).unwrap();
    let opening = ring.opening_key(Header::of(&sealed).unwrap().key_id, noon + 5).unwrap();
    assert!(Export::opened(&sealed, Key { id: opening.id, secret: &opening.secret }, LABEL).is_ok());
    // By another implementation of HKDF.
    let numbers: [u8; 32] = std::array::from_fn(|at| at as u8);
    let ring_of_numbers = KeyRing::new(vec![KeySpec { secret: numbers, ..spec(b'A', noon) }]).unwrap();
    let derived = ring_of_numbers.sealing_key(noon).unwrap().secret;
    assert_eq!(derived[..8], [0x24, 0x87, 0x1e, 0xf2, 0x97, 0x1b, 0x31, 0xeb]);
    assert!(ring.sealing_key(noon + 1_000).is_none());
    assert_eq!(ring.opening_key(b'A', noon + 2_000).err(), Some(TicketError::KeyRetired));
    assert_eq!(ring.opening_key(b'C', noon).err(), Some(TicketError::UnknownKey));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_or_shortened_export_is_refused(at: prop::sample::Index, change in 1..=u8::MAX, end: prop::sample::Index) {
        let sealed = sealed(&export(call(None)));
        let mut changed = sealed.clone();
        changed[at.index(sealed.len())] ^= change;
        prop_assert!(Export::opened(&changed, KEY, LABEL).is_err());
        prop_assert!(Export::opened(&sealed[..end.index(sealed.len())], KEY, LABEL).is_err());
    }
}
