"""The media of one call: keys and PCM go in, PCM comes out of the engine's `receive`. No packet passes through here."""

from __future__ import annotations

from typing import Self

from antiphon_transceiver._extension import MediaCall, MediaEngine
from antiphon_transceiver.media.agreement import CNAME, AudioAgreement
from antiphon_transceiver.media.playout import Playout
from antiphon_transceiver.media.settings import UplinkMode
from antiphon_transceiver.media.srtp_keys import SrtpKeys
from antiphon_transceiver.media.statistics import FirstSound, MediaStatistics

SAMPLE_RATE = 24_000


class MediaSession:
    def __init__(self, call: MediaCall, agreement: AudioAgreement) -> None:
        self.agreement = agreement
        self._call = call

    @classmethod
    def open(cls, engine: MediaEngine, handle: int, agreement: AudioAgreement, *, ssrc: int) -> Self:
        """Of the endpoint's call `handle`. From here on its packets are the engine's."""
        call = engine.open(
            handle,
            coding=agreement.coding.value,
            payload_type=agreement.payload_type,
            ssrc=ssrc,
            cname=CNAME,
            sample_rate=SAMPLE_RATE,
            red=agreement.red,
            comfort_noise=agreement.comfort_noise,
            nack=agreement.nack,
            accuracy=agreement.uplink_mode is UplinkMode.ACCURACY,
            frame_ms=agreement.frame_ms,
            bitrate=agreement.bitrate,
            complexity=agreement.complexity,
            fec=agreement.fec,
            dtx=agreement.dtx,
        )
        return cls(call, agreement)

    @property
    def engine_call(self) -> MediaCall:
        """For the call's tenure."""
        return self._call

    def start(self, keys: SrtpKeys, *, rtt_s: float | None = None) -> None:
        """DTLS is done. What was given to `play` before begins to be heard now. Once.

        `rtt_s`: about the round trip. Who only listens has no reports that measure it, and without it asks for nothing.
        """
        self._call.start(
            keys.profile.value,
            send_key=keys.local_key,
            send_salt=keys.local_salt,
            receive_key=keys.remote_key,
            receive_salt=keys.remote_salt,
            rtt_s=rtt_s,
        )

    def play(self, pcm: bytes, item_id: str = "") -> None:
        """PCM16, little-endian, mono. Raises PlayoutFull if the queue has no room for it, ValueError for odd bytes."""
        self._call.play(pcm, item_id)

    def play_live(self, pcm: bytes) -> None:
        """The same with sound that comes as fast as it is heard: what has piled up of it is left out again."""
        self._call.play_live(pcm)

    def mark(self) -> None:
        """The engine gives an empty piece behind all that has come from the client until now. After `start` only."""
        self._call.mark()

    def end_of_item(self, item_id: str) -> None:
        """No more comes of it."""
        self._call.end_of_item(item_id)

    def flush(self) -> Playout:
        """Ends the sound at once; says what was heard of it."""
        heard = self._call.flush()
        return Playout(heard.item_id, heard.played_ms, heard.unplayed_ms, heard.unheard)

    def statistics(self) -> MediaStatistics:
        """After the end too."""
        return MediaStatistics.of(self._call.statistics())

    def first_sound(self) -> FirstSound:
        figures = self._call.statistics()
        return FirstSound(heard_at=figures["first_heard"], sent_at=figures["first_sent"])

    def stop(self) -> None:
        """Says BYE to the client. Afterwards nothing is sent or heard. Again: nothing happens."""
        self._call.stop()
