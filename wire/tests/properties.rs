//! What must hold for every value and for every byte string.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::net::{IpAddr, SocketAddr};

use antiphon_wire::hop::{self, Record};
use antiphon_wire::key_ring::{KeyRing, KeySpec};
use antiphon_wire::route_table::RouteTable;
use antiphon_wire::stun::{self, Class, Encoder, Role};
use antiphon_wire::ticket::{MINT_SLACK_S, TICKET_LEN, Ticket, TicketError, Validity};
use proptest::prelude::*;

const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const NOW: u64 = 1_795_226_400;
const VALIDITY: Validity = Validity { longest_call_s: 3600, skew_s: 60 };

/// Every letter and digit names a key, so that a changed key id finds another key rather than none.
fn full_ring() -> KeyRing {
    let ids = ICE_CHARS.iter().copied().filter(u8::is_ascii_alphanumeric);
    KeyRing::new(ids.map(|id| spec(id, [id; 32])).collect()).unwrap()
}

fn spec(id: u8, secret: [u8; 32]) -> KeySpec {
    KeySpec { id, secret, mint_from: 0, mint_until: u64::MAX, accept_until: u64::MAX }
}

/// Times between which every expiry wraps several times.
fn now() -> impl Strategy<Value = u64> {
    prop_oneof![Just(NOW), 0..60_u64, 0x10_0000_0000..0x10_0100_0000_u64, any::<u32>().prop_map(u64::from)]
}

/// A ticket as a transceiver mints it for a call of at most `longest_call_s`.
fn ticket(now: u64) -> impl Strategy<Value = Ticket> {
    let lifetime = VALIDITY.longest_call_s + MINT_SLACK_S;
    (any::<u16>(), any::<u32>(), 0..=lifetime, any::<u32>()).prop_map(move |(cluster_id, route, life, nonce)| Ticket {
        cluster_id,
        route,
        expires_at: (now + life).div_ceil(60) * 60,
        nonce,
    })
}

fn minted_at() -> impl Strategy<Value = (u64, Ticket)> {
    now().prop_flat_map(|now| (Just(now), ticket(now)))
}

fn address() -> impl Strategy<Value = SocketAddr> {
    (any::<IpAddr>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip.to_canonical(), port))
}

fn tlvs() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    prop::collection::vec((1..=u8::MAX, prop::collection::vec(any::<u8>(), 0..40)), 0..6)
}

proptest! {
    #[test]
    fn what_is_minted_is_opened_anywhere_and_at_any_time(secret: [u8; 32], (now, ticket) in minted_at()) {
        let ring = KeyRing::new(vec![spec(b'A', secret)]).unwrap();
        let minted = ring.mint(ticket, now).unwrap();
        prop_assert_eq!(minted.ufrag.len(), TICKET_LEN);
        prop_assert!(minted.ufrag.bytes().chain(minted.password.bytes()).all(|byte| ICE_CHARS.contains(&byte)));
        prop_assert_eq!(ring.open(minted.ufrag.as_bytes(), now, VALIDITY), Ok(ticket));
        prop_assert_eq!(ring.password(minted.ufrag.as_bytes(), now), Ok(minted.password));
        let call_id = ring.open_call_id(minted.call_id.as_bytes(), now).unwrap();
        prop_assert_eq!((call_id.key_id, call_id.ticket), (b'A', ticket));
    }

    /// Both clocks may be off by the skew, and the era may change in between.
    #[test]
    fn a_live_calls_ticket_is_always_valid(
        minted_at in 1_000..0x10_0000_0000_u64, age in 0..=3900_u64, behind in any::<bool>(), off in 0..=60_u64,
    ) {
        let ring = KeyRing::new(vec![spec(b'A', [1; 32])]).unwrap();
        let ticket = Ticket { cluster_id: 1, route: 2, expires_at: minted_at + 3600 + MINT_SLACK_S, nonce: 3 };
        let ufrag = ring.mint(ticket, minted_at).unwrap().ufrag;
        let now = if behind { minted_at + age - off } else { minted_at + age + off };
        prop_assert_eq!(ring.open(ufrag.as_bytes(), now, VALIDITY).map(|ticket| ticket.route), Ok(2));
    }

    #[test]
    fn a_ticket_is_dead_two_minutes_after_its_last_use_and_until_the_circle_closes(
        minted_at in 1_000..0x10_0000_0000_u64, later in 120..(65_536 - 70) * 60_u64,
    ) {
        let ring = KeyRing::new(vec![spec(b'A', [1; 32])]).unwrap();
        let expires_at = (minted_at + 3600 + MINT_SLACK_S).div_ceil(60) * 60;
        let ufrag = ring.mint(Ticket { cluster_id: 1, route: 2, expires_at, nonce: 3 }, minted_at).unwrap().ufrag;
        prop_assert_eq!(ring.open(ufrag.as_bytes(), expires_at + later, VALIDITY), Err(TicketError::Expired));
    }

    /// However silly the settings are, the window has an end, and a ticket in its last minute is in it.
    #[test]
    fn no_setting_makes_every_ticket_valid_or_a_live_one_invalid(longest_call_s: u64, skew_s: u64, now: u64) {
        let validity = Validity { longest_call_s, skew_s };
        prop_assert!(validity.holds((now / 60) as u16, now));
        prop_assert!((0..=u16::MAX).any(|minutes| !validity.holds(minutes, now)));
    }

    #[test]
    fn any_changed_character_of_a_ticket_is_refused(
        (now, ticket) in minted_at(), at in 0..TICKET_LEN, other: u8, key in 0..62_usize,
    ) {
        let ids: Vec<u8> = ICE_CHARS.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
        let own = KeyRing::new(vec![spec(ids[key], [ids[key]; 32])]).unwrap();
        let mut ufrag = own.mint(ticket, now).unwrap().ufrag.into_bytes();
        prop_assume!(ufrag[at] != other);
        ufrag[at] = other;
        prop_assert!(full_ring().inspect(&ufrag, now).is_err());
    }

    #[test]
    fn no_bytes_are_taken_for_a_ticket_or_a_call_id(bytes in prop::collection::vec(any::<u8>(), 0..64), now: u64) {
        let ring = full_ring();
        prop_assert!(ring.open(&bytes, now, VALIDITY).is_err());
        prop_assert!(ring.open_call_id(&bytes, now).is_err());
        prop_assert!(bytes.len() == TICKET_LEN || ring.password(&bytes, now).is_err());
    }

    /// The right shape under the right key is still not a ticket.
    #[test]
    fn no_guess_is_taken_for_a_ticket(body in "[A-Za-z0-9+/]{21}[AQgw]", now: u64) {
        prop_assert_eq!(full_ring().inspect(format!("1A{body}").as_bytes(), now), Err(TicketError::Forged));
    }

    #[test]
    fn a_request_is_read_as_it_was_written(
        id: [u8; 12], username in prop::collection::vec(any::<u8>(), 0..513), priority: u32, nominates: bool,
        tie_breaker: u64, password in prop::collection::vec(any::<u8>(), 0..90),
    ) {
        let request = Encoder::new(Class::Request, id).username(&username).priority(priority)
            .role(if nominates { Role::Controlling(tie_breaker) } else { Role::Controlled(tie_breaker) });
        let request = if nominates { request.use_candidate() } else { request };
        let datagram = request.finish(&password);
        let read = stun::parse(&datagram).unwrap();
        prop_assert_eq!(read.username, Some(username.as_slice()));
        prop_assert_eq!((read.priority, read.use_candidate), (Some(priority), nominates));
        prop_assert!(read.has_fingerprint && read.verify(&password));
        prop_assert_eq!(read.transaction_id, id);
    }

    #[test]
    fn a_response_is_read_as_it_was_written(id: [u8; 12], address in address(), code in 300..700_u16, kind: u16) {
        let datagram = Encoder::new(Class::Success, id).xor_mapped_address(address).finish(b"password");
        prop_assert_eq!(stun::parse(&datagram).unwrap().xor_mapped_address, Some(address));
        let kinds = std::iter::once(kind);
        let datagram = Encoder::new(Class::Error, id).error_code(code).unknown_attributes(kinds).finish_unprotected();
        prop_assert_eq!(stun::parse(&datagram).unwrap().error_code, Some(code));
    }

    /// The first of all that are listed is the one that the parser reports, and what follows MESSAGE-INTEGRITY is in neither.
    #[test]
    fn unknown_required_attributes_are_listed_in_their_order(
        id: [u8; 12], kinds in prop::collection::vec(0x4000..0x8028_u16, 0..8)
    ) {
        let mut datagram = Encoder::new(Class::Request, id).username(b"abcd:efgh").finish(b"password");
        let extras: Vec<u8> = kinds.iter().flat_map(|kind| [kind.to_be_bytes(), [0, 0]].concat()).collect();
        let kept = kinds.iter().copied().filter(|kind| (0x4000..0x8000).contains(kind)).collect::<Vec<_>>();
        let end = datagram.len() - 32;
        let protected = datagram.split_off(end);
        for (before, after, expected) in [(&extras[..], &[][..], &kept[..]), (&[], &extras, &[])] {
            let mut extended = [&datagram[..], before, &protected[..24], after].concat();
            let length = u16::try_from(extended.len() - 20).unwrap();
            extended[2..4].copy_from_slice(&length.to_be_bytes());
            let read = stun::parse(&extended).unwrap();
            let listed: Vec<u16> = read.unknown_attributes().collect();
            prop_assert_eq!(&listed[..], expected);
            prop_assert_eq!(read.unknown_required, expected.first().copied());
        }
    }

    /// FINGERPRINT covers all, MESSAGE-INTEGRITY what matters: no changed byte goes unseen.
    #[test]
    fn any_changed_byte_of_a_check_is_refused(id: [u8; 12], at in 0..1000_usize, other: u8) {
        let mut datagram = Encoder::new(Class::Request, id).username(b"abcd:efgh").priority(1).finish(b"password");
        let at = at % datagram.len();
        prop_assume!(datagram[at] != other);
        datagram[at] = other;
        let accepted = stun::parse(&datagram).is_ok_and(|read| read.has_fingerprint && read.verify(b"password"));
        prop_assert!(!accepted);
    }

    #[test]
    fn no_bytes_make_the_stun_parser_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..1600), cookie: bool) {
        if cookie && bytes.len() >= 20 {
            let length = u16::try_from((bytes.len() - 20) & !3).unwrap().to_be_bytes();
            bytes[..8].copy_from_slice(&[0, 1, length[0], length[1], 0x21, 0x12, 0xA4, 0x42]);
            bytes.truncate(20 + usize::from(u16::from_be_bytes(length)));
        }
        if let Ok(message) = stun::parse(&bytes) {
            let _ = message.ufrags();
            prop_assert!(!message.verify(b"password"));
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written(
        route: u32, client in address(), local_index: u8, no_pack: bool, tlvs in tlvs(),
        payload in prop::collection::vec(any::<u8>(), 0..1500), copies in 1..4_usize,
    ) {
        let mut encoded = Vec::new();
        for (kind, value) in &tlvs {
            prop_assert!(hop::push_tlv(&mut encoded, *kind, value));
        }
        let record = Record { route, client, local_index, no_pack, tlvs: &encoded, payload: &payload };
        let mut datagram = Vec::new();
        for _ in 0..copies {
            prop_assert!(record.encode_into(&mut datagram));
        }
        prop_assert_eq!(datagram.len(), copies * record.encoded_len());
        let read: Vec<_> = hop::records(&datagram).map(Result::unwrap).collect();
        prop_assert_eq!(read.len(), copies);
        for read in read {
            let again: Vec<_> = hop::tlvs(read.tlvs).map(|(kind, value)| (kind, value.to_vec())).collect();
            prop_assert_eq!(&again, &tlvs);
            prop_assert_eq!(Record { tlvs: &encoded, ..read }, record);
        }
    }

    /// Malformed TLVs would be completed by the padding, or by the payload.
    #[test]
    fn what_is_written_can_be_read(tlvs in prop::collection::vec(any::<u8>(), 0..1100), payload in 0..70_000_usize) {
        let payload = vec![1; payload];
        let client = SocketAddr::from(([192, 0, 2, 1], 1));
        let record = Record { route: 1, client, local_index: 0, no_pack: false, tlvs: &tlvs, payload: &payload };
        let mut datagram = vec![0xAA];
        if record.encode_into(&mut datagram) {
            let read = hop::records(&datagram[1..]).collect::<Result<Vec<_>, _>>().unwrap();
            prop_assert_eq!(read[0].payload, payload);
            prop_assert!(read[0].tlvs.starts_with(&tlvs));
        } else {
            prop_assert_eq!(datagram, [0xAA]);
        }
    }

    #[test]
    fn no_bytes_make_the_hop_parser_panic_or_go_on_after_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let read: Vec<_> = hop::records(&bytes).collect();
        let errors = read.iter().filter(|record| record.is_err()).count();
        prop_assert!(errors == 0 || (errors == 1 && read.last().unwrap().is_err()));
    }

    #[test]
    fn no_text_makes_the_route_table_parser_panic(text: String) {
        prop_assert!(RouteTable::from_json(&text).is_err());
    }
}

#[test]
fn every_single_changed_character_is_refused() {
    let ring = full_ring();
    for nonce in 0..8 {
        let ticket = Ticket { cluster_id: 1, route: 0x1234_5678 ^ nonce, expires_at: NOW + 3900, nonce };
        let good = ring.mint(ticket, NOW).unwrap().ufrag.into_bytes();
        assert_eq!(ring.inspect(&good, NOW), Ok(ticket));
        for at in 0..TICKET_LEN {
            for other in ICE_CHARS.iter().filter(|other| **other != good[at]) {
                let mut ufrag = good.clone();
                ufrag[at] = *other;
                assert!(ring.inspect(&ufrag, NOW).is_err(), "character {at} as {}", char::from(*other));
            }
        }
    }
}

#[test]
fn the_newest_key_that_may_mint_mints() {
    let key = |id, mint_from, mint_until| KeySpec { mint_from, mint_until, ..spec(id, [id; 32]) };
    let ring = KeyRing::new(vec![key(b'b', 100, 300), key(b'a', 0, 200), key(b'c', 500, 600)]).unwrap();
    let ticket = Ticket { cluster_id: 0, route: 0, expires_at: 600, nonce: 0 };
    let minter = |now| ring.mint(ticket, now).map(|minted| char::from(minted.ufrag.as_bytes()[1]));
    let minters: Vec<_> = [0, 99, 100, 199, 299, 300, 499, 500, 600].into_iter().map(minter).collect();
    assert_eq!(minters, [Some('a'), Some('a'), Some('b'), Some('b'), Some('b'), None, None, Some('c'), None]);
}

#[test]
fn a_ring_with_a_flaw_is_refused() {
    let refused = |specs: Vec<KeySpec>| KeyRing::new(specs).err().unwrap().to_string();
    let timed =
        |mint_from, mint_until, accept_until| KeySpec { mint_from, mint_until, accept_until, ..spec(b'a', [0; 32]) };
    assert_eq!(refused(vec![]), "the key ring has no keys");
    assert_eq!(refused(vec![spec(b'a', [0; 32]), spec(b'a', [1; 32])]), "key id 'a' is there twice");
    assert_eq!(refused(vec![spec(b'+', [0; 32])]), "key id '+' must be one ASCII letter or digit");
    for spec in [timed(1, 1, 2), timed(2, 1, 2), timed(0, 2, 1)] {
        assert_eq!(refused(vec![spec]), "key 'a' must have mint_from < mint_until <= accept_until");
    }
    assert_eq!(refused((0..63).map(|_| spec(b'a', [0; 32])).collect()), "the key ring has more than 62 keys");
}
