//! `tests/vectors/srtp.json`: the same packets protected to the same bytes as by libsrtp, and the same arrivals let in.

use antiphon_media::srtp::{Profile, Receiver, Refusal, Sender, SenderState, SenderStream, SrtpKeys};
use serde_json::Value;

fn sessions() -> Vec<(Value, SrtpKeys)> {
    // When it runs, not when it was compiled: a cache of builds may serve several checkouts.
    let path = format!("{}/../../tests/vectors/srtp.json", std::env::var("CARGO_MANIFEST_DIR").unwrap());
    let mut document: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let Value::Array(sessions) = document["sessions"].take() else { panic!("no sessions") };
    assert_eq!(sessions.len(), 15);
    sessions.into_iter().map(|session| (session.clone(), keys(&session))).collect()
}

/// The same in both directions.
fn keys(session: &Value) -> SrtpKeys {
    let profile = match text(session, "name").split(',').next() {
        Some("SRTP_AES128_CM_SHA1_80") => Profile::AesCm128HmacSha1_80,
        Some("SRTP_AEAD_AES_128_GCM") => Profile::AeadAes128Gcm,
        Some("SRTP_AEAD_AES_256_GCM") => Profile::AeadAes256Gcm,
        other => panic!("{other:?}"),
    };
    let (key, salt) = (bytes(session, "key_hex"), bytes(session, "salt_hex"));
    SrtpKeys::new(profile, (&key, &salt), (&key, &salt)).unwrap()
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{field} of {row}"))
}

fn bytes(row: &Value, field: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text(row, field).chars().map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn rows<'a>(session: &'a Value, table: &str) -> &'a [Value] {
    let rows = session[table].as_array().unwrap();
    assert!(!rows.is_empty(), "{table} of {}", session["name"]);
    rows
}

fn ssrc(plain: &[u8], is_rtp: bool) -> u32 {
    let field = if is_rtp { &plain[8..12] } else { &plain[4..8] };
    u32::from_be_bytes(field.try_into().unwrap())
}

#[test]
fn packets_are_protected_to_libsrtps_bytes() {
    for (session, keys) in sessions() {
        for sent in rows(&session, "sent") {
            let (mut packet, index) = (bytes(sent, "plain_hex"), sent["index"].as_u64().unwrap());
            let is_rtp = text(sent, "protocol") == "rtp";
            // A leap by one leads from the index before to this one.
            let stream = SenderStream {
                ssrc: ssrc(&packet, is_rtp),
                next_rtp_index: if is_rtp { index - 1 } else { 0 },
                next_rtcp_index: if is_rtp { 0 } else { u32::try_from(index).unwrap() - 1 },
            };
            let state = SenderState { streams: vec![stream] }.advanced_by(1).unwrap();
            let mut sender = Sender::resume(&keys, state);
            let used =
                if is_rtp { sender.protect_rtp(&mut packet) } else { sender.protect_rtcp(&mut packet).map(u64::from) };
            assert_eq!(used, Ok(index));
            assert_eq!(packet, bytes(sent, "protected_hex"), "{}: {sent}", session["name"]);
        }
    }
}

#[test]
fn arrivals_are_let_in_and_refused_as_by_libsrtp() {
    for (session, keys) in sessions() {
        let mut receiver = Receiver::new(&keys);
        for arrival in rows(&session, "arrivals") {
            let mut packet = bytes(arrival, "hex");
            let answer = match text(arrival, "protocol") {
                "rtp" => receiver.unprotect_rtp(&mut packet).map(drop),
                _ => receiver.unprotect_rtcp(&mut packet).map(drop),
            };
            let (outcome, left) = match answer {
                Ok(()) => ("let_in", "plain_hex"),
                Err(Refusal::Malformed) => ("malformed", "hex"),
                Err(Refusal::Unauthenticated) => ("unauthenticated", "hex"),
                Err(Refusal::Replayed) => ("replayed", "hex"),
                Err(Refusal::TooManyStreams) => ("too_many_streams", "hex"),
            };
            assert_eq!(outcome, text(arrival, "outcome"), "{}: {arrival}", session["name"]);
            assert_eq!(packet, bytes(arrival, left), "{}: {arrival}", session["name"]);
        }
    }
}
