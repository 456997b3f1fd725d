"""RTP packets (RFC 3550 §5.1): bytes in, values out, and back."""

from __future__ import annotations

import struct
from dataclasses import dataclass

SEQUENCE_MODULUS = 1 << 16
TIMESTAMP_MODULUS = 1 << 32

_HEADER = struct.Struct("!BBHII")
_VERSION = 2
_PADDING_BIT = 0x20
_EXTENSION_BIT = 0x10
_MARKER_BIT = 0x80


class RtpError(ValueError):
    """The bytes are not an RTP packet."""


@dataclass(frozen=True, slots=True)
class RtpPacket:
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False


def parse_rtp(datagram: bytes) -> RtpPacket:
    """Header extensions and contributing sources are skipped, padding is removed; raises RtpError only."""
    if len(datagram) < _HEADER.size:
        raise RtpError("shorter than an RTP header")
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(datagram)
    if first >> 6 != _VERSION:
        raise RtpError("not RTP version 2")
    start = _HEADER.size + 4 * (first & 0x0F)
    if first & _EXTENSION_BIT:
        start = _end_of_extension(datagram, start)
    end = len(datagram)
    if first & _PADDING_BIT:
        end -= _padding(datagram)
    if start > end:
        raise RtpError("the header or the padding is longer than the packet")
    return RtpPacket(second & 0x7F, sequence, timestamp, ssrc, datagram[start:end], bool(second & _MARKER_BIT))


def build_rtp(packet: RtpPacket) -> bytes:
    second = packet.payload_type | (_MARKER_BIT if packet.marker else 0)
    return _HEADER.pack(_VERSION << 6, second, packet.sequence, packet.timestamp, packet.ssrc) + packet.payload


def sequence_ahead(sequence: int, of: int) -> int:
    """How far `sequence` lies ahead of `of` on the 16-bit circle: −32768 … 32767."""
    return (sequence - of + 0x8000) % SEQUENCE_MODULUS - 0x8000


def timestamp_ahead(timestamp: int, of: int) -> int:
    """The same on the 32-bit circle of timestamps."""
    return (timestamp - of + 0x8000_0000) % TIMESTAMP_MODULUS - 0x8000_0000


def _end_of_extension(datagram: bytes, start: int) -> int:
    if start + 4 > len(datagram):
        raise RtpError("the header extension is cut off")
    words = int.from_bytes(datagram[start + 2 : start + 4], "big")
    return start + 4 + 4 * words


def _padding(datagram: bytes) -> int:
    padding = datagram[-1]
    if padding == 0:
        raise RtpError("padding that does not count itself")
    return padding
