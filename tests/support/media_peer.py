"""A caller of the media engine behind a relay: libsrtp and aiortc's parsers on the other side of the pod's socket."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pylibsrtp
from aiortc.rtp import AnyRtcpPacket, RtcpPacket, RtpPacket

from antiphon_transceiver._extension import MediaCall, MediaEngine
from hop_relay import PATIENCE_S, Caller, HopRelay, HopSite
from opus import OpusEncoder

RATE = 24_000
FRAME_BYTES = RATE // 50 * 2
PROFILE = "SRTP_AES128_CM_SHA1_80"
OPUS, RED = 111, 63
OUR_SSRC, THEIR_SSRC = 0x1111, 0x2222
_OUR_KEY, _OUR_SALT = bytes(range(16)), bytes(range(100, 114))
_THEIR_KEY, _THEIR_SALT = bytes(range(50, 66)), bytes(range(150, 164))


def open_call(
    engine: MediaEngine, handle: int, *, coding: str = "opus", payload_type: int = OPUS, **more: bool
) -> MediaCall:
    return engine.open(handle, coding=coding, payload_type=payload_type, ssrc=OUR_SSRC, cname="antiphon", **more)


def encoded(pcm: bytes) -> list[bytes]:
    encoder = OpusEncoder(RATE)
    return [encoder.encode(pcm[begin : begin + FRAME_BYTES]) for begin in range(0, len(pcm), FRAME_BYTES)]


def start(call: MediaCall, *, rtt_s: float | None = None) -> None:
    """With the keys that every peer here has."""
    call.start(
        PROFILE,
        send_key=_OUR_KEY,
        send_salt=_OUR_SALT,
        receive_key=_THEIR_KEY,
        receive_salt=_THEIR_SALT,
        rtt_s=rtt_s,
    )


@dataclass
class MediaPeer:
    """One caller. What it is sent is in `packets` and `reports`, decrypted; in `datagrams` is RTP as it came."""

    site: HopSite
    caller: Caller
    ssrc: int = THEIR_SSRC
    packets: list[RtpPacket] = field(default_factory=list)
    reports: list[AnyRtcpPacket] = field(default_factory=list)
    datagrams: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        profile = pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80
        outbound, inbound = pylibsrtp.Policy.SSRC_ANY_OUTBOUND, pylibsrtp.Policy.SSRC_ANY_INBOUND
        self._outbound = pylibsrtp.Session(
            pylibsrtp.Policy(key=_THEIR_KEY + _THEIR_SALT, ssrc_type=outbound, srtp_profile=profile)
        )
        self._inbound = pylibsrtp.Session(
            pylibsrtp.Policy(key=_OUR_KEY + _OUR_SALT, ssrc_type=inbound, srtp_profile=profile)
        )

    def say(self, number: int, payload: bytes, *, payload_type: int = OPUS, ticks: int = 960) -> bytes:
        """The packet `number` of a stream without pauses, protected."""
        packet = RtpPacket(
            payload_type=payload_type, sequence_number=number % 65_536, timestamp=number * ticks, ssrc=self.ssrc
        )
        packet.payload = payload
        return self._outbound.protect(packet.serialize())

    def protect_rtcp(self, packet: bytes) -> bytes:
        return self._outbound.protect_rtcp(packet)

    def take(self, datagram: bytes) -> None:
        if 192 <= datagram[1] <= 223:
            self.reports += RtcpPacket.parse(self._inbound.unprotect_rtcp(datagram))
            return
        self.datagrams.append(datagram)
        if datagram not in self.datagrams[:-1]:
            self.packets.append(RtpPacket.parse(self._inbound.unprotect(datagram)))


@dataclass
class Line:
    """Peers by the port that they call from, and what the engine has of them for Python."""

    site: HopSite
    engine: MediaEngine
    peers: dict[int, MediaPeer] = field(default_factory=dict)
    heard: dict[int, list[bytes]] = field(default_factory=dict)

    def until(self, condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
        """Carries packets and sound until `condition()`."""
        deadline = time.monotonic() + patience_s
        while not condition():
            assert time.monotonic() < deadline, "it did not come to that"
            self.carry(0.01)

    def until_paced(self, frames: int) -> None:
        """Until the pacer has had so many times to send a frame: to show that it sends none."""
        slots = self.engine.counters()["slots"] + frames
        self.until(lambda: self.engine.counters()["slots"] >= slots)

    def carry(self, wait_s: float) -> None:
        sockets: list[HopRelay] = list(self.site.relays)
        descriptors = [relay.udp.fileno() for relay in sockets] + [self.engine.fileno()]
        readable, _, _ = select.select(descriptors, [], [], wait_s)
        for relay in sockets:
            if relay.udp.fileno() in readable:
                for record in relay.returned():
                    if record.payload[0] >= 128:
                        self.peers[record.client_port].take(record.payload)
        if self.engine.fileno() in readable:
            for handle, pcm in self.engine.receive():
                self.heard.setdefault(handle, []).append(pcm)

    def sound(self, handle: int) -> bytes:
        return b"".join(self.heard.get(handle, ()))
