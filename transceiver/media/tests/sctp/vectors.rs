//! The vectors of `tests/vectors/sctp.json`: what aiortc's parser makes of packets that its encoders made, whole and damaged.
//! A Python test holds the file against aiortc.

use antiphon_media::data_channel::{Delivery, Opening, Patience};
use antiphon_media::sctp::{
    Address, Chunk, Fragment, Init, Outcome, Packet, Received, Reconfiguration, Skipped, Step, Writer, kind,
};
use serde_json::{Value, json};

fn rows(table: &str, least: usize) -> Vec<Value> {
    // When it runs, not when it was compiled: a cache of builds may serve several checkouts.
    let path = format!("{}/../../tests/vectors/sctp.json", std::env::var("CARGO_MANIFEST_DIR").unwrap());
    let document: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let rows = document[table].as_array().unwrap().clone();
    assert!(rows.len() >= least, "{table} has {} rows", rows.len());
    rows
}

fn bytes(row: &Value) -> Vec<u8> {
    let digits = row["hex"].as_str().unwrap().as_bytes();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

#[test]
fn packets_are_read_as_aiortc_reads_them() {
    for row in rows("packets", 50).iter().chain(&rows("bundled", 10)) {
        let data = bytes(row);
        let packet = Packet::parse(&data).unwrap_or_else(|refused| panic!("{refused:?}: {row}"));
        let Address { source_port, destination_port, tag } = packet.address;
        assert_eq!(json!([source_port, destination_port, tag]), row["address"]);
        let expected = row["chunks"].as_array().unwrap();
        assert_eq!(packet.chunks.len(), expected.len());
        for (chunk, expected) in packet.chunks.iter().zip(expected) {
            // What a DATA chunk's flags say is in its fields; flags of others mean nothing.
            assert_eq!(read(chunk), *expected, "{row}");
        }
    }
}

#[test]
fn what_aiortc_or_its_guard_refuses_is_refused() {
    for row in rows("damaged", 100) {
        assert!(Packet::parse(&bytes(&row)).is_err(), "{row}");
    }
}

#[test]
fn packets_are_written_as_aiortc_writes_them() {
    let mut compared = 0;
    for row in rows("packets", 50) {
        let data = bytes(&row);
        let packet = Packet::parse(&data).unwrap();
        let mut writer = Writer::new(packet.address, 1500);
        if write(&packet.chunks[0], &data, &mut writer) {
            assert_eq!(hex(&writer.finish()), hex(&data), "{row}");
            compared += 1;
        }
    }
    assert!(compared >= 20, "{compared}");
}

#[test]
fn openings_are_read_and_written_as_rfc_8832_has_them() {
    for row in rows("openings", 18) {
        let data = bytes(&row);
        let kind = row["kind"].as_u64().unwrap();
        let limit = row["limit"].as_u64().unwrap() as u32;
        let patience = match kind & 0x7F {
            0 => Patience::Reliable,
            1 => Patience::Retransmissions(limit as u16),
            _ => Patience::Milliseconds(limit),
        };
        let opening = Opening {
            delivery: Delivery { is_unordered: kind & 0x80 != 0, patience },
            label: row["label"].as_str().unwrap().into(),
            protocol: row["protocol"].as_str().unwrap().into(),
        };
        assert_eq!(Opening::parse(&data), Some(opening.clone()));
        assert_eq!(opening.to_bytes(), data);
        for damaged in [&data[..data.len() - 1], &[data.as_slice(), b"x"].concat(), &data[1..], b""] {
            assert_eq!(Opening::parse(damaged), None, "{row}");
        }
    }
}

fn read(chunk: &Chunk<'_>) -> Value {
    match chunk {
        Chunk::Data(data) => {
            let bit = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
            let flags = bit(data.is_last(), 1)
                | bit(data.is_first(), 2)
                | bit(data.is_unordered(), 4)
                | bit(data.is_immediate(), 8);
            let numbers = json!([data.tsn, data.stream, data.sequence, data.protocol]);
            json!({"data": numbers, "flags": flags, "payload_hex": hex(data.payload)})
        }
        Chunk::Init(init) => hello("init", init),
        Chunk::InitAck(init) => hello("init_ack", init),
        Chunk::Sack(sack) => json!({
            "sack": [sack.cumulative, sack.window],
            "gaps": sack.gaps().collect::<Vec<_>>(),
            "duplicates": sack.duplicates().collect::<Vec<_>>(),
        }),
        Chunk::ForwardTsn(forward) => {
            json!({"forward_tsn": forward.cumulative, "streams": forward.streams().collect::<Vec<_>>()})
        }
        Chunk::Reconfiguration(reconfiguration) => {
            json!({"reconfiguration": reconfiguration.steps.iter().map(step).collect::<Vec<_>>()})
        }
        Chunk::Shutdown(cumulative) => json!({ "shutdown": cumulative }),
        Chunk::Heartbeat(body) => json!({"type": kind::HEARTBEAT, "body_hex": hex(body)}),
        Chunk::HeartbeatAck(body) => json!({"type": kind::HEARTBEAT_ACK, "body_hex": hex(body)}),
        Chunk::CookieEcho(body) => json!({"type": kind::COOKIE_ECHO, "body_hex": hex(body)}),
        Chunk::Abort { .. } => json!({"type": kind::ABORT}),
        Chunk::ShutdownAck => json!({"type": kind::SHUTDOWN_ACK}),
        Chunk::Error(_) => json!({"type": kind::ERROR}),
        Chunk::CookieAck => json!({"type": kind::COOKIE_ACK}),
        Chunk::ShutdownComplete { .. } => json!({"type": kind::SHUTDOWN_COMPLETE}),
        Chunk::Unknown { kind, .. } => panic!("{kind} is not known"),
    }
}

fn hello(name: &str, init: &Init<'_>) -> Value {
    let hello = init.hello;
    let numbers = [hello.tag, hello.window, hello.outbound_streams.into(), hello.inbound_streams.into()];
    let extensions = init.extensions();
    json!({
        name: numbers.into_iter().chain([hello.initial_tsn]).collect::<Vec<_>>(),
        "extensions": [extensions.partial_reliability, extensions.reconfiguration],
        "cookies": init.cookie().map(hex).into_iter().collect::<Vec<_>>(),
    })
}

fn step(step: &Step) -> Value {
    match step {
        Step::Reset { request, last_tsn, streams } => json!(["reset", request, last_tsn, streams]),
        Step::Response { request, outcome } => json!(["response", request, outcome.to_wire()]),
        Step::Other { request } => json!(["other", request]),
    }
}

/// False if there is nothing of ours that says the same.
fn write(chunk: &Chunk<'_>, packet: &[u8], writer: &mut Writer) -> bool {
    match chunk {
        Chunk::Data(data) if !data.is_immediate() => Fragment {
            stream: data.stream,
            sequence: data.sequence,
            protocol: data.protocol,
            is_unordered: data.is_unordered(),
            is_first: data.is_first(),
            is_last: data.is_last(),
            payload: data.payload.to_vec(),
        }
        .write(writer, data.tsn),
        Chunk::Sack(sack) => Received {
            cumulative: sack.cumulative,
            window: sack.window,
            gaps: sack.gaps().collect(),
            duplicates: sack.duplicates().collect(),
        }
        .write(writer),
        Chunk::ForwardTsn(forward) => {
            Skipped { cumulative: forward.cumulative, streams: forward.streams().collect() }.write(writer)
        }
        Chunk::Reconfiguration(Reconfiguration { steps }) => {
            let is_ours = match &steps[..] {
                [Step::Reset { .. }] => true,
                [Step::Response { outcome, .. }] => !matches!(outcome, Outcome::Other(_)),
                _ => false,
            };
            // The number of the answer before, in a reset.
            let answered = packet.get(24..28).map_or(0, |word| u32::from_be_bytes(word.try_into().unwrap()));
            is_ours && Reconfiguration { steps: steps.clone() }.write(writer, answered)
        }
        _ => false,
    }
}
