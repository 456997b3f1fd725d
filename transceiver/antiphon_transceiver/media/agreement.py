"""What a client's audio offer and the pod's settings come to: for the answer, and for the engine."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon_transceiver.audio_offer import AudioCoding, AudioOffer, PacketTimes
from antiphon_transceiver.media.settings import FRAME_LENGTHS_MS, MediaSettings, UplinkMode

CNAME = "antiphon"
"""RTCP's name of us (RFC 3550 section 6.5.1), and the stream's in the answer."""


@dataclass(frozen=True)
class AudioAgreement:
    coding: AudioCoding
    payload_type: int
    red: int | None
    comfort_noise: int | None
    nack: bool
    frame_ms: int
    """Of sound in one packet of ours."""
    bitrate: int
    """Of Opus, bits a second."""
    complexity: int
    fec: bool
    dtx: bool
    """We say when we fall silent."""
    uplink_mode: UplinkMode

    @classmethod
    def of(cls, offer: AudioOffer, settings: MediaSettings, asked: UplinkMode | None = None) -> AudioAgreement:
        """`asked`: the uplink mode that the call itself asks for."""
        most = offer.opus.most_bitrate
        return cls(
            coding=offer.coding,
            payload_type=offer.payload_type,
            red=offer.red,
            comfort_noise=offer.comfort_noise,
            nack=offer.nack,
            frame_ms=_frame_ms(offer.packet_times, settings.frame_ms),
            bitrate=settings.bitrate if most is None else min(most, settings.bitrate),
            complexity=settings.complexity,
            fec=offer.opus.fec,
            dtx=offer.opus.dtx,
            uplink_mode=asked or settings.uplink_mode,
        )


def _frame_ms(client: PacketTimes, ours: int) -> int:
    """Of the lengths that we have the one that breaks the client's bounds least, and then is nearest to what it wants,
    or, if it does not say, to what we want."""
    wanted = client.wanted or ours
    shortest, longest = client.shortest or 0, client.longest or max(FRAME_LENGTHS_MS)

    def unsuitable(length: int) -> tuple[int, int, int]:
        # Too long is worse than too short: a client may have no room for it.
        return max(0, length - longest), max(0, shortest - length), abs(length - wanted)

    return min(FRAME_LENGTHS_MS, key=unsuitable)
