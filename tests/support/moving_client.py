"""The client of a call whose owner changes. It is others' work: OpenSSL for DTLS, libsrtp, aiortc's association."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import cast

import pylibsrtp
from aiortc import RTCDataChannel, RTCDataChannelParameters
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcsctptransport import DataChunk, RTCSctpCapabilities, RTCSctpTransport, parse_packet
from aiortc.rtp import RtcpPacket, RtcpReceiverInfo, RtcpRrPacket, RtpPacket
from OpenSSL import SSL

from antiphon_transceiver.certificate import Certificate
from antiphon_transceiver.dtls_handshake import Handshake, Progress, Secured
from antiphon_transceiver.media import SrtpKeys, SrtpProfile
from antiphon_transceiver.negotiation import DtlsRole, Fingerprint
from dtls_peer import OpenSslPeer
from media_pair import tone
from opus import OpusDecoder, OpusEncoder

RATE = 24_000
FRAME_BYTES = RATE // 50 * 2
OPUS = 111
OUR_SSRC, THEIR_SSRC = 0x1111, 0x2222
SCTP_PORT = 5000
LABEL = "oai-events"
LARGEST_MESSAGE = 64 * 1024
_POLICIES = {
    SrtpProfile.AES128_CM_SHA1_80: pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    SrtpProfile.AEAD_AES_128_GCM: pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    SrtpProfile.AEAD_AES_256_GCM: pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}


class Witness:
    """Sees all that leaves any owner, also what no relay forwards: under one number is one content."""

    def __init__(self) -> None:
        self.rtcp_tag = 0
        """Bytes behind an SRTCP packet's index: the tag of AES-CM (RFC 3711 section 3.4), none of GCM (RFC 7714)."""
        self._seen: dict[tuple[str, int], bytes] = {}

    def note(self, datagram: bytes) -> None:
        if 20 <= datagram[0] < 64:
            self._put("record", int.from_bytes(datagram[3:11]), datagram)
        elif 192 <= datagram[1] < 224:
            end = len(datagram) - self.rtcp_tag
            self._put("rtcp", int.from_bytes(datagram[end - 4 : end]) & 0x7FFF_FFFF, datagram)
        elif datagram[0] >= 128:
            # It begins below 2^15, and no test goes on for so long that it comes round.
            self._put("rtp", int.from_bytes(datagram[2:4]), datagram)

    def note_chunk(self, chunk: DataChunk) -> None:
        self._put("tsn", chunk.tsn, bytes(chunk.user_data))

    def count(self, kind: str) -> int:
        return sum(1 for known, _ in self._seen if known == kind)

    def _put(self, kind: str, number: int, content: bytes) -> None:
        assert self._seen.setdefault((kind, number), content) == content, f"{kind} {number} is used twice"


class Client:
    """What the relay brings is for `take`; `forward` is the way to whoever has the route."""

    state = "connected"
    _role = "client"

    def __init__(self, forward: Callable[[bytes], None], witness: Witness) -> None:
        self.texts: list[str] = []
        self.packets: list[RtpPacket] = []
        self.reports = 0
        self.forward = forward
        self._witness = witness
        self._peer = OpenSslPeer(DtlsRole.SERVER)
        self._spoken = 0
        self._encoder = OpusEncoder(RATE)
        self._packets: asyncio.Queue[bytes] = asyncio.Queue()
        self.sctp = RTCSctpTransport(cast(RTCDtlsTransport, self))

    def secured(self) -> Secured:
        """Shakes hands with a server of ours, in memory."""
        handshake = Handshake(Certificate.generate(), DtlsRole.SERVER)
        for _ in range(8):
            with suppress(SSL.WantReadError):
                self._peer.ssl.do_handshake()
            for flight in handshake.take(self._peer.written()):
                self._peer.ssl.bio_write(flight)
            if handshake.progress is Progress.DONE:
                break
        self._peer.ssl.do_handshake()
        secured = handshake.secured([Fingerprint("sha-256", self._peer.fingerprints["sha-256"])])
        assert secured is not None
        self._outbound, self._inbound = sessions(secured.keys)
        self._witness.rtcp_tag = 10 if secured.keys.profile is SrtpProfile.AES128_CM_SHA1_80 else 0
        return secured

    async def open(self) -> None:
        await self.sctp.start(RTCSctpCapabilities(LARGEST_MESSAGE), SCTP_PORT)
        self.channel = RTCDataChannel(self.sctp, RTCDataChannelParameters(label=LABEL))
        self.channel.on("message", self.texts.append)

    def speak(self, frames: int) -> list[bytes]:
        """What was sent."""
        sent = []
        pcm = tone(frames / 50)
        for begin in range(0, len(pcm), FRAME_BYTES):
            self._spoken += 1
            packet = RtpPacket(
                payload_type=OPUS,
                sequence_number=self._spoken % 65_536,
                timestamp=self._spoken * 960,
                ssrc=THEIR_SSRC,
            )
            packet.payload = self._encoder.encode(pcm[begin : begin + FRAME_BYTES])
            sent.append(self._outbound.protect(packet.serialize()))
            self.forward(sent[-1])
        return sent

    def report(self) -> None:
        """A receiver report about the packet that was heard last."""
        block = RtcpReceiverInfo(
            ssrc=OUR_SSRC,
            fraction_lost=0,
            packets_lost=0,
            highest_sequence=self.packets[-1].sequence_number,
            jitter=0,
            lsr=0,
            dlsr=0,
        )
        report = RtcpRrPacket(ssrc=THEIR_SSRC, reports=[block])
        self.forward(self._outbound.protect_rtcp(bytes(report)))

    def sound(self, first: int = 0) -> bytes:
        """Of the packets from that one on."""
        decoder = OpusDecoder(RATE)
        return b"".join(decoder.decode(packet.payload) for packet in self.packets[first:])

    async def take(self, datagram: bytes) -> None:
        """Raises where a packet is not authentic, or came before."""
        if 20 <= datagram[0] < 64:
            self._peer.ssl.bio_write(datagram)
            packet = self._peer.ssl.recv(2048)
            _, _, _, chunks = parse_packet(packet)
            for chunk in chunks:
                if isinstance(chunk, DataChunk):
                    self._witness.note_chunk(chunk)
            await self.sctp._handle_data(packet)
        elif 192 <= datagram[1] < 224:
            RtcpPacket.parse(self._inbound.unprotect_rtcp(datagram))
            self.reports += 1
        elif datagram[0] >= 128:
            self.packets.append(RtpPacket.parse(self._inbound.unprotect(datagram)))

    def _register_data_receiver(self, receiver: object) -> None:
        pass

    def _unregister_data_receiver(self, receiver: object) -> None:
        pass

    async def _send_data(self, data: bytes) -> None:
        self._peer.ssl.send(data)
        self.forward(self._peer.written())


def sessions(keys: SrtpKeys) -> tuple[pylibsrtp.Session, pylibsrtp.Session]:
    """The client's: what it sends and what it hears."""
    profile = _POLICIES[keys.profile]
    outbound = pylibsrtp.Policy(
        key=keys.remote_key + keys.remote_salt, ssrc_type=pylibsrtp.Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile
    )
    inbound = pylibsrtp.Policy(
        key=keys.local_key + keys.local_salt, ssrc_type=pylibsrtp.Policy.SSRC_ANY_INBOUND, srtp_profile=profile
    )
    return pylibsrtp.Session(outbound), pylibsrtp.Session(inbound)
