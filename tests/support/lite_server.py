"""A one-call WebRTC server on loopback, for the caller's tests: HTTP, ICE-lite, DTLS-SRTP, and packets sent back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from aiohttp import web
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpReceiveParameters
from aiortc.rtp import AnyRtcpPacket, RtpPacket

from antiphon_wire import stun

LOOK_CODES = {410: "transceiver_lost", 502: "transceiver_failed"}
UFRAG, PASSWORD = "lite", "lite-password-of-24-chars"


@dataclass(frozen=True)
class Behaviour:
    """What goes wrong; by default nothing does."""

    status: int = 201
    error_body: str = ""
    answers_stun: bool = True
    right_fingerprint: bool = True
    active: bool = True
    echoes: bool = True
    loses_every: int = 0
    """Every so-manieth packet is not sent back."""
    closes_after: int = 0
    """Packets; then the server ends the call."""
    silent_after: int = 0
    """Packets; then no datagram leaves it any more."""
    look_status: int = 200
    """How a look at the call is answered."""


@dataclass
class LiteServer:
    behaviour: Behaviour
    url: str = ""
    hung_up: list[str] = field(default_factory=list)
    offers: list[str] = field(default_factory=list)
    models: list[str | None] = field(default_factory=list)
    looks: int = 0
    nominated: asyncio.Event = field(default_factory=asyncio.Event)


class _Media(asyncio.DatagramProtocol):
    """The UDP half; also what aiortc's DTLS transport needs of an ICE transport."""

    role = "controlled"

    def __init__(self, server: LiteServer) -> None:
        self.server = server
        self.checked = asyncio.Event()
        self.silent = False
        self._packets: asyncio.Queue[bytes] = asyncio.Queue()
        self._peer: tuple[str, int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data[0] >= 4:
            self._packets.put_nowait(data)
            return
        request = stun.parse(data)
        assert request.verify(PASSWORD)
        assert request.controlling is not None
        if self.silent or not self.server.behaviour.answers_stun:
            return
        self._peer = addr
        answer = stun.binding_success(transaction_id=request.transaction_id, mapped_address=addr, password=PASSWORD)
        self.transport.sendto(answer, addr)
        self.checked.set()
        if request.use_candidate:
            self.server.nominated.set()

    async def _recv(self) -> bytes:
        return await self._packets.get()

    async def _send(self, data: bytes) -> None:
        assert self._peer is not None
        if not self.silent:
            self.transport.sendto(data, self._peer)


class _Echo:
    def __init__(self, media: _Media, dtls: RTCDtlsTransport) -> None:
        self._media, self._dtls, self._seen = media, dtls, 0
        self._behaviour = media.server.behaviour

    def _handle_disconnect(self) -> None:
        pass

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        pass

    async def _handle_rtp_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        self._seen += 1
        self._media.silent = self._media.silent or self._seen == self._behaviour.silent_after
        if self._seen == self._behaviour.closes_after:
            await self._dtls.stop()
            return
        lost = self._behaviour.loses_every and self._seen % self._behaviour.loses_every == 0
        if self._behaviour.echoes and not lost:
            packet.ssrc ^= 0xFFFFFFFF
            await self._dtls._send_rtp(packet.serialize())


@asynccontextmanager
async def lite_server(behaviour: Behaviour | None = None) -> AsyncIterator[LiteServer]:
    server = LiteServer(behaviour or Behaviour())
    loop = asyncio.get_running_loop()
    media = _Media(server)
    certificate = RTCCertificate.generateCertificate()
    transport, _ = await loop.create_datagram_endpoint(lambda: media, local_addr=("127.0.0.1", 0))
    dtls = RTCDtlsTransport(media, [certificate])  # type: ignore[arg-type]
    talking: list[asyncio.Task[None]] = []

    async def create(request: web.Request) -> web.Response:
        offer = await request.text()
        server.offers.append(offer)
        server.models.append(request.query.get("model"))
        if server.behaviour.status != 201:
            return web.Response(status=server.behaviour.status, text=server.behaviour.error_body)
        talking.append(asyncio.create_task(_talk(media, dtls, offer)))
        answer = _answer(certificate, transport.get_extra_info("sockname")[1], server.behaviour)
        return web.Response(status=201, text=answer, headers={"Location": "/v1/realtime/calls/rtc_test"})

    async def hang_up(request: web.Request) -> web.Response:
        server.hung_up.append(request.match_info["call"])
        return web.Response()

    async def look(_request: web.Request) -> web.Response:
        server.looks += 1
        if dtls.state == "closed":
            return web.json_response({"error": {"code": "client_closed", "message": "…"}}, status=410)
        status = server.behaviour.look_status
        if status != 200:
            return web.json_response({"error": {"code": LOOK_CODES[status], "message": "…"}}, status=status)
        return web.json_response({"id": "rtc_test", "state": "connecting"})

    calls, one = "/v1/realtime/calls", "/v1/realtime/calls/{call}"
    runner = await _serve([web.post(calls, create), web.post(f"{one}/hangup", hang_up), web.get(one, look)])
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        for task in talking:
            task.cancel()
        await asyncio.gather(*talking, return_exceptions=True)
        await dtls.stop()
        transport.close()
        await runner.cleanup()


async def _serve(routes: list[web.RouteDef]) -> web.AppRunner:
    application = web.Application()
    application.add_routes(routes)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner


async def _talk(media: _Media, dtls: RTCDtlsTransport, offer: str) -> None:
    behaviour = media.server.behaviour
    await media.checked.wait()
    dtls._set_role("client" if behaviour.active else "server")
    codec = RTCRtpCodecParameters(mimeType="audio/opus", clockRate=48000, channels=2, payloadType=111)
    dtls._register_rtp_receiver(_Echo(media, dtls), RTCRtpReceiveParameters(codecs=[codec], muxId="0"))
    found = re.search(r"a=fingerprint:(\S+) (\S+)", offer)
    assert found is not None
    await dtls.start(RTCDtlsParameters(fingerprints=[RTCDtlsFingerprint(found[1], found[2])]))


def _answer(certificate: RTCCertificate, port: int, behaviour: Behaviour) -> str:
    other = RTCCertificate.generateCertificate()
    shown = certificate if behaviour.right_fingerprint else other
    fingerprint = next(f for f in shown.getFingerprints() if f.algorithm == "sha-256")
    lines = [
        "v=0",
        "o=- 1 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        "a=group:BUNDLE 0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "c=IN IP4 127.0.0.1",
        f"a=ice-ufrag:{UFRAG}",
        f"a=ice-pwd:{PASSWORD}",
        f"a=fingerprint:sha-256 {fingerprint.value}",
        f"a=setup:{'active' if behaviour.active else 'passive'}",
        "a=mid:0",
        "a=rtcp-mux",
        "a=rtpmap:111 opus/48000/2",
        f"a=candidate:1 1 udp 2130706431 127.0.0.1 {port} typ host",
        "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
    ]
    return "\r\n".join(lines) + "\r\n"
