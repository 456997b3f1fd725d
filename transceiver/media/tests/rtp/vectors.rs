//! The vectors of `tests/vectors/rtp.json`: what aiortc's parsers make of bytes that its encoders made, whole and damaged. A
//! Python test holds the file against aiortc.

use antiphon_media::opus_packet;
use antiphon_media::rtcp::{self, Builder, Compound};
use antiphon_media::rtp;
use serde_json::{Value, json};

fn document() -> Value {
    // When it runs, not when it was compiled: a cache of builds may serve several checkouts.
    let path = format!("{}/../../tests/vectors/rtp.json", std::env::var("CARGO_MANIFEST_DIR").unwrap());
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The rows of one table; a short table would be a test that cannot fail.
fn rows(table: &str, least: usize) -> Vec<Value> {
    let rows = document()[table].as_array().unwrap().clone();
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
fn rtp_is_read_as_aiortc_reads_it() {
    for row in rows("rtp", 40) {
        let data = bytes(&row);
        let packet = rtp::Packet::parse(&data).unwrap_or_else(|refusal| panic!("{refusal:?}: {row}"));
        let csrcs: Vec<u32> = packet.csrcs.iter().map(|csrc| u32::from_be_bytes(*csrc)).collect();
        let read = json!({
            "name": row["name"],
            "hex": row["hex"],
            "marker": packet.marker,
            "payload_type": packet.payload_type,
            "sequence": packet.sequence,
            "timestamp": packet.timestamp,
            "ssrc": packet.ssrc,
            "csrcs": csrcs,
            "padding": data.len() - packet.header_length() - packet.payload.len(),
            "payload_hex": hex(packet.payload),
        });
        assert_eq!(read, row);
    }
}

#[test]
fn rtp_is_written_as_aiortc_writes_it() {
    for row in rows("rtp", 40).iter().filter(|row| row["padding"] == 0) {
        let data = bytes(row);
        let mut written = Vec::new();
        assert!(rtp::Packet::parse(&data).unwrap().encode_into(&mut written));
        assert_eq!(written, data, "{row}");
    }
}

#[test]
fn what_aiortc_refuses_is_refused() {
    for row in rows("rtp_damaged", 40) {
        assert!(rtp::Packet::parse(&bytes(&row)).is_err(), "{row}");
    }
    for row in rows("rtcp_damaged", 40) {
        assert!(Compound::parse(&bytes(&row)).is_err(), "{row}");
    }
}

#[test]
fn rtcp_is_read_as_aiortc_reads_it() {
    for row in rows("rtcp", 40) {
        assert_eq!(read(&bytes(&row)), row["packets"], "{row}");
    }
}

#[test]
fn where_aiortc_departs_from_the_rfcs_they_are_followed() {
    for row in rows("rtcp_departures", 3) {
        assert_eq!(read(&bytes(&row)), row["packets"], "{row}");
    }
}

#[test]
fn rtcp_is_written_as_aiortc_writes_it() {
    let mut compared = 0;
    for row in rows("rtcp", 40) {
        let data = bytes(&row);
        for packet in Compound::parse(&data).unwrap().packets() {
            let Some(written) = written(&packet) else { continue };
            assert!(data.windows(written.len()).any(|part| part == written), "{row}");
            compared += 1;
        }
    }
    assert!(compared >= 60, "{compared}");
}

/// The packet of ours that says the same; descriptions and BYEs are only written of one source with a UTF-8 name.
fn written(packet: &rtcp::Packet<'_>) -> Option<Vec<u8>> {
    let builder = match packet {
        rtcp::Packet::Report(report) => {
            Builder::new(report.ssrc).report(report.sender, &report.blocks().collect::<Vec<_>>())
        }
        rtcp::Packet::Nack(nack) => {
            Builder::new(nack.sender_ssrc).nack(nack.media_ssrc, &nack.lost().collect::<Vec<_>>())
        }
        rtcp::Packet::Goodbye(goodbye) if goodbye.ssrcs().len() == 1 => Builder::new(goodbye.ssrcs().next()?).goodbye(),
        _ => return None,
    };
    Some(builder.finish())
}

fn read(data: &[u8]) -> Value {
    Compound::parse(data).unwrap().packets().map(|packet| fields(&packet)).collect()
}

fn fields(packet: &rtcp::Packet<'_>) -> Value {
    match packet {
        rtcp::Packet::Report(report) => {
            let sender =
                report.sender.map(|info| json!([info.ntp.0, info.timestamp, info.packets, info.payload_bytes]));
            let block = |block: rtcp::ReportBlock| {
                json!([
                    block.ssrc,
                    block.fraction_lost,
                    block.lost,
                    block.highest_sequence,
                    block.jitter,
                    block.last_sender_report,
                    block.delay,
                ])
            };
            json!({"report": report.ssrc, "sender": sender, "blocks": report.blocks().map(block).collect::<Value>()})
        }
        rtcp::Packet::SourceDescription(description) => {
            let chunk = |chunk: rtcp::Chunk<'_>| match chunk.cname {
                Some(name) => json!([chunk.ssrc, hex(name)]),
                None => json!([chunk.ssrc]),
            };
            json!({"cnames": description.chunks().map(chunk).collect::<Value>()})
        }
        rtcp::Packet::Goodbye(goodbye) => json!({"goodbye": goodbye.ssrcs().collect::<Vec<_>>()}),
        rtcp::Packet::Nack(nack) => {
            json!({"nack": [nack.sender_ssrc, nack.media_ssrc], "lost": nack.lost().collect::<Vec<_>>()})
        }
    }
}

#[test]
fn opus_packets_are_taken_for_what_the_python_media_takes_them_for() {
    for row in rows("opus", 256) {
        let packet = bytes(&row);
        assert_eq!(opus_packet::duration(&packet).unwrap_or_default(), row["ticks"], "{row}");
        assert_eq!(opus_packet::is_pause(&packet), row["pause"], "{row}");
        assert_eq!(opus_packet::carries_fec(&packet), row["fec"], "{row}");
    }
}
