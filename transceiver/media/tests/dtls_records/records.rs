//! What gets in, and what does not.

use antiphon_media::dtls_records::{
    LONGEST_PAYLOAD, MOST_RECORDS, OVERHEAD, Receiver, ReceiverState, Suite, Unprotected, Unsendable,
};
use proptest::prelude::*;

use crate::session::{ends, session};

fn suites() -> impl Strategy<Value = Suite> {
    prop::sample::select(&Suite::ALL)
}

fn application(payload: &[u8]) -> Unprotected {
    Unprotected::Application(payload.to_vec())
}

#[test]
fn several_records_of_a_datagram_are_read_up_to_a_limit() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = ends(suite);
        let mut datagram =
            |count: usize| (0..count).flat_map(|_| sender.protect(b"packet").unwrap()).collect::<Vec<_>>();
        assert_eq!(receiver.unprotect(&datagram(MOST_RECORDS)), vec![application(b"packet"); MOST_RECORDS]);
        assert_eq!(receiver.counters().malformed, 0);
        assert_eq!(receiver.unprotect(&datagram(MOST_RECORDS + 1)).len(), MOST_RECORDS);
        assert_eq!(receiver.counters().malformed, 1);
        let mut cut = datagram(2);
        cut.pop();
        assert_eq!(receiver.unprotect(&cut).len(), 1);
        assert_eq!(receiver.counters().malformed, 2);
    }
}

#[test]
fn other_contents_and_other_epochs_are_dropped_and_counted() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = ends(suite);
        let record = sender.protect(b"packet").unwrap();
        for (at, byte) in [(0, 20), (0, 24), (4, 0), (4, 2), (3, 1)] {
            let mut other = record.clone();
            other[at] = byte;
            assert_eq!(receiver.unprotect(&other), []);
        }
        assert_eq!(receiver.counters().unwanted, 5);
        for (at, byte) in [(1, 3), (2, 0xFF), (11, 0x7F)] {
            let mut other = record.clone();
            other[at] = byte;
            assert_eq!(receiver.unprotect(&other), []);
        }
        assert_eq!(receiver.counters().malformed, 3);
        let mut handshake = record.clone();
        handshake[0] = 22;
        assert_eq!(receiver.unprotect(&handshake), []);
        assert_eq!(receiver.counters().unauthenticated, 1);
        assert_eq!(receiver.unprotect(&record), [application(b"packet")]);
    }
}

#[test]
fn a_warning_is_dropped_and_counted() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = ends(suite);
        assert_eq!(receiver.unprotect(&sender.no_renegotiation().unwrap()), []);
        assert_eq!(receiver.counters().unwanted, 1);
        assert_eq!(receiver.unprotect(&sender.protect(b"packet").unwrap()), [application(b"packet")]);
    }
}

#[test]
fn nothing_is_taken_after_the_end() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = ends(suite);
        let farewell = [sender.close_notify().unwrap(), sender.protect(b"late").unwrap()].concat();
        assert_eq!(receiver.unprotect(&farewell), [Unprotected::CloseNotify]);
        assert_eq!(receiver.counters().unwanted, 1);
    }
}

#[test]
fn a_payload_is_as_long_as_a_record_may_be() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = ends(suite);
        let payload = vec![7; LONGEST_PAYLOAD];
        let record = sender.protect(&payload).unwrap();
        assert!(record.len() <= LONGEST_PAYLOAD + OVERHEAD);
        assert_eq!(receiver.unprotect(&record), [application(&payload)]);
        assert_eq!(sender.protect(&vec![7; LONGEST_PAYLOAD + 1]), Err(Unsendable::TooLong));
        let empty = sender.protect(&[]).unwrap();
        assert_eq!(receiver.unprotect(&empty), [application(&[])]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_gets_in_once_in_any_order_unless_it_is_too_old(
        suite in suites(),
        order in prop::collection::vec(0..200_usize, 1..300),
    ) {
        let (mut sender, mut receiver) = ends(suite);
        let records: Vec<Vec<u8>> = (0..200_u8).map(|number| sender.protect(&[number]).unwrap()).collect();
        let (mut had, mut highest) = (std::collections::HashSet::new(), None);
        for place in order {
            let is_new = had.insert(place) && highest.is_none_or(|highest| place + 64 > highest);
            let expected = if is_new { vec![application(&[place as u8])] } else { vec![] };
            prop_assert_eq!(receiver.unprotect(&records[place]), expected);
            highest = highest.max(if is_new { Some(place) } else { highest });
        }
    }

    #[test]
    fn a_damaged_record_is_refused_and_leaves_no_trace(
        suite in suites(),
        payload in prop::collection::vec(any::<u8>(), 0..200),
        at: prop::sample::Index,
        mask in 1..=255_u8,
    ) {
        let (mut sender, mut receiver) = ends(suite);
        receiver.unprotect(&sender.protect(b"before").unwrap());
        let record = sender.protect(&payload).unwrap();
        let mut damaged = record.clone();
        damaged[at.index(record.len())] ^= mask;
        let before = receiver.state();
        prop_assert_eq!(receiver.unprotect(&damaged), vec![]);
        prop_assert_eq!(receiver.state(), before);
        prop_assert_eq!(receiver.unprotect(&record), vec![application(&payload)]);
    }

    #[test]
    fn any_bytes_are_refused(suite in suites(), bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut receiver = Receiver::new(&session(suite, false), ReceiverState::default()).unwrap();
        // A header that would be looked at, too.
        for datagram in [bytes.clone(), [&[23, 0xFE, 0xFD, 0, 1, 0, 0, 0, 0, 0, 9, 0, bytes.len() as u8], &bytes[..]].concat()] {
            prop_assert_eq!(receiver.unprotect(&datagram), vec![]);
        }
        prop_assert_eq!(receiver.state(), ReceiverState::default());
    }
}
