"""Writes every fuzz target's first corpus from the golden vectors: `seeds.py VECTORS CORPUS`."""

import json
import struct
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any


def main(vectors: Path, corpus: Path) -> None:
    for target, inputs in (relay_seeds(vectors) | media_seeds(vectors) | secure_channel_seeds(vectors)).items():
        folder = corpus / target
        folder.mkdir(parents=True, exist_ok=True)
        for data in inputs:
            (folder / sha256(data).hexdigest()[:16]).write_bytes(data)


def rows(file: Path, *tables: str) -> Iterator[dict[str, Any]]:
    document = json.loads(file.read_text())
    for table in tables:
        yield from document[table]


def relay_seeds(vectors: Path) -> dict[str, list[bytes]]:
    return {
        "stun": [bytes.fromhex(row["hex"]) for row in rows(vectors / "stun.json", "messages", "refused")],
        "hop": [bytes.fromhex(row["hex"]) for row in rows(vectors / "hop.json", "datagrams", "refused")],
        "ticket": [
            *(
                ticket(row["now"], row["ufrag"])
                for row in rows(vectors / "tickets.json", "minted", "opened", "refused")
            ),
            *(ticket(row["now"], row["call_id"]) for row in rows(vectors / "tickets.json", "minted")),
        ],
        "verdict": [
            *(
                who + bytes.fromhex(row["hex"])
                for row in rows(vectors / "stun.json", "messages")
                for who in (b"\0", b"\1")
            ),
            *(b"\2" + bytes.fromhex(row["hex"]) for row in rows(vectors / "hop.json", "datagrams")),
        ],
        "switchboard": [bytes.fromhex(row["hex"]) for row in rows(vectors / "hop.json", "datagrams", "refused")],
        "route_table": [
            *(json.dumps(row["document"]).encode() for row in rows(vectors / "route_tables.json", "accepted")),
            *(row["text"].encode() for row in rows(vectors / "route_tables.json", "refused")),
        ],
    }


def media_seeds(vectors: Path) -> dict[str, list[bytes]]:
    return {
        "rtp": [bytes.fromhex(row["hex"]) for row in rows(vectors / "rtp.json", "rtp", "rtp_damaged")],
        "rtcp": [
            bytes.fromhex(row["hex"]) for row in rows(vectors / "rtp.json", "rtcp", "rtcp_departures", "rtcp_damaged")
        ],
        "srtp": [
            bytes([profile, 1, 0, 20]) + bytes.fromhex(sent["plain_hex"])
            for session in rows(vectors / "srtp.json", "sessions")
            for sent in session["sent"]
            for profile in range(3)
        ],
        "uplink": [
            call(settings, bytes.fromhex(row["hex"]))
            for row in rows(vectors / "rtp.json", "opus")
            for settings in (0, 7)
        ],
        "red": [redundant(bytes.fromhex(row["hex"])) for row in rows(vectors / "rtp.json", "opus")],
    }


def secure_channel_seeds(vectors: Path) -> dict[str, list[bytes]]:
    return {
        "sctp": [
            b"".join(chunk(near, bytes.fromhex(row["hex"])) for near in (0, 1, 3))
            for row in rows(vectors / "sctp.json", "packets", "bundled")
        ],
        "data_channel": [
            *(bytes.fromhex(row["hex"]) for row in rows(vectors / "sctp.json", "openings")),
            *(conversation(bytes.fromhex(row["hex"])) for row in rows(vectors / "sctp.json", "openings")),
        ],
        "dtls_records": [
            bytes([suite | succession, 1, 0, 20, near]) + bytes(7) + bytes([1]) + bytes.fromhex(record[field])
            for suite, session in enumerate(rows(vectors / "dtls_records.json", "sessions"))
            for succession, near in ((0, 128), (0, 120), (0x80, 127), (0x80, 40))
            for record in session["records"]
            for field in ("hex", "payload_hex")
        ],
        "call_export": [bytes.fromhex(row["content_hex"]) for row in rows(vectors / "call_exports.json", "exports")],
    }


def chunk(near: int, packet: bytes) -> bytes:
    # The first chunk of a packet, its TSN as it is or near to those expected, then a second's pause.
    kind, flags, length = struct.unpack_from(">BBH", packet, 12)
    body = packet[16 : min(12 + length, 16 + 255)]
    return bytes((near, flags, kind, len(body))) + body + bytes((5, 0, 0, 100)) + bytes(100)


def conversation(opening: bytes) -> bytes:
    # Opened, spoken on both ways, and closed by either side.
    said = ((0, 0, opening), (0, 3, b"text"), (6, 0, b"answer"), (4, 0, b""), (0, 0, opening), (5, 0, b""))
    return b"".join(bytes((what, 2, protocol, len(message))) + message for what, protocol, message in said)


def ticket(now: int, text: str) -> bytes:
    # The target halves the time.
    return struct.pack(">Q", now << 1) + text.encode()


def redundant(packet: bytes) -> bytes:
    # RFC 2198 section 3: a block 960 ticks older, then the packet itself. The target's timestamp lies in front.
    header = struct.pack(">BHB", 0x80 | 111, 960 << 2 | len(packet) >> 8, len(packet) & 0xFF)
    return bytes(4) + header + bytes((111,)) + packet + packet


def call(settings: int, packet: bytes) -> bytes:
    # Steps 1, 2, 4 … of 20 ms (2^14 us), 960 ticks each: packets of one stream with gaps, and a look in between.
    steps = [(14, ahead, 4, 60 * ahead, flags) for ahead, flags in ((1, 0), (1, 0), (2, 0), (1, 0x40), (4, 0), (1, 0))]
    head = bytes((settings, 30))
    return head + b"".join(
        struct.pack(">BhBBBBx", pause, ahead << 4, leap, times, flags, len(packet)) + packet
        for pause, ahead, leap, times, flags in steps
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
