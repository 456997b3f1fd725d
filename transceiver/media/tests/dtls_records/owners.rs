//! One owner after another: no sequence number is used twice, and the peer follows them all.

use std::collections::HashSet;

use antiphon_media::dtls_records::{
    BadState, Connection, ConnectionState, LONGEST_LEAP, Receiver, ReceiverState, SEQUENCE_END, Sender, SenderState,
    Suite, Unprotected, Unsendable,
};
use proptest::prelude::*;

use crate::session::{ends, session};

#[derive(Clone, Debug)]
enum Step {
    Send,
    Export,
    /// What the one before still sends, up to its bound.
    Takeover {
        afterwards: u64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let takeover = (0..20_u64).prop_map(|afterwards| Step::Takeover { afterwards });
    prop::collection::vec(prop_oneof![8 => Just(Step::Send), 2 => Just(Step::Export), 1 => takeover], 0..200)
}

fn sequence(record: &[u8]) -> u64 {
    u64::from_be_bytes(record[3..11].try_into().unwrap()) & (SEQUENCE_END - 1)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_number_is_used_twice_and_all_are_authentic(
        suite in prop::sample::select(&Suite::ALL),
        bound in 1..60_u64,
        steps in steps(),
    ) {
        let (mut owner, mut peer) = ends(suite);
        let (mut export, mut since, mut used) = (owner.state(), 0, HashSet::new());
        for step in steps {
            match step {
                Step::Send if since < bound => {
                    let record = owner.protect(b"packet").unwrap();
                    since += 1;
                    prop_assert!(used.insert(sequence(&record)));
                    prop_assert_eq!(peer.unprotect(&record), vec![Unprotected::Application(b"packet".to_vec())]);
                }
                Step::Send | Step::Export => (export, since) = (owner.state(), 0),
                Step::Takeover { afterwards } => {
                    let heir = Sender::resume(&session(suite, true), export.advanced_by(bound).unwrap()).unwrap();
                    let mut former = std::mem::replace(&mut owner, heir);
                    for _ in 0..afterwards.min(bound - since) {
                        prop_assert!(used.insert(sequence(&former.protect(b"late").unwrap())));
                    }
                    (export, since) = (owner.state(), 0);
                }
            }
        }
        prop_assert_eq!(peer.counters().unauthenticated, 0);
    }
}

#[test]
fn a_peer_follows_a_leap_of_any_length() {
    for suite in Suite::ALL {
        let (owner, mut peer) = ends(suite);
        let mut state = owner.state();
        for _ in 0..3 {
            let mut heir = Sender::resume(&session(suite, true), state.advanced_by(LONGEST_LEAP).unwrap()).unwrap();
            assert_eq!(peer.unprotect(&heir.protect(b"x").unwrap()), [Unprotected::Application(b"x".to_vec())]);
            state = heir.state();
        }
    }
}

#[test]
fn a_receiver_goes_on_where_the_exporting_one_was() {
    for suite in Suite::ALL {
        let (mut sender, mut first) = ends(suite);
        let records: Vec<Vec<u8>> = (0..80).map(|_| sender.protect(b"x").unwrap()).collect();
        for record in records.iter().take(60).step_by(2) {
            first.unprotect(record);
        }
        let mut second = Receiver::new(&session(suite, false), first.state()).unwrap();
        for record in &records {
            assert_eq!(second.unprotect(record), first.unprotect(record));
        }
        assert_eq!(first.state(), second.state());
    }
}

#[test]
fn numbers_end_and_states_out_of_range_are_refused() {
    let session = session(Suite::Aes128GcmSha256, true);
    let mut last = Sender::new(&session, SEQUENCE_END - 1).unwrap();
    assert!(last.protect(b"the last").is_ok());
    assert_eq!(last.protect(b"one more"), Err(Unsendable::SequenceExhausted));
    assert_eq!(last.close_notify(), Err(Unsendable::SequenceExhausted));
    assert_eq!(
        last.state().advanced_by(9).map(|state| Sender::resume(&session, state).unwrap().state()),
        Ok(last.state())
    );
    for wrong in [0, SEQUENCE_END + 1] {
        assert_eq!(Sender::new(&session, wrong).map(|_| ()), Err(BadState::SequenceOutOfRange));
    }
    let beyond = ReceiverState { next_sequence: SEQUENCE_END + 1, seen: 0 };
    assert_eq!(Receiver::new(&session, beyond).map(|_| ()), Err(BadState::SequenceOutOfRange));
    for wrong in [0, LONGEST_LEAP + 1] {
        let state = SenderState { next_sequence: 1 };
        assert_eq!(state.advanced_by(wrong).map(|_| ()), Err(BadState::LeapOutOfRange));
    }
}

#[test]
fn a_connection_is_a_value_that_another_owner_goes_on_from() {
    for suite in Suite::ALL {
        let mut client = Connection::after_handshake(session(suite, true), 1).unwrap();
        // Finished in two records, as OpenSSL's server likes to say it.
        let mut server = Connection::after_handshake(session(suite, false), 2).unwrap();
        let hello = client.protect(b"hello").unwrap();
        assert_eq!(server.unprotect(&hello), [Unprotected::Application(b"hello".to_vec())]);
        let ConnectionState { session, sender, receiver } = server.state();
        assert_eq!((session.is_client(), sender.next_sequence, receiver.next_sequence), (false, 2, 2));
        let unseen = server.protect(b"after the export").unwrap();
        let mut heir = Connection::resume(session, sender.advanced_by(10).unwrap(), receiver).unwrap();
        assert_eq!(heir.unprotect(&hello), []);
        assert_eq!(heir.counters().replayed, 1);
        let said = heir.protect(b"the heir").unwrap();
        assert_eq!(client.unprotect(&said), [Unprotected::Application(b"the heir".to_vec())]);
        assert_eq!(client.unprotect(&unseen), [Unprotected::Application(b"after the export".to_vec())]);
        assert_eq!(heir.unprotect(&client.close_notify().unwrap()), [Unprotected::CloseNotify]);
        assert_eq!(client.unprotect(&heir.close_notify().unwrap()), [Unprotected::CloseNotify]);
    }
    assert!(Connection::after_handshake(session(Suite::Aes128GcmSha256, true), 0).is_err());
}
