//! How checks are answered, and when they are not (RFC 8445 §7.3, RFC 8489 §6.3, §9.1).

use antiphon_media::counters::{DropReason, Tally};
use antiphon_media::inbox::Kind;
use antiphon_media::transactions::{REMEMBERED, RETRANSMITTED, RecentTransactions, Sighting};
use antiphon_wire::hop::Record;
use antiphon_wire::stun::{Class, Encoder, Role};

use crate::site::{Binding, ROUTE, Site, answer, check, client, nomination, relay, transaction_id, ufrag};

#[test]
fn a_valid_check_is_answered_with_the_clients_own_address() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(1), client(1), &check(7));
    let returned = site.returned();
    let message = answer(&returned);
    assert_eq!(message.class, Class::Success);
    assert_eq!(message.transaction_id, transaction_id(7));
    assert_eq!(message.xor_mapped_address, Some(client(1)));
    assert_eq!((returned[0].relay, returned[0].client, returned[0].route), (relay(1), client(1), ROUTE));
    assert_eq!(site.kinds(), [Kind::Checked]);
    assert_eq!(site.board.address_of(handle), Some(client(1)));
}

#[test]
fn an_ipv6_client_is_told_its_ipv6_address() {
    let (mut site, handle) = Site::with_call();
    let client = "[2001:db8::7]:40000".parse().unwrap();
    site.receive(relay(0), client, &check(1));
    assert_eq!(answer(&site.returned()).xor_mapped_address, Some(client));
    assert_eq!(site.board.address_of(handle), Some(client));
}

#[test]
fn local_index_and_unknown_tlvs_come_back() {
    let (mut site, _) = Site::with_call();
    let tlvs = [0x7F, 2, 0xAB, 0xCD];
    let payload = check(1);
    let record =
        Record { route: ROUTE, client: client(1), local_index: 3, no_pack: false, tlvs: &tlvs, payload: &payload };
    site.receive_record(relay(0), &record);
    let returned = site.returned();
    assert_eq!((returned[0].local_index, &returned[0].tlvs[..]), (3, &tlvs[..]));
}

#[test]
fn no_answer_is_longer_than_its_request() {
    for client in [client(1), "[2001:db8::7]:40000".parse().unwrap()] {
        let (mut site, _) = Site::with_call();
        let shortest = Encoder::new(Class::Request, transaction_id(1))
            .username(format!("{}:caller", ufrag(0)).as_bytes())
            .finish(crate::site::PASSWORD.as_bytes());
        site.receive(relay(0), client, &shortest);
        assert!(site.returned()[0].payload.len() <= shortest.len());
    }
}

#[test]
fn what_does_not_authenticate_gets_no_answer_and_a_reason() {
    let valid = Binding::default();
    let cases = [
        (Binding { password: "another-password-of-22", ..valid }.bytes(), DropReason::StunWrongIntegrity),
        (valid.encoder().finish_unprotected(), DropReason::StunWrongIntegrity),
        (Binding { call: 99, ..valid }.bytes(), DropReason::StunUnknownCall),
        (Binding { remote_ufrag: "somebody", ..valid }.bytes(), DropReason::StunWrongUsername),
        (Encoder::new(Class::Request, transaction_id(1)).finish(b""), DropReason::StunUnknownCall),
        (Encoder::new(Class::Indication, transaction_id(1)).finish_unprotected(), DropReason::StunNotRequest),
        (Encoder::new(Class::Success, transaction_id(1)).finish(b""), DropReason::StunNotRequest),
        (valid.bytes()[..40].to_vec(), DropReason::StunMalformed),
        ([valid.bytes(), vec![0; 4]].concat(), DropReason::StunMalformed),
        (without_fingerprint(valid.bytes()), DropReason::StunMalformed),
    ];
    for (payload, reason) in cases {
        let (mut site, handle) = Site::with_call();
        site.receive(relay(0), client(1), &payload);
        assert_eq!(site.returned(), []);
        assert_eq!(site.deliveries(), []);
        assert_eq!(site.board.address_of(handle), None);
        assert_eq!((site.dropped(reason), site.all_drops()), (1, 1), "{reason:?}");
    }
}

fn without_fingerprint(mut message: Vec<u8>) -> Vec<u8> {
    message.truncate(message.len() - 8);
    let length = u16::try_from(message.len() - 20).unwrap();
    message[2..4].copy_from_slice(&length.to_be_bytes());
    message
}

#[test]
fn a_check_on_another_route_than_its_calls_is_dropped() {
    let (mut site, _) = Site::with_call();
    let payload = check(1);
    let record =
        Record { route: ROUTE + 1, client: client(1), local_index: 0, no_pack: false, tlvs: &[], payload: &payload };
    site.receive_record(relay(0), &record);
    assert_eq!(site.returned(), []);
    assert_eq!(site.dropped(DropReason::StunWrongRoute), 1);
}

#[test]
fn a_client_that_claims_to_be_controlled_is_told_487() {
    let (mut site, handle) = Site::with_call();
    let binding = Binding { role: Role::Controlled(5), use_candidate: true, ..Binding::default() };
    site.receive(relay(0), client(1), &binding.bytes());
    let returned = site.returned();
    assert_eq!((answer(&returned).class, answer(&returned).error_code), (Class::Error, Some(487)));
    assert_eq!(site.board.address_of(handle), None);
    assert_eq!(site.board.counters().tally(Tally::StunRoleConflicts), 1);
}

#[test]
fn an_unknown_required_attribute_is_told_420() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &with_attribute(0x7FFF));
    let returned = site.returned();
    assert_eq!(answer(&returned).error_code, Some(420));
    // RFC 8489 §14.13: the attribute is named.
    assert!(returned[0].payload.windows(6).any(|window| window == [0x00, 0x0A, 0x00, 0x02, 0x7F, 0xFF]));
    assert_eq!(site.board.address_of(handle), None);
}

/// RFC 8489 §6.3.1: all that was not understood is named.
#[test]
fn every_unknown_required_attribute_is_named() {
    let (mut site, handle) = Site::with_call();
    let request = with_attributes(&[0x7FFF, 0x0010, 0xC057, 0x7FFE]);
    site.receive(relay(0), client(1), &request);
    let returned = site.returned();
    assert_eq!(answer(&returned).error_code, Some(420));
    let named = [0x00, 0x0A, 0x00, 0x06, 0x7F, 0xFF, 0x00, 0x10, 0x7F, 0xFE];
    assert!(returned[0].payload.windows(named.len()).any(|window| window == named));
    assert!(returned[0].payload.len() <= request.len());
    assert_eq!(site.board.address_of(handle), None);
}

/// A lite agent forms no candidates from what checks it, so it can do without PRIORITY (RFC 8445 §7.3.1.3); and without a role
/// in it a conflict cannot be told (§7.3.1.1).
#[test]
fn a_check_without_priority_or_role_is_as_good_as_another() {
    let (mut site, handle) = Site::with_call();
    let username = format!("{}:caller", ufrag(0));
    let bare = Encoder::new(Class::Request, transaction_id(1)).username(username.as_bytes());
    site.receive(relay(0), client(1), &bare.finish(crate::site::PASSWORD.as_bytes()));
    assert_eq!(answer(&site.returned()).class, Class::Success);
    assert_eq!(site.board.address_of(handle), Some(client(1)));
}

#[test]
fn credentials_do_not_show_in_what_is_printed() {
    let credentials = antiphon_media::ice::Credentials {
        ufrag: "the-ticket".to_owned(),
        password: "the-password".to_owned(),
        remote_ufrag: "the-caller".to_owned(),
    };
    assert!(!format!("{credentials:?}").contains("the-"));
}

#[test]
fn a_client_that_puts_dtls_into_stun_learns_at_once_that_we_do_not() {
    let (mut site, _) = Site::with_call();
    site.receive(relay(0), client(1), &with_attribute(0xC070));
    let returned = site.returned();
    assert_eq!(answer(&returned).class, Class::Success);
    assert!(returned[0].payload.windows(4).any(|window| window == [0xC0, 0x71, 0, 0]));
}

#[test]
fn an_unknown_optional_attribute_is_ignored() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &with_attribute(0xC057));
    assert_eq!(answer(&site.returned()).class, Class::Success);
    assert_eq!(site.board.address_of(handle), Some(client(1)));
}

/// A check that ends with these attributes, each of them empty.
fn with_attributes(kinds: &[u16]) -> Vec<u8> {
    let mut message = Binding::default().bytes();
    message.truncate(message.len() - 32);
    for kind in kinds {
        message.extend(kind.to_be_bytes());
        message.extend([0, 0]);
    }
    protect(&message)
}

/// A check whose PRIORITY is another attribute instead, protected anew.
fn with_attribute(kind: u16) -> Vec<u8> {
    let mut message = Binding::default().bytes();
    let priority = message.windows(4).position(|window| window == [0x00, 0x24, 0x00, 0x04]).unwrap();
    message[priority..priority + 2].copy_from_slice(&kind.to_be_bytes());
    protect(&message[..message.len() - 32])
}

/// Adds MESSAGE-INTEGRITY and FINGERPRINT to an attribute list that `Encoder` cannot build.
fn protect(unprotected: &[u8]) -> Vec<u8> {
    use hmac::{Hmac, KeyInit, Mac};
    let mut message = unprotected.to_vec();
    set_length(&mut message, 24);
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(crate::site::PASSWORD.as_bytes()).unwrap();
    mac.update(&message);
    message.extend([0x00, 0x08, 0x00, 0x14]);
    message.extend(mac.finalize().into_bytes());
    set_length(&mut message, 8);
    let crc = crc32fast::hash(&message) ^ 0x5354_554E;
    message.extend([0x80, 0x28, 0x00, 0x04]);
    message.extend(crc.to_be_bytes());
    message
}

fn set_length(message: &mut [u8], pending: usize) {
    let length = u16::try_from(message.len() - 20 + pending).unwrap();
    message[2..4].copy_from_slice(&length.to_be_bytes());
}

#[test]
fn a_captured_check_is_worth_nothing_from_another_address() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &nomination(1));
    site.returned();
    site.receive(relay(0), client(2), &nomination(1));
    assert_eq!(site.returned(), []);
    assert_eq!(site.board.address_of(handle), Some(client(1)));
    assert_eq!(site.dropped(DropReason::StunReplayed), 1);
}

#[test]
fn an_hour_of_checks_is_remembered_and_no_more_than_that() {
    let (mut site, _) = Site::with_call();
    let checks_an_hour = 3600 * 2 / 5;
    for id in 0..=checks_an_hour {
        site.receive(relay(0), client(1), &check(id));
    }
    site.receive(relay(0), client(2), &check(0));
    assert_eq!(site.dropped(DropReason::StunReplayed), 1);
    let mut recent = RecentTransactions::default();
    for id in 0..=REMEMBERED as u64 {
        recent.sight(transaction_id(id), client(1));
    }
    assert_eq!(recent.sight(transaction_id(1), client(2)), Sighting::Replayed);
    assert_eq!(recent.sight(transaction_id(0), client(2)), Sighting::Fresh);
}

#[test]
fn a_retransmission_is_answered_again() {
    let (mut site, _) = Site::with_call();
    site.receive(relay(0), client(1), &check(1));
    let first = site.returned();
    site.receive(relay(0), client(1), &check(1));
    assert_eq!(site.returned(), first);
}

#[test]
fn what_is_repeated_long_after_nobody_retransmits_it_is_a_replay() {
    let mut recent = RecentTransactions::default();
    for id in 0..=RETRANSMITTED as u64 {
        assert_eq!(recent.sight(transaction_id(id), client(1)), Sighting::Fresh);
    }
    assert_eq!(recent.sight(transaction_id(1), client(1)), Sighting::Repeated);
    assert_eq!(recent.sight(transaction_id(0), client(1)), Sighting::Replayed);
}

#[test]
fn a_late_duplicate_of_an_old_nomination_does_not_move_back() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &nomination(1));
    site.receive(relay(0), client(2), &nomination(2));
    site.receive(relay(0), client(1), &nomination(1));
    assert_eq!(site.board.address_of(handle), Some(client(2)));
}

#[test]
fn a_ufrag_names_one_call_until_it_is_removed() {
    let (mut site, handle) = Site::with_call();
    let again = antiphon_media::ice::Credentials {
        ufrag: ufrag(0),
        password: crate::site::PASSWORD.to_owned(),
        remote_ufrag: "other".to_owned(),
    };
    assert!(site.board.add_call(0, ROUTE, again.clone()).is_err());
    site.board.remove_call(handle);
    site.board.remove_call(handle);
    assert!(site.board.add_call(0, ROUTE, again).is_ok_and(|new| new != handle));
}

#[test]
fn a_removed_call_answers_and_delivers_nothing() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &check(1));
    site.returned();
    site.receive(relay(0), client(1), &crate::site::rtp(1));
    site.board.remove_call(handle);
    assert_eq!(site.deliveries(), []);
    site.receive(relay(0), client(1), &check(2));
    site.receive(relay(0), client(1), &crate::site::rtp(2));
    assert_eq!((site.returned(), site.deliveries()), (vec![], vec![]));
    assert!(!site.board.send(handle, b"too late"));
    assert_eq!(site.dropped(DropReason::SendUnknownCall), 1);
}
