"""Speech to RTP packets, one tick at a time: timestamps that run on through silence, markers where speech begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from antiphon_transceiver.media.playout import Encoder, Playout, PlayoutQueue
from antiphon_transceiver.media.rtp import SEQUENCE_MODULUS, TIMESTAMP_MODULUS, RtpPacket, build_rtp


@dataclass(frozen=True)
class AudioParameters:
    """The stream that we send, as the answer describes it."""

    payload_type: int
    ssrc: int
    clock_rate: int = 48_000
    ptime_ms: int = 20
    cname: str = "antiphon"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the counters start: at random (RFC 3550 §5.1), the sequence below 2^15 so that a packet lost at the very
    start cannot make the two sides disagree on the roll-over counter (RFC 3711 §3.3.1)."""

    sequence: int
    timestamp: int


class Downlink:
    """Pure: the tick's number is the clock."""

    def __init__(
        self, parameters: AudioParameters, origin: Origin, *, new_encoder: Callable[[], Encoder], sample_rate: int
    ) -> None:
        self._parameters = parameters
        self._origin = origin
        self._sequence = origin.sequence
        self._tick_length = parameters.clock_rate * parameters.ptime_ms // 1000
        self._queue = PlayoutQueue(new_encoder, sample_rate=sample_rate, frame_ms=parameters.ptime_ms)
        self._last_tick_sent: int | None = None
        self.packets = 0
        self.payload_bytes = 0

    @property
    def queued_ms(self) -> int:
        return self._queue.queued_ms

    def play(self, pcm: bytes, item_id: str) -> None:
        self._queue.append(pcm, item_id)

    def flush(self) -> Playout:
        return self._queue.flush()

    def timestamp_at(self, tick: float) -> int:
        return round(self._origin.timestamp + tick * self._tick_length) % TIMESTAMP_MODULUS

    def tick(self, number: int) -> bytes | None:
        """The RTP packet of this tick; None in silence (RFC 7587 §4.1: timestamps go on, RFC 3551 §4.1: markers)."""
        payload = self._queue.take()
        if payload is None:
            return None
        begins = self._last_tick_sent is None or number > self._last_tick_sent + 1
        self._last_tick_sent = number
        packet = RtpPacket(
            payload_type=self._parameters.payload_type,
            sequence=self._sequence,
            timestamp=self.timestamp_at(number),
            ssrc=self._parameters.ssrc,
            payload=payload,
            marker=begins,
        )
        self._sequence = (self._sequence + 1) % SEQUENCE_MODULUS
        self.packets += 1
        self.payload_bytes += len(payload)
        return build_rtp(packet)
