"""What the client sends: RTP packets of speech, plain or each with the one before it again (RED, RFC 2198). Pure."""

import struct
from dataclasses import dataclass

OPUS = 111
RED = 63
"""Payload types, as browsers number them."""
TICKS = 960
"""Of a frame of 20 ms; Opus counts at 48 kHz (RFC 7587 §4.1)."""

_LONGEST_BLOCK = 1023
"""Bytes that a RED header can say (RFC 2198 §3: ten bits)."""


@dataclass(frozen=True)
class Sent:
    """One packet before its header is written."""

    number: int
    """From 0; sequence number and timestamp follow from it."""
    payload_type: int
    payload: bytes

    def packet(self, ssrc: int) -> bytes:
        """RFC 3550 §5.1; the marker is on the first packet of the talk (RFC 7587 §4.1)."""
        marker = 0x80 if self.number == 0 else 0
        timestamp = self.number * TICKS % 2**32
        header = struct.pack("!BBHLL", 0x80, marker | self.payload_type, self.number % 2**16, timestamp, ssrc)
        return header + self.payload


def plain(frames: tuple[bytes, ...], opus: int = OPUS) -> list[Sent]:
    return [Sent(number, opus, frame) for number, frame in enumerate(frames)]


def redundant(frames: tuple[bytes, ...], opus: int = OPUS) -> list[Sent]:
    """As browsers do it: one frame back."""
    earlier = (b"", *frames)
    return [Sent(number, RED, red_payload(frame, earlier[number], opus)) for number, frame in enumerate(frames)]


def red_payload(frame: bytes, before: bytes, opus: int = OPUS) -> bytes:
    primary = bytes([opus])
    if not 0 < len(before) <= _LONGEST_BLOCK:
        return primary + frame
    header = struct.pack("!L", (0x80 | opus) << 24 | TICKS << 10 | len(before))
    return header + primary + before + frame
