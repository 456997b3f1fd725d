"""RTP packets to the caller's speech: order, repair, decoding. Pure: the decoder and `now` are arguments.

What a caller makes us say to a backend is paid for by the second, so there is never more of it than time has passed.
"""

from __future__ import annotations

from typing import Protocol

from antiphon_transceiver.media import opus_packet
from antiphon_transceiver.media.allowance import Allowance
from antiphon_transceiver.media.fill import LONGEST, Fill, plan_fill
from antiphon_transceiver.media.gap_buffer import GapBuffer, Release
from antiphon_transceiver.media.reception import Reception
from antiphon_transceiver.media.rtcp import SenderReport
from antiphon_transceiver.media.rtp import TIMESTAMP_MODULUS, RtpPacket

_FRAME = opus_packet.CLOCK_RATE // 50
_PAUSE_AFTER_S = 0.040
"""A packet that is 20 ms late is nothing; one that is 40 ms late in a pause is the pause going on."""

_FASTEST_CLOCK = opus_packet.CLOCK_RATE * 1.001
"""Sound cards are up to 0.1 % fast, which in a long call is more than any slack."""
_SLACK = opus_packet.CLOCK_RATE
"""The sound of a call may be this much longer than the call: who begins late loses nothing."""
_MOST_AT_ONCE = 2 * opus_packet.CLOCK_RATE
"""After a stall; a backend that is slow is not given more either (outbox.py)."""


class Decoder(Protocol):
    def decode(self, packet: bytes, /, *, fec: bool = False) -> bytes: ...

    def conceal(self, samples: int, /) -> bytes: ...


class Uplink:
    def __init__(self, decoder: Decoder, *, sample_rate: int) -> None:
        self._decoder = decoder
        self._sample_rate = sample_rate
        self._buffer = GapBuffer()
        self._allowance = Allowance(rate=_FASTEST_CLOCK, most=_MOST_AT_ONCE, first=_SLACK)
        self._expected_timestamp = 0
        self._pausing = False
        self._heard_at = 0.0
        self._paused_ticks = 0
        """Of the pause that goes on: how much silence was handed out before its end is known."""
        self._lost_before = 0
        self._concealed_ticks = 0
        self._recovered_ticks = 0
        self._surplus_ticks = 0
        self.reception: Reception | None = None
        self.undecodable = 0

    @property
    def late(self) -> int:
        return self._buffer.late

    @property
    def lost(self) -> int:
        return self._lost_before + (self.reception.lost if self.reception else 0)

    @property
    def concealed_ms(self) -> int:
        return self._concealed_ticks * 1000 // opus_packet.CLOCK_RATE

    @property
    def recovered_ms(self) -> int:
        return self._recovered_ticks * 1000 // opus_packet.CLOCK_RATE

    @property
    def surplus_ms(self) -> int:
        """Sound that was not made, because there had been as much as time had passed."""
        return self._surplus_ticks * 1000 // opus_packet.CLOCK_RATE

    def receive(self, packet: RtpPacket, now: float) -> list[bytes]:
        """The PCM that can be heard now."""
        self._count(packet, now)
        return self._hear(self._buffer.push(packet, now), now)

    def tick(self, now: float) -> list[bytes]:
        """Every 20 ms: what waited long enough, and the silence of a sender that pauses.

        A sender with DTX says nothing for 400 ms at a time, and a backend that detects turns has to hear that.
        """
        pcm = self._hear(self._buffer.poll(now), now)
        if self._pausing and now >= self._heard_at + _PAUSE_AFTER_S and self._paused_ticks < LONGEST:
            self._paused_ticks += _FRAME
            pcm += self._silence(_FRAME, now)
        return pcm

    def sender_reported(self, report: SenderReport, now: float) -> None:
        if self.reception is not None and self.reception.ssrc == report.ssrc:
            self.reception.sender_reported(report, now)

    def _count(self, packet: RtpPacket, now: float) -> None:
        if self.reception is not None and self.reception.ssrc == packet.ssrc:
            self.reception.receive(packet, now)
            return
        self._lost_before = self.lost
        self.reception = Reception(packet, clock_rate=opus_packet.CLOCK_RATE, now=now)

    def _hear(self, releases: list[Release], now: float) -> list[bytes]:
        pcm: list[bytes] = []
        for release in releases:
            fill = plan_fill(release, self._expected_timestamp, away_s=now - self._heard_at)
            pcm += self._fill(fill, release.packet, now)
            pcm += self._decode(release.packet, now)
            self._heard_at = now
        return pcm

    def _fill(self, fill: Fill, packet: RtpPacket, now: float) -> list[bytes]:
        pause = fill.pause + fill.conceal - self._paused_ticks if self._pausing else fill.pause
        conceal = 0 if self._pausing else fill.conceal
        self._paused_ticks = 0
        pcm = self._silence(pause, now)
        concealed = self._silence(conceal, now)
        if concealed:
            self._concealed_ticks += conceal
            pcm += concealed
        if self._affords(fill.recover, now):
            self._recovered_ticks += fill.recover
            pcm += self._decoded(packet.payload, fill.recover, fec=True)
        return pcm

    def _decode(self, packet: RtpPacket, now: float) -> list[bytes]:
        ticks = opus_packet.duration(packet.payload)
        self._expected_timestamp = (packet.timestamp + ticks) % TIMESTAMP_MODULUS
        if not packet.payload:
            return []
        self._pausing = opus_packet.is_pause(packet.payload)
        if not ticks:
            self.undecodable += 1
            return []
        return self._decoded(packet.payload, ticks, fec=False) if self._affords(ticks, now) else []

    def _decoded(self, payload: bytes, ticks: int, *, fec: bool) -> list[bytes]:
        try:
            return [self._decoder.decode(payload, fec=fec)]
        except ValueError:
            self.undecodable += 1
            return [self._concealed(ticks)]

    def _silence(self, ticks: int, now: float) -> list[bytes]:
        if not self._affords(ticks, now):
            return []
        return [self._concealed(min(_FRAME, ticks - done)) for done in range(0, ticks, _FRAME)]

    def _affords(self, ticks: int, now: float) -> bool:
        """Whether so much sound may be made. Asked before the decoder has any work with it."""
        if ticks <= 0:
            return False
        if self._allowance.take(ticks, now):
            return True
        self._surplus_ticks += ticks
        return False

    def _concealed(self, ticks: int) -> bytes:
        """What the decoder makes of nothing: it lets the last sound die away, or goes on with comfort noise."""
        return self._decoder.conceal(ticks * self._sample_rate // opus_packet.CLOCK_RATE)
