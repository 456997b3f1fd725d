"""A client below WebRTC's API, on stock aiortc: its offer, checks, DTLS, sound and events are steps of the test."""

import asyncio
import os
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from aiortc import RTCDataChannel, RTCDataChannelParameters
from aiortc.rtcdtlstransport import (
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    SRTPProtectionProfile,
)
from aiortc.rtcsctptransport import RTCSctpCapabilities, RTCSctpTransport
from aiortc.sdp import SessionDescription
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from OpenSSL import SSL

from antiphon_wire import stun
from media_pair import FRAME_BYTES, SAMPLE_RATE, is_rtcp, tone
from opus import OpusDecoder, OpusEncoder
from transceiver_process import PATIENCE_S, Pod, Reply, next_moment
from transceiver_relay import Host, Socket, open_socket

UFRAG, PASSWORD = "callerufrag", "callers-password-of-24+c".replace("-", "/")
PAYLOAD_TYPE = 111
WRONG_FINGERPRINT = ":".join(["AB"] * 32)


class RsaCertificate(RTCCertificate):
    """What GStreamer's webrtcbin has."""

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        context = super()._create_ssl_context(srtp_profiles)
        context.set_cipher_list(b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256")
        return context

    @classmethod
    def generate(cls) -> "RsaCertificate":
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "webrtcbin")])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        dated = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        return cls(key, dated.sign(key, hashes.SHA256()))  # type: ignore[arg-type]


class Leg:
    """What aiortc's DTLS asks of ICE: datagrams, and no more."""

    role = "controlling"

    def __init__(self, udp: Socket, vip: Host) -> None:
        self.incoming: asyncio.Queue[bytes] = asyncio.Queue()
        self.udp = udp
        self._vip = vip

    async def _recv(self) -> bytes:
        return await self.incoming.get()

    async def _send(self, datagram: bytes) -> None:
        self.udp.transport.sendto(datagram, self._vip)


@dataclass
class Caller:
    vip: Host
    certificate: RTCCertificate = field(default_factory=RTCCertificate.generateCertificate)
    setup: str = "actpass"
    fingerprint: str | None = None
    """In the offer, instead of the certificate's own."""
    ufrag: str = UFRAG
    password: str = PASSWORD
    udp: Socket = field(init=False)
    leg: Leg = field(init=False)
    dtls: RTCDtlsTransport = field(init=False)
    sctp: RTCSctpTransport = field(init=False)
    answer: SessionDescription = field(init=False)
    heard: bytearray = field(default_factory=bytearray)
    sequences: list[int] = field(default_factory=list)
    """Of the RTP packets that came."""
    rtcp_heard: list[bytes] = field(default_factory=list)
    checks_answered: int = 0
    _decoder: OpusDecoder = field(default_factory=lambda: OpusDecoder(SAMPLE_RATE))
    _sequence: int = 0

    async def open(self) -> None:
        self.udp = await open_socket(self._receive)
        self.leg = Leg(self.udp, self.vip)
        self.dtls = RTCDtlsTransport(self.leg, [self.certificate])  # type: ignore[arg-type]

    def offer(self) -> str:
        fingerprint = self.fingerprint or self.certificate.getFingerprints()[0].value
        transport = [
            f"a=ice-ufrag:{self.ufrag}",
            f"a=ice-pwd:{self.password}",
            f"a=fingerprint:sha-256 {fingerprint}",
            f"a=setup:{self.setup}",
        ]
        audio = ["m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0", "a=rtcp-mux", "a=rtpmap:111 opus/48000/2", "a=sendrecv"]
        data = ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:1", "a=sctp-port:5000"]
        head = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1"]
        return "\r\n".join(head + audio + transport + data + transport) + "\r\n"

    def restart(self) -> None:
        """The next offer restarts ICE."""
        self.ufrag, self.password = os.urandom(6).hex(), os.urandom(16).hex()

    def take(self, answer: str) -> None:
        self.answer = SessionDescription.parse(answer)

    @property
    def ticket(self) -> str:
        """The ufrag of the last answer."""
        ice = self.answer.media[0].ice
        assert ice is not None
        return str(ice.usernameFragment)

    async def move(self) -> None:
        """Another address, as after a change of the network."""
        self.udp.transport.close()
        self.udp = await open_socket(self._receive)
        self.leg.udp = self.udp

    async def check(self) -> None:
        """Nominates the one candidate, with retransmissions."""
        answered, deadline = self.checks_answered, time.monotonic() + PATIENCE_S
        while self.checks_answered == answered:
            assert time.monotonic() < deadline, "no check was answered"
            self.send(self.request())
            await next_moment()

    async def secure(self) -> str:
        """Runs DTLS; the state it ends in."""
        theirs = self.answer.media[0].dtls
        assert theirs is not None
        self.dtls._set_role("server" if theirs.role == "client" else "client")
        prints = [RTCDtlsFingerprint(print_.algorithm, print_.value) for print_ in theirs.fingerprints]
        async with asyncio.timeout(PATIENCE_S):
            await self.dtls.start(RTCDtlsParameters(prints))
        return self.dtls.state

    async def associate(self) -> None:
        """SCTP; there is no channel yet."""
        self.sctp = RTCSctpTransport(self.dtls)
        await self.sctp.start(RTCSctpCapabilities(65536), 5000)

    async def open_channel(self, label: str = "oai-events", *, max_retransmits: int | None = None) -> "Channel":
        await self.associate()
        return self.another_channel(label, max_retransmits=max_retransmits)

    def another_channel(self, label: str, *, max_retransmits: int | None = None) -> "Channel":
        parameters = RTCDataChannelParameters(label=label, maxRetransmits=max_retransmits)
        return Channel(RTCDataChannel(self.sctp, parameters))

    async def until_dtls(self, state: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while self.dtls.state != state:
            assert time.monotonic() < deadline, f"DTLS is {self.dtls.state}, not {state}"
            await next_moment()

    async def speak(self, seconds: float, hertz: float) -> None:
        """A tone, 20 ms a packet, in real time."""
        encoder, sound = OpusEncoder(SAMPLE_RATE), tone(seconds, hertz=hertz)
        for start in range(0, len(sound), FRAME_BYTES):
            self._sequence += 1
            header = struct.pack("!BBHLL", 0x80, PAYLOAD_TYPE, self._sequence, self._sequence * 960, 0xCA11E4)
            packet = self.dtls._tx_srtp.protect(header + encoder.encode(sound[start : start + FRAME_BYTES]))
            self.send(packet)
            await frame_passed()

    def send(self, datagram: bytes) -> None:
        self.udp.transport.sendto(datagram, self.vip)

    async def close(self) -> None:
        await self.dtls.stop()
        self.udp.transport.close()

    def request(self) -> bytes:
        """A check of the one candidate of the last answer, which nominates it."""
        ice = self.answer.media[0].ice
        assert ice is not None
        assert ice.password is not None
        return stun.binding_request(
            transaction_id=os.urandom(12),
            username=f"{ice.usernameFragment}:{self.ufrag}",
            password=ice.password,
            priority=1,
            use_candidate=True,
            controlling=7,
        )

    def _receive(self, datagram: bytes, _sender: Host) -> None:
        if datagram[0] < 4:
            self.checks_answered += stun.parse(datagram).kind is stun.Kind.SUCCESS
        elif datagram[0] < 64:
            self.leg.incoming.put_nowait(datagram)
        elif is_rtcp(datagram):
            self.rtcp_heard.append(self.dtls._rx_srtp.unprotect_rtcp(datagram))
        else:
            packet = self.dtls._rx_srtp.unprotect(datagram)
            assert packet[1] & 0x7F == PAYLOAD_TYPE
            self.sequences.append(int.from_bytes(packet[2:4], "big"))
            self.heard += self._decoder.decode(packet[12:])


@dataclass
class Channel:
    channel: RTCDataChannel
    messages: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    def __post_init__(self) -> None:
        self.channel.on("message", self.messages.put_nowait)

    async def until(self, state: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while self.channel.readyState != state:
            assert time.monotonic() < deadline, f"the channel is {self.channel.readyState}, not {state}"
            await next_moment()

    async def next_message(self) -> str:
        async with asyncio.timeout(PATIENCE_S):
            return await self.messages.get()


async def frame_passed() -> None:
    passed = asyncio.Event()
    asyncio.get_running_loop().call_later(0.02, passed.set)
    await passed.wait()


@dataclass
class Conversation:
    """A caller and the pod's reply to its offer."""

    caller: Caller
    reply: Reply

    @property
    def call_id(self) -> str:
        return str(self.reply.body["call_id"])


@asynccontextmanager
async def offered(pod: Pod, caller: Caller | None = None, model: str | None = None) -> AsyncIterator[Conversation]:
    """A caller whose offer was answered; the next steps are the test's."""
    caller = caller or Caller(pod.relay.vip)
    await caller.open()
    try:
        reply = await pod.ask("POST", "/v1/calls", {"offer": caller.offer(), "model": model, "session": None})
        if reply.status == 201:
            caller.take(reply.body["answer"])
        yield Conversation(caller, reply)
    finally:
        await caller.close()


@asynccontextmanager
async def connected(pod: Pod, caller: Caller | None = None) -> AsyncIterator[Conversation]:
    """A caller whose call is up."""
    async with offered(pod, caller) as conversation:
        await conversation.caller.check()
        assert await conversation.caller.secure() == "connected"
        await pod.until(conversation.call_id, "connected")
        yield conversation
