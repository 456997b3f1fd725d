"""The media of one call: SRTP on one side, PCM on the other."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from antiphon_transceiver._extension import OpusDecoder, OpusEncoder
from antiphon_transceiver.media import rtcp
from antiphon_transceiver.media.allowance import Allowance
from antiphon_transceiver.media.downlink import AudioParameters, Downlink, Origin
from antiphon_transceiver.media.pacer import Pacer
from antiphon_transceiver.media.playout import Playout
from antiphon_transceiver.media.reception import FarEnd, read_block
from antiphon_transceiver.media.rtp import RtpError, parse_rtp
from antiphon_transceiver.media.srtp import SrtpKeys, SrtpRefusal, SrtpSession
from antiphon_transceiver.media.uplink import Uplink

_FIRST_REPORT_S = 1.0
_REPORT_EVERY_S = 4.0

_MOST_PACKETS_PER_S = 200
"""Twice what a client with frames of 10 ms sends."""
_MOST_PACKETS_AT_ONCE = 100
"""After a stall: two seconds of frames of 20 ms."""

_BITRATE = 32_000
_EXPECTED_LOSS_PERCENT = 5
"""Above zero the encoder repeats each frame's sound in the next one, so that a single loss is not heard."""


@dataclass(frozen=True)
class MediaStatistics:
    packets_received: int
    bytes_received: int
    """Of SRTP, as they came."""
    packets_sent: int
    bytes_sent: int
    """Of SRTP, as they went."""
    lost: int
    late: int
    concealed_ms: int
    recovered_ms: int
    """Lost, and heard all the same by FEC."""
    undecodable: int
    surplus_packets: int
    """Beyond 200 a second: not even authenticated."""
    surplus_ms: int
    """Sound beyond the time that passed: not decoded."""
    authentication_failures: int
    replayed: int
    refused: int
    """Malformed, of another payload type, or of one SSRC too many."""
    jitter_ms: float
    rtt_ms: float | None
    remote_lost: int
    """Of our packets, as the client reports."""
    queued_ms: int


class _State(Enum):
    NEW = auto()
    RUNNING = auto()
    STOPPED = auto()


class MediaSession:
    def __init__(
        self,
        parameters: AudioParameters,
        *,
        send: Callable[[bytes], object],
        on_pcm: Callable[[bytes], None],
        on_failure: Callable[[], None],
        pacer: Pacer,
        sample_rate: int = 24_000,
    ) -> None:
        """`on_failure`: the sound cannot go on, and the call with it."""
        self._parameters = parameters
        self._send = send
        self._on_pcm = on_pcm
        self._on_failure = on_failure
        self._pacer = pacer
        self._state = _State.NEW
        self._srtp: SrtpSession | None = None
        self._uplink = Uplink(OpusDecoder(sample_rate), sample_rate=sample_rate)
        self._downlink = Downlink(
            parameters,
            Origin(sequence=secrets.randbits(15), timestamp=secrets.randbits(32)),
            new_encoder=lambda: OpusEncoder(sample_rate, bitrate=_BITRATE, packet_loss_percent=_EXPECTED_LOSS_PERCENT),
            sample_rate=sample_rate,
        )
        self._refusals = dict.fromkeys(SrtpRefusal, 0)
        self._unexpected = 0
        self._packets_allowed = Allowance(rate=_MOST_PACKETS_PER_S, most=_MOST_PACKETS_AT_ONCE)
        self._surplus_packets = 0
        self._packets_received = self._bytes_received = self._packets_sent = self._bytes_sent = 0
        self._far_end: FarEnd | None = None
        self._rtt_ms: float | None = None
        self._next_report_at = 0.0
        self._packets_reported = 0

    def start(self, keys: SrtpKeys) -> None:
        """DTLS is done. What was given to `play` before begins to be heard now."""
        if self._state is not _State.NEW:
            raise RuntimeError("a media session is started once")
        self._state = _State.RUNNING
        self._srtp = SrtpSession(keys)
        self._next_report_at = self._pacer.now() + _FIRST_REPORT_S
        self._pacer.join(self)

    def receive_rtp(self, datagram: bytes) -> bool:
        """Whether the packet is authentic: the call may then answer by the way it came."""
        if self._srtp is None or not self._affords_packet():
            return False
        packet = self._srtp.unprotect_rtp(datagram)
        if isinstance(packet, SrtpRefusal):
            self._refusals[packet] += 1
            return False
        self._packets_received += 1
        self._bytes_received += len(datagram)
        try:
            parsed = parse_rtp(packet)
        except RtpError:
            self._unexpected += 1
            return True
        if parsed.payload_type == self._parameters.payload_type:
            self._hear(self._uplink.receive(parsed, self._pacer.now()))
        else:
            self._unexpected += 1
        return True

    def receive_rtcp(self, datagram: bytes) -> bool:
        """Whether the packet is authentic."""
        if self._srtp is None or not self._affords_packet():
            return False
        packet = self._srtp.unprotect_rtcp(datagram)
        if isinstance(packet, SrtpRefusal):
            self._refusals[packet] += 1
            return False
        try:
            reports = rtcp.parse_rtcp(packet)
        except rtcp.RtcpError:
            self._unexpected += 1
            return True
        for report in reports:
            self._take_report(report)
        return True

    def play(self, pcm: bytes, item_id: str = "") -> None:
        """PCM16, little-endian, mono. Raises PlayoutFull if the queue has no room for it, ValueError for odd bytes."""
        if self._state is not _State.STOPPED:
            self._downlink.play(pcm, item_id)

    def flush(self) -> Playout:
        """Ends the sound at once; says what was heard of it."""
        return self._downlink.flush()

    def tick(self, number: int, now: float) -> None:
        """The pacer calls this every 20 ms."""
        if self._srtp is None:
            return
        packet = self._downlink.tick(number)
        if packet is not None:
            self._transmit(self._srtp.protect_rtp(packet))
        self._hear(self._uplink.tick(now))
        if now >= self._next_report_at:
            self._next_report_at = now + _REPORT_EVERY_S
            self._send_report(now)

    def tick_failed(self) -> None:
        """The pacer says so, at most once."""
        self._on_failure()

    def statistics(self) -> MediaStatistics:
        reception = self._uplink.reception
        return MediaStatistics(
            packets_received=self._packets_received,
            bytes_received=self._bytes_received,
            packets_sent=self._packets_sent,
            bytes_sent=self._bytes_sent,
            lost=self._uplink.lost,
            late=self._uplink.late,
            concealed_ms=self._uplink.concealed_ms,
            recovered_ms=self._uplink.recovered_ms,
            undecodable=self._uplink.undecodable,
            surplus_packets=self._surplus_packets,
            surplus_ms=self._uplink.surplus_ms,
            authentication_failures=self._refusals[SrtpRefusal.UNAUTHENTICATED],
            replayed=self._refusals[SrtpRefusal.REPLAYED],
            refused=self._unexpected
            + self._refusals[SrtpRefusal.MALFORMED]
            + self._refusals[SrtpRefusal.TOO_MANY_STREAMS],
            jitter_ms=round(reception.jitter_ms, 3) if reception else 0.0,
            rtt_ms=self._rtt_ms,
            remote_lost=self._far_end.lost if self._far_end else 0,
            queued_ms=self._downlink.queued_ms,
        )

    def stop(self) -> None:
        """Says BYE to the client. Afterwards nothing is sent or heard, even if that raises."""
        was_running, self._state = self._state is _State.RUNNING, _State.STOPPED
        try:
            if was_running:
                self._pacer.leave(self)
                self._send_report(self._pacer.now(), goodbye=True)
        finally:
            self._srtp = None

    def _affords_packet(self) -> bool:
        """Whether there is still work to be spent on a packet of this call."""
        affords = self._packets_allowed.take(1, self._pacer.now())
        self._surplus_packets += not affords
        return affords

    def _hear(self, pieces: list[bytes]) -> None:
        for pcm in pieces:
            if self._state is _State.RUNNING:
                self._on_pcm(pcm)

    def _take_report(self, report: rtcp.RtcpPacket) -> None:
        if isinstance(report, rtcp.Goodbye):
            return
        now = self._pacer.now()
        if isinstance(report, rtcp.SenderReport):
            self._uplink.sender_reported(report, now)
        for block in report.blocks:
            if block.ssrc == self._parameters.ssrc:
                self._far_end = read_block(block, rtcp.ntp_time(self._pacer.unix_time(now)))
                if self._far_end.rtt_ms is not None:
                    self._rtt_ms = round(self._far_end.rtt_ms, 3)

    def _send_report(self, now: float, *, goodbye: bool = False) -> None:
        if self._srtp is None:
            return
        packet = self._report(now) + rtcp.build_source_description(self._parameters.ssrc, self._parameters.cname)
        if goodbye:
            packet += rtcp.build_goodbye(rtcp.Goodbye((self._parameters.ssrc,)))
        self._transmit(self._srtp.protect_rtcp(packet))

    def _report(self, now: float) -> bytes:
        """A sender report if something was sent since the last one, else a receiver report (RFC 3550 §6.4)."""
        reception = self._uplink.reception
        blocks = (reception.report(now),) if reception else ()
        if self._downlink.packets == self._packets_reported:
            return rtcp.build_receiver_report(rtcp.ReceiverReport(self._parameters.ssrc, blocks))
        self._packets_reported = self._downlink.packets
        report = rtcp.SenderReport(
            ssrc=self._parameters.ssrc,
            ntp=rtcp.ntp_time(self._pacer.unix_time(now)),
            timestamp=self._downlink.timestamp_at(self._pacer.tick_number(now)),
            packets=self._downlink.packets % (1 << 32),
            payload_bytes=self._downlink.payload_bytes % (1 << 32),
            blocks=blocks,
        )
        return rtcp.build_sender_report(report)

    def _transmit(self, datagram: bytes) -> None:
        self._packets_sent += 1
        self._bytes_sent += len(datagram)
        self._send(datagram)
