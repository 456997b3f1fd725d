"""A call's media behind one seam: PCM in and out, flush, playout position, statistics. See docs/media.md."""

from antiphon_transceiver.media.downlink import AudioParameters
from antiphon_transceiver.media.pacer import Pacer, PacerStatistics
from antiphon_transceiver.media.playout import Playout, PlayoutFull
from antiphon_transceiver.media.session import MediaSession, MediaStatistics
from antiphon_transceiver.media.srtp import SrtpKeys, SrtpProfile

__all__ = [
    "AudioParameters",
    "MediaSession",
    "MediaStatistics",
    "Pacer",
    "PacerStatistics",
    "Playout",
    "PlayoutFull",
    "SrtpKeys",
    "SrtpProfile",
]
