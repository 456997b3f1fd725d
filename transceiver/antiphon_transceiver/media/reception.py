"""What RFC 3550 wants known of a stream that is received: loss, jitter, and the reports about both. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon_transceiver.media.rtcp import MOST_LOST, ReportBlock, SenderReport, middle_of
from antiphon_transceiver.media.rtp import SEQUENCE_MODULUS, RtpPacket, sequence_ahead

_DELAY_UNITS = 1 << 16


class Reception:
    """One stream (one SSRC)."""

    def __init__(self, first: RtpPacket, *, clock_rate: int, now: float) -> None:
        self.ssrc = first.ssrc
        self._clock_rate = clock_rate
        self._base = first.sequence
        self._highest = first.sequence
        self._received = 0
        self._transit: float | None = None
        self._jitter = 0.0
        self._expected_before = 0
        self._received_before = 0
        self._last_sender_report = 0
        self._last_sender_report_at = 0.0
        self.receive(first, now)

    @property
    def lost(self) -> int:
        return self._expected - self._received

    @property
    def jitter_ms(self) -> float:
        return self._jitter * 1000 / self._clock_rate

    @property
    def _expected(self) -> int:
        return self._highest - self._base + 1

    def receive(self, packet: RtpPacket, now: float) -> None:
        self._received += 1
        ahead = sequence_ahead(packet.sequence, self._highest % SEQUENCE_MODULUS)
        if ahead > 0:
            self._highest += ahead
        # RFC 3550 A.8. The timestamps' wrap shows as one leap of the transit time and is taken back out.
        transit = now * self._clock_rate - packet.timestamp
        if self._transit is not None:
            change = abs((transit - self._transit + (1 << 31)) % (1 << 32) - (1 << 31))
            self._jitter += (change - self._jitter) / 16
        self._transit = transit

    def sender_reported(self, report: SenderReport, now: float) -> None:
        self._last_sender_report = middle_of(report.ntp)
        self._last_sender_report_at = now

    def report(self, now: float) -> ReportBlock:
        """The block of the next report; the fraction lost counts from the one before (RFC 3550 A.3)."""
        expected = self._expected - self._expected_before
        lost = expected - (self._received - self._received_before)
        self._expected_before, self._received_before = self._expected, self._received
        delay = now - self._last_sender_report_at if self._last_sender_report else 0.0
        return ReportBlock(
            ssrc=self.ssrc,
            fraction_lost=min(255, max(0, lost * 256 // expected)) if expected > 0 else 0,
            lost=max(-MOST_LOST, min(MOST_LOST, self.lost)),
            highest_sequence=self._highest % (1 << 32),
            jitter=round(self._jitter),
            last_sender_report=self._last_sender_report,
            delay=round(delay * _DELAY_UNITS) % (1 << 32),
        )


@dataclass(frozen=True, slots=True)
class FarEnd:
    """What the other side says of the stream that we send."""

    rtt_ms: float | None
    lost: int
    fraction_lost: float


def read_block(block: ReportBlock, ntp_now: int) -> FarEnd:
    """RFC 3550 §6.4.1: the round trip is now − LSR − DLSR, all in 1/65536 s."""
    rtt_ms = None
    if block.last_sender_report:
        round_trip = (middle_of(ntp_now) - block.last_sender_report - block.delay) % (1 << 32)
        # A little below zero is a clock that rounds; far below (seen as huge) is a report that lies.
        if round_trip > (1 << 31):
            round_trip = 0
        rtt_ms = round_trip * 1000 / _DELAY_UNITS
    return FarEnd(rtt_ms, block.lost, block.fraction_lost / 256)
