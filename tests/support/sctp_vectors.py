"""SCTP packets and DCEP messages as aiortc reads and writes them, for the native parsers: `sctp_vectors.py FILE`.

The packets are random but always the same. Of damaged ones only those are kept that aiortc refuses: it takes much that
RFC 9260 does not allow, which is why `sctp_guard` stands before it; what that refuses is in rows of their own.
"""

from __future__ import annotations

import json
import random
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiortc import rtcsctptransport as sctp
from google_crc32c import value as crc32c

from sctp_guard import is_well_formed

Row = dict[str, Any]
Make = Callable[[random.Random], sctp.Chunk]


def document() -> Row:
    chance = random.Random(9260)
    written = [(type(chunk).__name__, _packet(chance, chunk)) for chunk in _chunks(chance)]
    return {
        "about": "Written by tests/support/sctp_vectors.py; `refused` by aiortc or its guard, and by us.",
        "packets": [_read(f"{kind} {number}", data) for number, (kind, data) in enumerate(written)],
        "bundled": [_bundled(chance, number) for number in range(12)],
        "damaged": _damaged(chance, [data for _, data in written]),
        "openings": [_opening(chance, kind) for kind in (0, 1, 2, 0x80, 0x81, 0x82) for _ in range(3)],
    }


def write(file: Path) -> None:
    """A row a line."""
    about, *tables = document().items()
    lines = [",\n".join(json.dumps(row) for row in rows) for _, rows in tables]
    named = [f'"{name}": [\n{rows}\n]' for (name, _), rows in zip(tables, lines, strict=True)]
    file.write_text("{" + f'"about": {json.dumps(about[1])},\n' + ",\n".join(named) + "}\n")


def _chunks(chance: random.Random) -> list[sctp.Chunk]:
    made: list[sctp.Chunk] = []
    for make in (_data, _init, _init_ack, _sack, _forward_tsn, _reset, _reset_response, _add_streams, _heartbeat):
        made.extend(make(chance) for _ in range(5))
    made.extend((sctp.CookieEchoChunk(body=chance.randbytes(40)), sctp.CookieAckChunk(), sctp.AbortChunk()))
    shutdown = sctp.ShutdownChunk()
    shutdown.cumulative_tsn = _number(chance, 32)
    made.extend((shutdown, sctp.ShutdownAckChunk(), sctp.ShutdownCompleteChunk(), sctp.ErrorChunk()))
    return made


def _data(chance: random.Random) -> sctp.Chunk:
    chunk = sctp.DataChunk(flags=chance.randrange(16))
    chunk.tsn, chunk.stream_id, chunk.stream_seq = _number(chance, 32), _number(chance, 16), _number(chance, 16)
    chunk.protocol = chance.choice((0, 50, 51, 53, 56, 57, 2**32 - 1))
    chunk.user_data = chance.randbytes(chance.choice((1, 2, 3, 4, 100, 1100)))
    return chunk


def _hello(chance: random.Random, chunk: sctp.InitChunk | sctp.InitAckChunk) -> None:
    chunk.initiate_tag = 1 + _number(chance, 31)
    chunk.advertised_rwnd, chunk.initial_tsn = _number(chance, 32), _number(chance, 32)
    chunk.outbound_streams, chunk.inbound_streams = (1 + _number(chance, 15) for _ in range(2))
    if chance.random() < 0.7:
        chunk.params.append((sctp.SCTP_PRSCTP_SUPPORTED, b""))
    if chance.random() < 0.7:
        chunk.params.append((sctp.SCTP_SUPPORTED_CHUNK_EXT, bytes(chance.sample((64, 130, 192, 194), 2))))
    if chance.random() < 0.5:
        chunk.params.append((0x8001, chance.randbytes(chance.randrange(9))))


def _init(chance: random.Random) -> sctp.Chunk:
    chunk = sctp.InitChunk()
    _hello(chance, chunk)
    return chunk


def _init_ack(chance: random.Random) -> sctp.Chunk:
    chunk = sctp.InitAckChunk()
    _hello(chance, chunk)
    chunk.params.append((sctp.SCTP_STATE_COOKIE, chance.randbytes(24)))
    return chunk


def _sack(chance: random.Random) -> sctp.Chunk:
    chunk = sctp.SackChunk()
    chunk.cumulative_tsn, chunk.advertised_rwnd = _number(chance, 32), _number(chance, 32)
    chunk.gaps = [(_number(chance, 16), _number(chance, 16)) for _ in range(chance.choice((0, 1, 5)))]
    chunk.duplicates = [_number(chance, 32) for _ in range(chance.choice((0, 1, 3)))]
    return chunk


def _forward_tsn(chance: random.Random) -> sctp.Chunk:
    chunk = sctp.ForwardTsnChunk()
    chunk.cumulative_tsn = _number(chance, 32)
    chunk.streams = [(_number(chance, 16), _number(chance, 16)) for _ in range(chance.choice((0, 1, 5)))]
    return chunk


def _reconfiguration(*params: tuple[int, bytes]) -> sctp.Chunk:
    chunk = sctp.ReconfigChunk()
    chunk.params = list(params)
    return chunk


def _reset(chance: random.Random) -> sctp.Chunk:
    streams = [_number(chance, 16) for _ in range(chance.choice((0, 1, 2, 7)))]
    reset = sctp.StreamResetOutgoingParam(_number(chance, 32), _number(chance, 32), _number(chance, 32), streams)
    return _reconfiguration((sctp.SCTP_STR_RESET_OUT_REQUEST, bytes(reset)))


def _reset_response(chance: random.Random) -> sctp.Chunk:
    response = sctp.StreamResetResponseParam(_number(chance, 32), chance.choice((0, 1, 2, 3, 4, 5, 6)))
    return _reconfiguration((sctp.SCTP_STR_RESET_RESPONSE, bytes(response)))


def _add_streams(chance: random.Random) -> sctp.Chunk:
    added = sctp.StreamAddOutgoingParam(_number(chance, 32), _number(chance, 16))
    return _reconfiguration((sctp.SCTP_STR_RESET_ADD_OUT_STREAMS, bytes(added)))


def _heartbeat(chance: random.Random) -> sctp.Chunk:
    chunk = chance.choice((sctp.HeartbeatChunk, sctp.HeartbeatAckChunk))()
    chunk.params = [(1, chance.randbytes(chance.randrange(40)))]
    return chunk


def _number(chance: random.Random, bits: int) -> int:
    return chance.choice((0, 1, (1 << bits) - 1, chance.getrandbits(bits)))


def _packet(chance: random.Random, *chunks: sctp.Chunk) -> bytes:
    header = struct.pack("!HHL", _number(chance, 16), _number(chance, 16), _number(chance, 32))
    return _checked(header + bytes(4) + b"".join(map(bytes, chunks)))


def _checked(packet: bytes) -> bytes:
    return packet[:8] + struct.pack("<L", crc32c(packet[:8] + bytes(4) + packet[12:])) + packet[12:]


def _bundled(chance: random.Random, number: int) -> Row:
    makes: tuple[Make, ...] = (_sack, _data, _data, _heartbeat, _forward_tsn)
    chunks = [make(chance) for make in chance.sample(makes, 3)]
    return _read(f"bundled {number}", _packet(chance, *chunks))


def _read(name: str, packet: bytes) -> Row:
    row: Row = {"name": name, "hex": packet.hex()}
    # First, since aiortc loops for ever on a parameter of length zero.
    if not is_well_formed(packet):
        return row | {"refused": "by the guard"}
    try:
        source, destination, tag, chunks = sctp.parse_packet(packet)
    except ValueError as error:
        return row | {"refused": str(error)}
    return row | {"address": [source, destination, tag], "chunks": [_fields(chunk) for chunk in chunks]}


def _fields(chunk: sctp.Chunk) -> Row:
    match chunk:
        case sctp.DataChunk():
            numbers = [chunk.tsn, chunk.stream_id, chunk.stream_seq, chunk.protocol]
            return {"data": numbers, "flags": chunk.flags, "payload_hex": chunk.user_data.hex()}
        case sctp.InitChunk() | sctp.InitAckChunk():
            numbers = [chunk.initiate_tag, chunk.advertised_rwnd, chunk.outbound_streams, chunk.inbound_streams]
            cookies = [value.hex() for kind, value in chunk.params if kind == sctp.SCTP_STATE_COOKIE]
            name = "init" if isinstance(chunk, sctp.InitChunk) else "init_ack"
            return {name: [*numbers, chunk.initial_tsn], "extensions": _extensions(chunk), "cookies": cookies}
        case sctp.SackChunk():
            gaps, duplicates = [list(gap) for gap in chunk.gaps], chunk.duplicates
            return {"sack": [chunk.cumulative_tsn, chunk.advertised_rwnd], "gaps": gaps, "duplicates": duplicates}
        case sctp.ForwardTsnChunk():
            return {"forward_tsn": chunk.cumulative_tsn, "streams": [list(pair) for pair in chunk.streams]}
        case sctp.ReconfigChunk():
            return {"reconfiguration": [_parameter(kind, value) for kind, value in chunk.params]}
        case sctp.ShutdownChunk():
            return {"shutdown": chunk.cumulative_tsn}
        case sctp.HeartbeatChunk() | sctp.HeartbeatAckChunk() | sctp.CookieEchoChunk():
            return {"type": chunk.type, "body_hex": chunk.body.hex()}
    return {"type": chunk.type}


def _extensions(chunk: sctp.InitChunk | sctp.InitAckChunk) -> list[bool]:
    """Partial reliability and reconfiguration, as aiortc's `_get_extensions` takes them."""
    supported = [
        kind for parameter, value in chunk.params if parameter == sctp.SCTP_SUPPORTED_CHUNK_EXT for kind in value
    ]
    named = [parameter for parameter, _ in chunk.params]
    return [sctp.SCTP_PRSCTP_SUPPORTED in named or sctp.ForwardTsnChunk.type in supported, 130 in supported]


def _parameter(kind: int, value: bytes) -> list[Any]:
    parameter = sctp.RECONFIG_PARAM_TYPES[kind].parse(value)
    match parameter:
        case sctp.StreamResetOutgoingParam():
            return ["reset", parameter.request_sequence, parameter.last_tsn, parameter.streams]
        case sctp.StreamResetResponseParam():
            return ["response", parameter.response_sequence, parameter.result]
        case sctp.StreamAddOutgoingParam():
            return ["other", parameter.request_sequence]
    raise ValueError(kind)


def _damaged(chance: random.Random, written: list[bytes]) -> list[Row]:
    rows = []
    for number, packet in enumerate(written):
        rows.append(_read(f"cut off {number}", packet[: chance.randrange(len(packet))]))
        rows.append(_read(f"cut off, with a checksum {number}", _checked(packet[: chance.randrange(12, len(packet))])))
        length = struct.unpack_from("!H", packet, 14)[0]
        wrong = bytearray(packet)
        wrong[14:16] = struct.pack("!H", chance.choice((0, 3, max(length - 4, 0), length + 4, 65_535)))
        rows.append(_read(f"of a wrong length {number}", _checked(bytes(wrong))))
        changed = bytearray(packet)
        changed[chance.randrange(len(packet))] ^= 1 << chance.randrange(8)
        rows.append(_read(f"with a bit changed {number}", bytes(changed)))
    return [row for row in rows if "refused" in row]


def _opening(chance: random.Random, kind: int) -> Row:
    """RFC 8832 §5.1, as aiortc's `_data_channel_open` packs it."""
    label, protocol = chance.choice(("", "oai-events", "ünïcode")), chance.choice(("", "json"))
    limit = 0 if kind & 0x7F == 0 else _number(chance, 16)
    lengths = len(label.encode()), len(protocol.encode())
    packed = struct.pack("!BBHLHH", sctp.DATA_CHANNEL_OPEN, kind, 0, limit, *lengths)
    data = packed + label.encode() + protocol.encode()
    return {"hex": data.hex(), "kind": kind, "limit": limit, "label": label, "protocol": protocol}


if __name__ == "__main__":
    write(Path(sys.argv[1]))
