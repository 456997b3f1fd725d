"""What the native association lets in is of the form of RFC 9260 by another judgement, and by aiortc's parser.

And what aiortc's association sends, it lets in.
"""

import struct
from secrets import token_bytes

import pytest
from aiortc.rtcsctptransport import (
    AbortChunk,
    Chunk,
    CookieEchoChunk,
    DataChunk,
    ForwardTsnChunk,
    HeartbeatChunk,
    InitChunk,
    ReconfigChunk,
    SackChunk,
    StreamResetOutgoingParam,
    parse_packet,
    serialize_packet,
)
from google_crc32c import value as crc32c
from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver._extension import DataChannels
from sctp_guard import is_well_formed


def is_let_in(packet_: bytes) -> bool:
    channels = DataChannels(
        is_dtls_client=False,
        remote_port=5000,
        largest_incoming=65_536,
        largest_outgoing=65_536,
        largest_backlog=65_536,
        random=token_bytes(40),
    )
    channels.handle(0, packet_)
    return channels.counters()["malformed_packets"] == 0


def packet(*chunks: bytes) -> bytes:
    header = struct.pack("!HHL", 5000, 5000, 7)
    body = b"".join(chunks)
    return header + struct.pack("<L", crc32c(header + bytes(4) + body)) + body


def chunk(kind: int, body: bytes, length: int | None = None) -> bytes:
    raw = struct.pack("!BBH", kind, 0, len(body) + 4 if length is None else length) + body
    return raw + bytes(-len(raw) % 4)


def init() -> InitChunk:
    chunk_ = InitChunk()
    chunk_.initiate_tag, chunk_.inbound_streams, chunk_.outbound_streams = 7, 65_535, 65_535
    chunk_.params = [(0xC000, b""), (0x8008, b"\xc0\x82")]
    return chunk_


def data() -> DataChunk:
    chunk_ = DataChunk(flags=3)
    chunk_.user_data = b"hello"
    return chunk_


def sack() -> SackChunk:
    chunk_ = SackChunk()
    chunk_.gaps, chunk_.duplicates = [(2, 3), (5, 5)], [9]
    return chunk_


def reset() -> ReconfigChunk:
    chunk_ = ReconfigChunk()
    chunk_.params = [(13, bytes(StreamResetOutgoingParam(1, 2, 3, [0, 1])))]
    return chunk_


@pytest.mark.parametrize(
    "sent",
    [
        init(),
        data(),
        sack(),
        reset(),
        AbortChunk(),
        HeartbeatChunk(),
        CookieEchoChunk(body=b"c" * 24),
        ForwardTsnChunk(),
    ],
    ids=lambda sent: type(sent).__name__,
)
def test_what_an_association_sends_is_let_in(sent: Chunk) -> None:
    assert is_let_in(serialize_packet(5000, 5000, 7, sent))


def test_many_small_messages_may_share_a_packet() -> None:
    assert is_let_in(packet(bytes(sack()), *[chunk(0, bytes(12) + b"tiny")] * 50))


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(chunk(1, bytes(init())[4:20] + struct.pack("!HH", 0xC000, 0)), id="a parameter of length zero"),
        pytest.param(chunk(1, bytes(15)), id="a short init"),
        pytest.param(bytes(init()) * 2, id="two inits"),
        pytest.param(chunk(3, bytes(8) + struct.pack("!HH", 300, 0)), id="gaps that are not there"),
        pytest.param(chunk(0, bytes(12)), id="data without data"),
        pytest.param(chunk(130, struct.pack("!HH", 13, 8) + bytes(4)), id="a short reset"),
        pytest.param(chunk(192, bytes(5)), id="half a stream"),
        pytest.param(chunk(0, bytes(20), length=400), id="a chunk longer than its packet"),
        pytest.param(chunk(0, b"", length=3), id="a chunk shorter than its header"),
        pytest.param(b"", id="no chunk"),
        pytest.param(chunk(4, b"") * 9, id="more heartbeats than a stack sends at once"),
        pytest.param(chunk(10, bytes(24)) * 9, id="more cookies than there are"),
        pytest.param(chunk(130, struct.pack("!HHLL", 17, 12, 1, 0) * 3), id="more than two resets"),
    ],
)
def test_what_would_break_or_hang_a_parser_is_not_let_in(hostile: bytes) -> None:
    assert not is_let_in(packet(hostile))


KINDS = [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 14, 130, 192, 77]
parameters = st.builds(
    lambda kind, length, value: struct.pack("!HH", kind, length) + value,
    st.sampled_from([7, 13, 16, 17, 0x8008, 0xC000]),
    st.integers(0, 24),
    st.binary(max_size=16),
)
with_parameters = st.builds(
    lambda fixed, rest: fixed + b"".join(rest), st.binary(max_size=20), st.lists(parameters, max_size=4)
)
bodies = st.one_of(st.binary(max_size=64), with_parameters)
packets = st.lists(st.builds(chunk, st.sampled_from(KINDS), bodies), max_size=4).map(lambda chunks: packet(*chunks))


@given(packets)
def test_what_is_let_in_is_well_formed_and_parsed_by_others_without_fault(hostile: bytes) -> None:
    if is_let_in(hostile):
        assert is_well_formed(hostile)
        _, _, _, chunks = parse_packet(hostile)
        for parsed in chunks:
            bytes(parsed)


@given(st.binary(max_size=200))
def test_any_bytes_are_judged(data_: bytes) -> None:
    assert is_let_in(data_) in (True, False)
