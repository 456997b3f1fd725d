//! What OpenSSL has protected is read, and written alike where the nonce is not its own choice.

use antiphon_media::dtls_records::{Receiver, ReceiverState, Sender, Session, Suite, Unprotected};
use serde_json::Value;

fn sessions() -> Vec<Value> {
    // When it runs, not when it was compiled: a cache of builds may serve several checkouts.
    let path = format!("{}/../../tests/vectors/dtls_records.json", std::env::var("CARGO_MANIFEST_DIR").unwrap());
    let document: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let sessions = document["sessions"].as_array().unwrap().clone();
    assert_eq!(sessions.len(), Suite::ALL.len());
    sessions
}

fn bytes(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap().as_bytes();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn session(row: &Value, is_client: bool) -> Session {
    let suite = Suite::from_openssl_name(row["suite"].as_str().unwrap()).unwrap();
    let [master_secret, client_random, server_random] =
        ["master_secret_hex", "client_random_hex", "server_random_hex"].map(|field| bytes(&row[field]));
    Session::new(suite, &master_secret, &client_random, &server_random, is_client).unwrap()
}

fn records(row: &Value, from_client: bool) -> Vec<(Vec<u8>, Vec<u8>)> {
    let records = row["records"].as_array().unwrap().iter().filter(|record| record["from_client"] == from_client);
    let records: Vec<_> = records.map(|record| (bytes(&record["payload_hex"]), bytes(&record["hex"]))).collect();
    assert_eq!(records.len(), 4);
    records
}

#[test]
fn its_records_are_let_in_and_its_farewell_is_understood() {
    for row in sessions() {
        for from_client in [true, false] {
            let mut receiver = Receiver::new(&session(&row, !from_client), ReceiverState::default()).unwrap();
            let records = records(&row, from_client);
            for (payload, record) in &records[..3] {
                assert_eq!(receiver.unprotect(record), [Unprotected::Application(payload.clone())]);
                assert_eq!(receiver.unprotect(record), []);
            }
            assert_eq!(receiver.unprotect(&records[3].1), [Unprotected::CloseNotify]);
            assert_eq!(receiver.counters().replayed, 3);
        }
    }
}

#[test]
fn ours_are_its_own_but_for_the_nonce_that_it_chooses() {
    for row in sessions() {
        for from_client in [true, false] {
            let records = records(&row, from_client);
            let first = u64::from_be_bytes(records[0].1[3..11].try_into().unwrap()) & ((1 << 48) - 1);
            let mut sender = Sender::new(&session(&row, from_client), first).unwrap();
            for (number, (payload, record)) in records.iter().enumerate() {
                let ours = if number == 3 { sender.close_notify() } else { sender.protect(payload) }.unwrap();
                assert_eq!((ours.len(), &ours[..13]), (record.len(), &record[..13]));
                if session(&row, true).suite() == Suite::ChaCha20Poly1305Sha256 {
                    assert_eq!(&ours, record);
                } else {
                    assert_eq!(ours[13..21], ours[3..11], "the explicit nonce is epoch and sequence number");
                }
            }
        }
    }
}

#[test]
fn a_finished_that_comes_again_and_another_hello_are_understood() {
    for row in sessions() {
        for from_client in [true, false] {
            let mut receiver = Receiver::new(&session(&row, !from_client), ReceiverState::default()).unwrap();
            let rows = row["handshake"].as_array().unwrap().iter();
            let records: Vec<_> = rows.filter(|record| record["from_client"] == from_client).collect();
            let said: Vec<_> = records.iter().flat_map(|record| receiver.unprotect(&bytes(&record["hex"]))).collect();
            assert_eq!(said, [Unprotected::Finished, Unprotected::Renegotiation]);
            // OpenSSL's server says Finished in two fragments, as it likes to.
            assert_eq!(receiver.counters().unwanted, records.len() as u64 - 2);
            assert_eq!(receiver.unprotect(&bytes(&records[0]["hex"])), []);
        }
    }
}

#[test]
fn the_suites_that_are_offered_are_known_by_name() {
    for (name, suite) in [
        ("ECDHE-RSA-AES128-GCM-SHA256", Some(Suite::Aes128GcmSha256)),
        ("ECDHE-RSA-AES256-GCM-SHA384", Some(Suite::Aes256GcmSha384)),
        ("ECDHE-RSA-CHACHA20-POLY1305", Some(Suite::ChaCha20Poly1305Sha256)),
        ("ECDHE-ECDSA-AES128-SHA", None),
    ] {
        assert_eq!(Suite::from_openssl_name(name), suite);
    }
}
