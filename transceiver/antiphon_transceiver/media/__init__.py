"""A call's media behind one seam: PCM in and out, flush, playout position, statistics. See docs/media.md."""

from antiphon_transceiver._extension import MediaEngine, PlayoutFull
from antiphon_transceiver.media.agreement import AudioAgreement
from antiphon_transceiver.media.playout import Playout
from antiphon_transceiver.media.session import MediaSession
from antiphon_transceiver.media.settings import MediaSettings, UplinkMode
from antiphon_transceiver.media.srtp_keys import SrtpKeys, SrtpProfile
from antiphon_transceiver.media.statistics import EngineStatistics, FirstSound, MediaStatistics

__all__ = [
    "AudioAgreement",
    "EngineStatistics",
    "FirstSound",
    "MediaEngine",
    "MediaSession",
    "MediaSettings",
    "MediaStatistics",
    "Playout",
    "PlayoutFull",
    "SrtpKeys",
    "SrtpProfile",
    "UplinkMode",
]
