"""What an Opus packet says of itself without being decoded (RFC 6716 §3)."""

from __future__ import annotations

CLOCK_RATE = 48_000
"""Opus over RTP always counts at 48 kHz (RFC 7587 §4.1)."""

_LONGEST = CLOCK_RATE * 120 // 1000
_SILK_LENGTHS = (480, 960, 1920, 2880)
_CELT_LENGTHS = (120, 240, 480, 960)
_MOST_PAUSE_BYTES = 2


def duration(packet: bytes) -> int:
    """Ticks at 48 kHz; 0 if the packet breaks RFC 6716 (R2 to R5 as far as they concern its length)."""
    if not packet:
        return 0
    code = packet[0] & 0x03
    if code < 3:
        frames = 1 if code == 0 else 2
    elif len(packet) > 1:
        frames = packet[1] & 0x3F
    else:
        return 0
    ticks = frames * _frame_length(packet[0])
    return ticks if ticks <= _LONGEST else 0


def is_pause(packet: bytes) -> bool:
    """The encoder fell silent (DTX): it sends a table of contents and no sound, then nothing for up to 400 ms."""
    return 0 < len(packet) <= _MOST_PAUSE_BYTES


def carries_fec(packet: bytes) -> bool:
    """Whether the packet repeats the sound of the one before it (LBRR, RFC 6716 §2.1.7).

    The flag follows the SILK layer's voice-activity bits, which the range coder leaves readable at the front of the
    first frame (RFC 6716 §4.2.3). Only packets of one frame are looked into: that is what every browser sends.
    """
    if len(packet) < 2 or packet[0] & 0x80 or packet[0] & 0x03:
        return False
    silk_frames = max(1, _frame_length(packet[0]) // 960)
    channels = 2 if packet[0] & 0x04 else 1
    return any(packet[1] & (0x80 >> ((channel + 1) * (silk_frames + 1) - 1)) for channel in range(channels))


def _frame_length(table_of_contents: int) -> int:
    configuration = table_of_contents >> 3
    if configuration < 12:
        return _SILK_LENGTHS[configuration & 0x03]
    if configuration < 16:
        return _SILK_LENGTHS[configuration & 0x01]
    return _CELT_LENGTHS[configuration & 0x03]
