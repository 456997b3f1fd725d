"""What is to be heard in place of packets that did not come. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon_transceiver.media import opus_packet
from antiphon_transceiver.media.gap_buffer import Release
from antiphon_transceiver.media.rtp import timestamp_ahead

LONGEST = opus_packet.CLOCK_RATE
"""A second. Whoever was away longer comes back to a cut, not to a long nothing."""

_AHEAD = opus_packet.CLOCK_RATE // 2
"""A packet may come this much sooner after the one before than the sender's clock says: a stall held that one up, or
lets many go at once. What leaps further was not spoken in that time."""

_GRAIN = opus_packet.CLOCK_RATE * 25 // 10_000
"""Opus conceals in steps of 2.5 ms."""


@dataclass(frozen=True, slots=True)
class Fill:
    """Ticks at 48 kHz, heard in this order before the packet itself."""

    pause: int = 0
    """The sender was silent on purpose (DTX)."""
    conceal: int = 0
    """Lost, and made up by the decoder."""
    recover: int = 0
    """Lost, and repeated inside this packet (FEC)."""


NOTHING = Fill()


def plan_fill(release: Release, expected_timestamp: int, *, away_s: float) -> Fill:
    """`expected_timestamp`: where the packet before this one ended; `away_s`: how long ago that one's turn was."""
    if release.begins:
        return NOTHING
    gap = timestamp_ahead(release.packet.timestamp, expected_timestamp)
    if gap <= 0 or gap > away_s * opus_packet.CLOCK_RATE + _AHEAD:
        return NOTHING
    gap = min(gap, LONGEST) // _GRAIN * _GRAIN
    if not release.missing:
        return Fill(pause=gap)
    recover = opus_packet.duration(release.packet.payload)
    if recover <= gap and opus_packet.carries_fec(release.packet.payload):
        return Fill(conceal=gap - recover, recover=recover)
    return Fill(conceal=gap)
