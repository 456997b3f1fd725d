"""RTCP (RFC 3550 §6): sender and receiver reports and BYE are read; what else a compound packet holds is skipped."""

from __future__ import annotations

import struct
from dataclasses import dataclass

NTP_EPOCH_OFFSET_S = 2_208_988_800
"""Seconds from 1900, where NTP time begins, to 1970."""

MOST_LOST = (1 << 23) - 1

_VERSION_BITS = 0x80
_SENDER_REPORT = 200
_RECEIVER_REPORT = 201
_SOURCE_DESCRIPTION = 202
_BYE = 203
_CNAME = 1
_HEADER = struct.Struct("!BBH")
_SENDER_INFO = struct.Struct("!IQIII")
_BLOCK = struct.Struct("!IIIIII")


class RtcpError(ValueError):
    """The bytes are not an RTCP compound packet."""


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What one receiver says of one stream (RFC 3550 §6.4.1)."""

    ssrc: int
    fraction_lost: int
    """Of 256, since the report before."""
    lost: int
    """Since the start; below zero when packets came twice."""
    highest_sequence: int
    """With the count of wraps in its upper half."""
    jitter: int
    """In ticks of the stream's RTP clock."""
    last_sender_report: int
    """The middle 32 bits of that report's NTP time; 0: none came."""
    delay: int
    """From that report to this one, in 1/65536 s."""


@dataclass(frozen=True, slots=True)
class SenderReport:
    ssrc: int
    ntp: int
    """64-bit NTP time."""
    timestamp: int
    packets: int
    payload_bytes: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class Goodbye:
    ssrcs: tuple[int, ...]


RtcpPacket = SenderReport | ReceiverReport | Goodbye


def parse_rtcp(datagram: bytes) -> list[RtcpPacket]:
    """Raises RtcpError only."""
    if not datagram:
        raise RtcpError("empty")
    packets: list[RtcpPacket] = []
    start = 0
    while start < len(datagram):
        if start + _HEADER.size > len(datagram):
            raise RtcpError("a header is cut off")
        first, kind, words = _HEADER.unpack_from(datagram, start)
        if first & 0xC0 != _VERSION_BITS:
            raise RtcpError("not RTCP version 2")
        end = start + _HEADER.size + 4 * words
        if end > len(datagram):
            raise RtcpError("a packet is longer than its datagram")
        packet = _parse_one(kind, first & 0x1F, datagram[start + _HEADER.size : end])
        if packet is not None:
            packets.append(packet)
        start = end
    return packets


def build_sender_report(report: SenderReport) -> bytes:
    info = _SENDER_INFO.pack(report.ssrc, report.ntp, report.timestamp, report.packets, report.payload_bytes)
    return _build(_SENDER_REPORT, len(report.blocks), info + _build_blocks(report.blocks))


def build_receiver_report(report: ReceiverReport) -> bytes:
    body = report.ssrc.to_bytes(4, "big") + _build_blocks(report.blocks)
    return _build(_RECEIVER_REPORT, len(report.blocks), body)


def build_source_description(ssrc: int, cname: str) -> bytes:
    """Every compound packet carries the sender's CNAME (RFC 3550 §6.1)."""
    name = cname.encode()[:255]
    chunk = ssrc.to_bytes(4, "big") + bytes((_CNAME, len(name))) + name
    # A null octet ends the list of items, and nulls fill the last word (RFC 3550 §6.5).
    chunk += bytes(4 - len(chunk) % 4)
    return _build(_SOURCE_DESCRIPTION, 1, chunk)


def build_goodbye(goodbye: Goodbye) -> bytes:
    return _build(_BYE, len(goodbye.ssrcs), b"".join(ssrc.to_bytes(4, "big") for ssrc in goodbye.ssrcs))


def ntp_time(unix_s: float) -> int:
    return round((unix_s + NTP_EPOCH_OFFSET_S) * (1 << 32)) % (1 << 64)


def middle_of(ntp: int) -> int:
    """The 32 bits by which reports name one another (RFC 3550 §4)."""
    return (ntp >> 16) & 0xFFFF_FFFF


def _parse_one(kind: int, count: int, body: bytes) -> RtcpPacket | None:
    if kind == _SENDER_REPORT:
        if len(body) < _SENDER_INFO.size:
            raise RtcpError("a sender report is cut off")
        ssrc, ntp, timestamp, packets, payload_bytes = _SENDER_INFO.unpack_from(body)
        blocks = _parse_blocks(body, _SENDER_INFO.size, count)
        return SenderReport(ssrc, ntp, timestamp, packets, payload_bytes, blocks)
    if kind == _RECEIVER_REPORT:
        if len(body) < 4:
            raise RtcpError("a receiver report is cut off")
        return ReceiverReport(int.from_bytes(body[:4], "big"), _parse_blocks(body, 4, count))
    if kind == _BYE:
        if len(body) < 4 * count:
            raise RtcpError("a BYE is cut off")
        return Goodbye(struct.unpack_from(f"!{count}I", body))
    return None


def _parse_blocks(body: bytes, start: int, count: int) -> tuple[ReportBlock, ...]:
    if len(body) < start + count * _BLOCK.size:
        raise RtcpError("a report block is cut off")
    return tuple(_parse_block(body, start + index * _BLOCK.size) for index in range(count))


def _parse_block(body: bytes, start: int) -> ReportBlock:
    ssrc, losses, highest, jitter, last_sender_report, delay = _BLOCK.unpack_from(body, start)
    lost = losses & 0xFF_FFFF
    if lost > MOST_LOST:
        lost -= 1 << 24
    return ReportBlock(ssrc, losses >> 24, lost, highest, jitter, last_sender_report, delay)


def _build_blocks(blocks: tuple[ReportBlock, ...]) -> bytes:
    return b"".join(
        _BLOCK.pack(
            block.ssrc,
            block.fraction_lost << 24 | (block.lost & 0xFF_FFFF),
            block.highest_sequence,
            block.jitter,
            block.last_sender_report,
            block.delay,
        )
        for block in blocks
    )


def _build(kind: int, count: int, body: bytes) -> bytes:
    return _HEADER.pack(_VERSION_BITS | count, kind, len(body) // 4) + body
