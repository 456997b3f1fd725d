"""RTP and RTCP as aiortc reads and writes them, for the parsers of the native media: `rtp_vectors.py FILE` writes them.

The packets are random but always the same. Where aiortc departs from the RFCs, the row lies apart, with the reason.
"""

from __future__ import annotations

import json
import random
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from aiortc import rtp

import opus_packet

Row = dict[str, Any]

_MOST_LOST = (1 << 23) - 1


def document() -> Row:
    chance = random.Random(5)
    written_rtp = [_rtp_packet(chance) for _ in range(40)]
    written_rtcp = [_compound(chance) for _ in range(40)]
    return {
        "about": "Written by tests/support/rtp_vectors.py; `refused` by aiortc and by us.",
        "rtp": [_read_rtp(f"written {number}", data) for number, data in enumerate(written_rtp)],
        "rtp_damaged": _damaged(chance, written_rtp, _read_rtp),
        "rtcp": [_read_rtcp(f"written {number}", data) for number, data in enumerate(written_rtcp)],
        "rtcp_damaged": _damaged(chance, written_rtcp, _read_rtcp),
        "rtcp_departures": list(_departures()),
        "opus": [_opus_row(chance, contents) for contents in range(256)],
    }


def write(file: Path) -> None:
    """A row a line."""
    about, *tables = document().items()
    lines = [",\n".join(json.dumps(row) for row in rows) for _, rows in tables]
    named = [f'"{name}": [\n{rows}\n]' for (name, _), rows in zip(tables, lines, strict=True)]
    file.write_text("{" + f'"about": {json.dumps(about[1])},\n' + ",\n".join(named) + "}\n")


def _rtp_packet(chance: random.Random) -> bytes:
    packet = rtp.RtpPacket(
        payload_type=chance.randrange(128),
        marker=chance.randrange(2),
        sequence_number=_number(chance, 16),
        timestamp=_number(chance, 32),
        ssrc=_number(chance, 32),
        payload=chance.randbytes(chance.choice((0, 1, 2, 60, 160))),
    )
    packet.csrc = [_number(chance, 32) for _ in range(chance.choice((0, 0, 1, 15)))]
    data = packet.serialize()
    head = 12 + 4 * len(packet.csrc)
    if chance.random() < 0.4:
        words = chance.choice((0, 1, 3))
        # Padding elements only (RFC 8285 §4.1.1): what aiortc makes of the others is none of ours.
        extension = struct.pack("!HH", 0xBEDE, words) + bytes(4 * words)
        data = bytes((data[0] | 0x10,)) + data[1:head] + extension + data[head:]
    if chance.random() < 0.3:
        padding = chance.choice((1, 4, 255))
        data = bytes((data[0] | 0x20,)) + data[1:] + bytes(padding - 1) + bytes((padding,))
    return data


def _compound(chance: random.Random) -> bytes:
    ssrc = _number(chance, 32)
    reports = [_block(chance) for _ in range(chance.choice((0, 1, 1, 1, 2, 2, 31)))]
    parts: list[rtp.AnyRtcpPacket] = []
    if chance.random() < 0.5:
        parts.append(rtp.RtcpSrPacket(ssrc, rtp.RtcpSenderInfo(_number(chance, 64), *_numbers(chance, 3)), reports))
    else:
        parts.append(rtp.RtcpRrPacket(ssrc, reports))
    if chance.random() < 0.6:
        # One name, whose nulls are as aiortc writes them: see the departures.
        name = chance.randbytes(chance.choice((0, 1, 4, 17, 255)))
        parts.append(rtp.RtcpSdesPacket([rtp.RtcpSourceInfo(ssrc, [(1, name)])]))
    if chance.random() < 0.5:
        first = chance.randrange(1 << 15)
        lost = sorted(chance.sample(range(first, first + 60), chance.choice((1, 2, 20))))
        parts.append(rtp.RtcpRtpfbPacket(1, ssrc, _number(chance, 32), lost))
    if chance.random() < 0.3:
        parts.append(rtp.RtcpPsfbPacket(rtp.RTCP_PSFB_PLI, ssrc, _number(chance, 32)))
    if chance.random() < 0.3:
        parts.append(rtp.RtcpByePacket(_numbers(chance, chance.choice((0, 1, 31)))))
    return b"".join(map(bytes, parts))


def _block(chance: random.Random) -> rtp.RtcpReceiverInfo:
    lost = chance.choice((0, 7, -1, _MOST_LOST, -_MOST_LOST - 1))
    return rtp.RtcpReceiverInfo(_number(chance, 32), chance.randrange(256), lost, *_numbers(chance, 4))


def _number(chance: random.Random, bits: int) -> int:
    return chance.choice((0, 1, (1 << bits) - 1, chance.getrandbits(bits)))


def _numbers(chance: random.Random, count: int) -> list[int]:
    return [_number(chance, 32) for _ in range(count)]


def _damaged(chance: random.Random, written: list[bytes], read: Callable[[str, bytes], Row]) -> list[Row]:
    """Cut off, or with one of the first bytes changed that say what is there and how long it is."""
    rows = []
    for number, data in enumerate(written):
        rows.append(read(f"cut off {number}", data[: chance.randrange(len(data))]))
        changed = bytearray(data)
        changed[0] = chance.choice((0, 0x40, 0xC0)) | data[0] & 0x3F
        rows.append(read(f"of another version {number}", bytes(changed)))
    return [row for row in rows if "refused" in row]


def _read_rtp(name: str, data: bytes) -> Row:
    row: Row = {"name": name, "hex": data.hex()}
    try:
        packet = rtp.RtpPacket.parse(data)
    except ValueError as error:
        return row | {"refused": str(error)}
    return row | {
        "marker": bool(packet.marker),
        "payload_type": packet.payload_type,
        "sequence": packet.sequence_number,
        "timestamp": packet.timestamp,
        "ssrc": packet.ssrc,
        "csrcs": packet.csrc,
        "padding": packet.padding_size,
        "payload_hex": packet.payload.hex(),
    }


def _read_rtcp(name: str, data: bytes) -> Row:
    row: Row = {"name": name, "hex": data.hex()}
    if not data:
        return row | {"refused": "aiortc takes it for no packets"}
    try:
        packets = rtp.RtcpPacket.parse(data)
    except ValueError as error:
        return row | {"refused": str(error)}
    return row | {"packets": [part for packet in packets if (part := _rtcp_fields(packet)) is not None]}


def _rtcp_fields(packet: rtp.AnyRtcpPacket) -> Row | None:
    match packet:
        case rtp.RtcpSrPacket():
            info = packet.sender_info
            sender = [info.ntp_timestamp, info.rtp_timestamp, info.packet_count, info.octet_count]
            return {"report": packet.ssrc, "sender": sender, "blocks": list(map(_block_fields, packet.reports))}
        case rtp.RtcpRrPacket():
            return {"report": packet.ssrc, "sender": None, "blocks": list(map(_block_fields, packet.reports))}
        case rtp.RtcpSdesPacket():
            return {"cnames": [[chunk.ssrc, *(value.hex() for _, value in chunk.items)] for chunk in packet.chunks]}
        case rtp.RtcpByePacket():
            return {"goodbye": packet.sources}
        case rtp.RtcpRtpfbPacket(fmt=rtp.RTCP_RTPFB_NACK):
            return {"nack": [packet.ssrc, packet.media_ssrc], "lost": packet.lost}
    return None


def _block_fields(block: rtp.RtcpReceiverInfo) -> list[int]:
    return [
        block.ssrc,
        block.fraction_lost,
        block.packets_lost,
        block.highest_sequence,
        block.jitter,
        block.lsr,
        block.dlsr,
    ]


def _departures() -> Iterator[Row]:
    """What we read and aiortc does not, or reads otherwise: each row holds what the RFC says."""
    wrapping = rtp.RtcpRtpfbPacket(1, 7, 9)
    data = rtp.pack_rtcp_packet(rtp.RTCP_RTPFB, 1, bytes(wrapping)[4:] + struct.pack("!HH", 65_535, 0b101))
    wrapped = [{"nack": [7, 9], "lost": [65_535, 0, 2]}]
    yield _departure("a NACK over the wrap: aiortc counts on past 65535", data, wrapped)

    names = struct.pack("!IBB2sII", 1, 1, 1, b"a\0", 2, 0) + struct.pack("!II", 3, 0)
    described: list[Row] = [{"cnames": [[1, "61"], [2], [3]]}]
    data = rtp.pack_rtcp_packet(rtp.RTCP_SDES, 3, names)
    yield _departure("several sources: aiortc does not go on at the next word", data, described)

    report = struct.pack("!I", 7) + struct.pack("!I", 0xABCD)
    data = rtp.pack_rtcp_packet(rtp.RTCP_RR, 0, report)
    extended: list[Row] = [{"report": 7, "sender": None, "blocks": []}]
    yield _departure("a report with an extension (RFC 3550 §6.4.3): aiortc wants none", data, extended)


def _departure(name: str, data: bytes, expected: list[Row]) -> Row:
    theirs = _read_rtcp(name, data)
    if theirs.get("packets") == expected:
        raise ValueError(f"aiortc has learnt it: {name}")
    return theirs | {"refused": theirs.get("refused"), "packets": expected}


def _opus_row(chance: random.Random, contents: int) -> Row:
    packet = bytes((contents,)) + chance.randbytes(chance.choice((0, 1, 2, 40)))
    return {
        "hex": packet.hex(),
        "ticks": opus_packet.duration(packet),
        "pause": opus_packet.is_pause(packet),
        "fec": opus_packet.carries_fec(packet),
    }


if __name__ == "__main__":
    write(Path(sys.argv[1]))
