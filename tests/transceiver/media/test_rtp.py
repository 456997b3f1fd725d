from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.media.rtp import (
    RtpError,
    RtpPacket,
    build_rtp,
    parse_rtp,
    sequence_ahead,
    timestamp_ahead,
)

U16, U32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFF_FFFF)
PACKETS = st.builds(RtpPacket, st.integers(0, 127), U16, U32, U32, st.binary(max_size=200), st.booleans())


@given(PACKETS)
def test_what_is_built_is_read_back(packet: RtpPacket) -> None:
    assert parse_rtp(build_rtp(packet)) == packet


@given(st.binary(max_size=80))
def test_any_bytes_are_a_packet_or_an_rtp_error(datagram: bytes) -> None:
    try:
        packet = parse_rtp(datagram)
    except RtpError:
        return
    assert len(packet.payload) <= len(datagram) - 12


@given(PACKETS, st.integers(0, 15), st.binary(max_size=40), st.integers(1, 255))
def test_sources_extension_and_padding_are_taken_away(
    packet: RtpPacket, sources: int, extension: bytes, padding: int
) -> None:
    words = extension.ljust(-(-len(extension) // 4) * 4, b"\0")
    plain = bytearray(build_rtp(packet))
    plain[0] |= 0x20 | 0x10 | sources
    header = bytes(plain[:12]) + bytes(4 * sources) + b"\xbe\xde" + (len(words) // 4).to_bytes(2, "big") + words
    datagram = header + packet.payload + bytes(padding - 1) + bytes([padding])
    assert parse_rtp(datagram) == packet


def test_the_bytes_of_a_browsers_packet() -> None:
    datagram = bytes.fromhex("90ef1234 00000fc0 deadbeef bede0001 10ff0000 7801".replace(" ", ""))
    assert parse_rtp(datagram) == RtpPacket(111, 0x1234, 4032, 0xDEADBEEF, b"\x78\x01", marker=True)


@pytest.mark.parametrize(
    ("datagram", "why"),
    [
        (b"", "shorter"),
        (bytes(12), "version"),
        (b"\x81" + bytes(11), "longer"),
        (b"\x90" + bytes(11), "cut off"),
        (b"\x90" + bytes(13) + b"\xff\xff", "longer"),
        (b"\xa0" + bytes(11), "count itself"),
        (b"\xa0" + bytes(11) + b"\x02", "longer"),
    ],
)
def test_what_is_no_packet_is_refused_with_a_reason(datagram: bytes, why: str) -> None:
    with pytest.raises(RtpError, match=why):
        parse_rtp(datagram)


@given(U16, st.integers(-32768, 32767))
def test_sequence_distance_on_the_circle(start: int, ahead: int) -> None:
    assert sequence_ahead((start + ahead) % 65536, start) == ahead


@given(U32, st.integers(-(1 << 31), (1 << 31) - 1))
def test_timestamp_distance_on_the_circle(start: int, ahead: int) -> None:
    assert timestamp_ahead((start + ahead) % (1 << 32), start) == ahead
