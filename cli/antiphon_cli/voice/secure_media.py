# ruff: noqa: SLF001 - aiortc has no public way to its DTLS transport but through an RTCPeerConnection
"""DTLS and SRTP by aiortc, below its RTCPeerConnection, of which it needs private names too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiortc.rtcdtlstransport import (
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
)
from aiortc.rtcrtpparameters import (
    RTCRtpCodecParameters,
    RTCRtpDecodingParameters,
    RTCRtpReceiveParameters,
    RTCRtpSendParameters,
)
from aiortc.rtp import (
    AnyRtcpPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
    RtpPacket,
)

from antiphon_cli.voice.description import RemoteDescription
from antiphon_cli.voice.ice import IcePath
from antiphon_cli.voice.reception import Reception


class DtlsError(Exception):
    """The handshake failed; the message is one sentence."""


@dataclass(frozen=True)
class ReceivedPacket:
    ssrc: int
    sequence: int
    timestamp: int
    payload: bytes


@dataclass(frozen=True)
class OutgoingStream:
    ssrc: int
    first_sequence: int


@dataclass(frozen=True)
class SentSoFar:
    packets: int
    octets: int
    timestamp: int


def new_certificate() -> RTCCertificate:
    return RTCCertificate.generateCertificate()


def sha256_fingerprint(certificate: RTCCertificate) -> str:
    return next(f.value for f in certificate.getFingerprints() if f.algorithm == "sha-256")


class SecureMedia:
    """RTP out and in over one DTLS association. `on_packet` is called for each Opus packet, `on_end` when it closes."""

    def __init__(
        self,
        path: IcePath,
        certificate: RTCCertificate,
        stream: OutgoingStream,
        *,
        on_packet: Callable[[ReceivedPacket], None],
        on_end: Callable[[], None],
    ) -> None:
        self.transport = RTCDtlsTransport(path, [certificate])  # type: ignore[arg-type]  # IcePath has what it uses
        self.lost_on_the_way_up: float | None = None
        self._path = path
        self._stream = stream
        self._on_packet = on_packet
        self._on_end = on_end

    async def handshake(self, remote: RemoteDescription, timeout_s: float) -> None:
        # An active answerer sends the ClientHello, so this side is the DTLS server (RFC 8842 §5.3).
        self.transport._set_role("server" if remote.dtls_active else "client")
        fingerprints = [RTCDtlsFingerprint(f.algorithm, f.value) for f in remote.fingerprints]
        self._register(remote.opus_payload_type)
        try:
            async with asyncio.timeout(timeout_s):
                await self.transport.start(RTCDtlsParameters(fingerprints=fingerprints))
        except TimeoutError as error:
            raise DtlsError(f"the handshake did not end in {timeout_s:.0f} s, though STUN was answered") from error
        if self.transport.state != "connected":
            raise DtlsError(
                "the handshake failed: the other side refused it, or its certificate is not the answer's fingerprint"
            )

    @property
    def srtp_profile(self) -> str:
        ssl = self.transport._ssl
        return ssl.get_selected_srtp_profile().decode("ascii") if ssl is not None else ""

    @property
    def last_heard_s(self) -> float:
        """When anything of the other side came, by the event loop's clock."""
        return self._path.last_heard_s

    async def send(self, packet: RtpPacket) -> None:
        await self.transport._send_rtp(packet.serialize())

    async def report(self, reception: Reception | None, sent: SentSoFar, ntp_timestamp: int) -> None:
        """One RTCP sender report, with a receiver report of what came (RFC 3550 §6.4.1)."""
        blocks = []
        if reception is not None:
            block = RtcpReceiverInfo(
                ssrc=reception.ssrc,
                fraction_lost=reception.fraction_lost(),
                packets_lost=reception.lost,
                highest_sequence=reception.highest_sequence,
                jitter=reception.jitter,
                lsr=0,
                dlsr=0,
            )
            blocks.append(block)
        sender = RtcpSenderInfo(ntp_timestamp, sent.timestamp, sent.packets, sent.octets & 0xFFFFFFFF)
        await self.transport._send_rtp(bytes(RtcpSrPacket(self._stream.ssrc, sender, blocks)))

    async def close(self) -> None:
        await self.transport.stop()

    def _register(self, payload_type: int) -> None:
        codec = RTCRtpCodecParameters(mimeType="audio/opus", clockRate=48000, channels=2, payloadType=payload_type)
        receive = RTCRtpReceiveParameters(codecs=[codec], encodings=list[RTCRtpDecodingParameters](), muxId="0")
        self.transport._register_rtp_receiver(_Receiver(self._on_packet, self._on_end, self._read_report), receive)
        sender = _Sender(self._stream.ssrc, self._read_report)
        self.transport._register_rtp_sender(sender, RTCRtpSendParameters(codecs=[codec]))

    def _read_report(self, packet: AnyRtcpPacket) -> None:
        if isinstance(packet, (RtcpRrPacket, RtcpSrPacket)):
            for block in packet.reports:
                if block.ssrc == self._stream.ssrc:
                    # The cumulative number, not the last interval's fraction: it is about the whole call.
                    self._upstream_lost(block)

    def _upstream_lost(self, block: RtcpReceiverInfo) -> None:
        expected = (block.highest_sequence - self._stream.first_sequence + 1) & 0xFFFFFFFF
        if 0 < expected < 1 << 31:
            self.lost_on_the_way_up = max(0, block.packets_lost) / expected


class _Receiver:
    """What aiortc's router calls for a stream that comes in."""

    def __init__(
        self,
        on_packet: Callable[[ReceivedPacket], None],
        on_end: Callable[[], None],
        on_report: Callable[[AnyRtcpPacket], None],
    ) -> None:
        self._on_packet, self._on_end, self._on_report = on_packet, on_end, on_report

    def _handle_disconnect(self) -> None:
        self._on_end()

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        self._on_report(packet)

    async def _handle_rtp_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        self._on_packet(ReceivedPacket(packet.ssrc, packet.sequence_number, packet.timestamp, packet.payload))


class _Sender:
    """What aiortc's router calls with reports about the stream that goes out."""

    def __init__(self, ssrc: int, on_report: Callable[[AnyRtcpPacket], None]) -> None:
        self._ssrc = ssrc
        self._on_report = on_report

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        self._on_report(packet)
