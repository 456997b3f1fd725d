//! The golden vectors of `tests/vectors/`, which the Python tests read too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::net::SocketAddr;

use antiphon_wire::hop::{self, Record};
use antiphon_wire::key_ring::{KeyRing, KeySpec};
use antiphon_wire::route_table::{Held, RouteTable};
use antiphon_wire::stun::{self, Class, Role};
use antiphon_wire::ticket::{Ticket, Validity};
use serde_json::Value;

fn vectors(file: &str) -> Value {
    // When it runs, not when it was compiled: a cache of builds may serve several checkouts.
    let path = format!("{}/../tests/vectors/{file}", std::env::var("CARGO_MANIFEST_DIR").unwrap());
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The rows of one table, each with its name; an empty table would be a test that cannot fail.
fn rows<'a>(document: &'a Value, table: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let rows = document[table].as_array().unwrap();
    assert!(!rows.is_empty(), "{table} is empty");
    rows.iter().map(|row| (text(row, "name"), row))
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{field} of {row}"))
}

fn number<N: TryFrom<u64, Error: std::fmt::Debug>>(row: &Value, field: &str) -> N {
    row[field].as_u64().unwrap_or_else(|| panic!("{field} of {row}")).try_into().unwrap()
}

fn bytes(row: &Value, field: &str) -> Vec<u8> {
    unhex(text(row, field))
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn key_ring(document: &Value) -> KeyRing {
    let spec = |row: &Value| KeySpec {
        id: text(row, "id").as_bytes()[0],
        secret: bytes(row, "secret_hex").try_into().unwrap(),
        mint_from: number(row, "mint_from"),
        mint_until: number(row, "mint_until"),
        accept_until: number(row, "accept_until"),
    };
    KeyRing::new(document["keys"].as_array().unwrap().iter().map(spec).collect()).unwrap()
}

fn validity(row: &Value) -> Validity {
    Validity { longest_call_s: number(row, "longest_s"), skew_s: number(row, "skew_s") }
}

#[test]
fn tickets_are_minted_as_the_vectors_say() {
    let document = vectors("tickets.json");
    let ring = key_ring(&document);
    for (name, row) in rows(&document, "minted") {
        let now = number(row, "now");
        let ticket = Ticket {
            cluster_id: number(row, "cluster_id"),
            route: number(row, "route"),
            expires_at: number(row, "expires_at"),
            nonce: number(row, "nonce"),
        };
        let minted = ring.mint(ticket, now).expect(name);
        assert_eq!(minted.ufrag, text(row, "ufrag"), "{name}");
        assert_eq!(minted.password, text(row, "password"), "{name}");
        assert_eq!(minted.call_id, text(row, "call_id"), "{name}");
        assert_eq!(ring.inspect(minted.ufrag.as_bytes(), now), Ok(ticket), "{name}");
        assert_eq!(ring.password(minted.ufrag.as_bytes(), now), Ok(minted.password), "{name}");
        let call_id = ring.open_call_id(minted.call_id.as_bytes(), now).expect(name);
        assert_eq!(call_id.ticket, ticket, "{name}");
        assert_eq!(char::from(call_id.key_id).to_string(), text(row, "key_id"), "{name}");
    }
}

#[test]
fn tickets_are_opened_and_refused_as_the_vectors_say() {
    let document = vectors("tickets.json");
    let ring = key_ring(&document);
    for (name, row) in rows(&document, "opened") {
        let opened = ring.open(text(row, "ufrag").as_bytes(), number(row, "now"), validity(row)).expect(name);
        assert_eq!(opened.expires_at, number::<u64>(row, "expires_at"), "{name}");
    }
    for (name, row) in rows(&document, "refused") {
        let refused = ring.open(text(row, "ufrag").as_bytes(), number(row, "now"), validity(row)).unwrap_err();
        assert_eq!(refused.label(), text(row, "reason"), "{name}");
    }
    for (name, row) in rows(&document, "refused_call_ids") {
        let refused = ring.open_call_id(text(row, "call_id").as_bytes(), 1_795_226_400).unwrap_err();
        assert_eq!(refused.label(), text(row, "reason"), "{name}");
    }
}

#[test]
fn stun_messages_are_read_as_the_vectors_say() {
    let document = vectors("stun.json");
    for (name, row) in rows(&document, "messages") {
        let datagram = bytes(row, "hex");
        let message = stun::parse(&datagram).expect(name);
        let class = match text(row, "kind") {
            "request" => Class::Request,
            "indication" => Class::Indication,
            "success" => Class::Success,
            "error" => Class::Error,
            other => panic!("{name}: {other}"),
        };
        let controlling = row["controlling"].as_u64().map(Role::Controlling);
        let role = controlling.or(row["controlled"].as_u64().map(Role::Controlled));
        assert_eq!(message.class, class, "{name}");
        assert_eq!(message.transaction_id.as_slice(), bytes(row, "transaction_id"), "{name}");
        assert_eq!(message.username, row["username"].as_str().map(str::as_bytes), "{name}");
        assert_eq!(message.priority.map(u64::from), row["priority"].as_u64(), "{name}");
        assert_eq!(message.use_candidate, row["use_candidate"].as_bool().unwrap(), "{name}");
        assert_eq!(message.role, role, "{name}");
        assert_eq!(message.error_code.map(u64::from), row["error_code"].as_u64(), "{name}");
        assert_eq!(message.unknown_required.map(u64::from), row["unknown_required"].as_u64(), "{name}");
        assert_eq!(message.has_fingerprint, row["has_fingerprint"].as_bool().unwrap(), "{name}");
        let mapped = row["xor_mapped_address"].as_array().map(|pair| {
            SocketAddr::new(pair[0].as_str().unwrap().parse().unwrap(), pair[1].as_u64().unwrap().try_into().unwrap())
        });
        assert_eq!(message.xor_mapped_address, mapped, "{name}");
        match row["integrity_key_hex"].as_str() {
            Some(key) => assert!(message.verify(&unhex(key)), "{name}"),
            None => assert!(!message.verify(b""), "{name}"),
        }
        assert!(!message.verify(b"another"), "{name}");
    }
    for (name, row) in rows(&document, "refused") {
        assert_eq!(stun::parse(&bytes(row, "hex")).unwrap_err().label(), text(row, "reason"), "{name}");
    }
}

#[test]
fn hop_datagrams_are_read_and_written_as_the_vectors_say() {
    let document = vectors("hop.json");
    for (name, row) in rows(&document, "datagrams") {
        let datagram = bytes(row, "hex");
        let read: Vec<_> = hop::records(&datagram).collect::<Result<_, _>>().expect(name);
        let expected = row["records"].as_array().unwrap();
        assert_eq!(read.len(), expected.len(), "{name}");
        let mut packed = Vec::new();
        for (record, fields) in read.iter().zip(expected) {
            assert_fields(name, record, fields);
            assert!(record.encode_into(&mut packed), "{name}");
        }
        if row["canonical"].as_bool().unwrap() {
            assert_eq!(packed, datagram, "{name}");
        }
    }
    for (name, row) in rows(&document, "refused") {
        let datagram = bytes(row, "hex");
        let refused = hop::records(&datagram).find_map(Result::err).expect(name);
        assert_eq!(refused.label(), text(row, "reason"), "{name}");
        assert!(hop::records(&datagram).last().unwrap().is_err(), "{name}: nothing follows an error");
    }
}

fn assert_fields(name: &str, record: &Record<'_>, fields: &Value) {
    let client = SocketAddr::new(text(fields, "client_host").parse().unwrap(), number(fields, "client_port"));
    let tlvs: Vec<_> =
        fields["tlvs"].as_array().unwrap().iter().map(|tlv| (tlv[0].as_u64(), unhex_value(&tlv[1]))).collect();
    let read: Vec<_> = hop::tlvs(record.tlvs).map(|(kind, value)| (Some(u64::from(kind)), value.to_vec())).collect();
    assert_eq!(record.route, number::<u32>(fields, "route"), "{name}");
    assert_eq!(record.client, client, "{name}");
    assert_eq!(record.local_index, number::<u8>(fields, "local_index"), "{name}");
    assert_eq!(record.no_pack, fields["no_pack"].as_bool().unwrap(), "{name}");
    assert_eq!(read, tlvs, "{name}");
    assert_eq!(record.payload, bytes(fields, "payload_hex"), "{name}");
}

fn unhex_value(value: &Value) -> Vec<u8> {
    unhex(value.as_str().unwrap())
}

#[test]
fn route_tables_are_taken_refused_and_held_back_as_the_vectors_say() {
    let document = vectors("route_tables.json");
    for (name, row) in rows(&document, "accepted") {
        let table = RouteTable::from_json(&row["document"].to_string()).expect(name);
        for owner in row["owners"].as_array().unwrap() {
            let found = table.owner(owner[0].as_u64().unwrap().try_into().unwrap());
            assert_eq!(found.map(|found| found.hop.to_string()).as_deref(), owner[1].as_str(), "{name}");
            assert_eq!(found.map(|found| format!("{:?}", found.state)).as_deref(), owner[2].as_str(), "{name}");
        }
        let again = RouteTable::from_json(&table.to_json()).expect(name);
        assert_eq!(again.to_json(), table.to_json(), "{name}");
    }
    for (name, row) in rows(&document, "refused") {
        let refused = RouteTable::from_json(text(row, "text")).unwrap_err().to_string();
        assert!(refused.contains(text(row, "says")), "{name}: {refused}");
    }
    for (name, row) in rows(&document, "replaced") {
        let table = |field: &str| RouteTable::from_json(&row[field].to_string()).expect(name);
        let held = table("current").accepts(&table("newer")).err();
        assert_eq!(held.map(|held| held.to_string()).as_deref(), row["held"].as_str(), "{name}");
        assert_eq!(held.map(Held::reason), row["reason"].as_str(), "{name}");
    }
}
