"""A transceiver's control API over real HTTP, with calls in memory and no media: the other end of signaling's tests."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from antiphon_wire import KeyRing, Minted, Ticket

TOKEN = "t" * 40
VIP = "192.0.2.2:3478"
OFFER = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\n"
)


@dataclass(frozen=True)
class Failure:
    """What a pod answers to an offer instead of a call."""

    status: int
    body: str


def refusal(status: int, code: str, message: str = "because the test says so") -> Failure:
    quoted = f'"code": "{code}", "message": "{message}"'
    return Failure(status, f'{{"error": {{{quoted}}}, "free": 0}}')


@dataclass
class FakePod:
    name: str
    first_route: int
    ring: KeyRing
    capacity: int = 60
    vip: str = VIP
    failure: Failure | None = None
    control: str = ""
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Offers wait for it: cleared, the pod is slow."""
    offers: list[dict[str, Any]] = field(default_factory=list)
    later_offers: list[dict[str, Any]] = field(default_factory=list)
    connections: set[object] = field(default_factory=set)
    ended: dict[str, str] = field(default_factory=dict)
    live: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.gate.set()

    @property
    def free(self) -> int:
        return self.capacity - len(self.live)

    def end(self, call_id: str, reason: str) -> None:
        self.live.discard(call_id)
        self.ended.setdefault(call_id, reason)

    async def create(self, request: web.Request) -> web.Response:
        self.connections.add(request.transport)
        body = await request.json()
        self.offers.append(body)
        await self.gate.wait()
        if self.failure is not None:
            return web.Response(text=self.failure.body, status=self.failure.status, content_type="application/json")
        if self.free <= 0:
            full = refusal(503, "no_capacity")
            return web.Response(text=full.body, status=full.status, content_type="application/json")
        now = int(time.time())
        ticket = Ticket(cluster_id=0, route=self.first_route, expires_at=now + 3600, nonce=secrets.randbits(32))
        minted = self.ring.mint(ticket, now=now)
        self.live.add(minted.call_id)
        created = {
            "call_id": minted.call_id,
            "answer": await self.answer(body["offer"], minted),
            "route": self.first_route,
            "pod": self.name,
            "free": self.free,
            "timings_ms": {"backend": 1.5, "answer": 0.5},
        }
        return web.json_response(created, status=201)

    async def answer(self, offer: str, minted: Minted) -> str:
        return answer_to(offer, minted.ufrag, minted.password, self.vip)

    async def renegotiate(self, request: web.Request) -> web.Response:
        self.later_offers.append(await request.json())
        if self.failure is not None:
            return web.Response(text=self.failure.body, status=self.failure.status, content_type="application/json")
        call_id = request.match_info["id"]
        if call_id not in self.live:
            report = self._report(call_id)
            report.set_status(410 if report.status == 200 else report.status)
            return report
        body = {"call_id": call_id, "answer": f"v=0\r\ns={call_id}\r\n", "route": self.first_route, "pod": self.name}
        return web.json_response(body)

    async def show(self, request: web.Request) -> web.Response:
        return self._report(request.match_info["id"])

    async def delete(self, request: web.Request) -> web.Response:
        if request.match_info["id"] in self.live:
            self.end(request.match_info["id"], "hangup")
        return self._report(request.match_info["id"])

    async def capacity_now(self, request: web.Request) -> web.Response:
        self.connections.add(request.transport)
        now = {"pod": self.name, "capacity": self.capacity, "live": len(self.live), "free": self.free}
        return web.json_response({**now, "draining": False})

    def _report(self, call_id: str) -> web.Response:
        if call_id not in self.live and call_id not in self.ended:
            return web.json_response({"error": {"code": "call_unknown", "message": "no such call"}}, status=404)
        report = {
            "call_id": call_id,
            "pod": self.name,
            "route": self.first_route,
            "state": "connected" if call_id in self.live else "ended",
            "reason": self.ended.get(call_id),
            "model": "parrot",
            "age_s": 1.25,
            "stats": {"packets_received": 50},
        }
        return web.json_response(report)


@web.middleware
async def bearer(request: web.Request, handler: Any) -> web.StreamResponse:
    if request.headers.get("Authorization") != f"Bearer {TOKEN}":
        return web.json_response({"error": {"code": "unauthorized", "message": "no"}}, status=401)
    answer: web.StreamResponse = await handler(request)
    return answer


@asynccontextmanager
async def listening(pod: FakePod) -> AsyncIterator[FakePod]:
    app = web.Application(middlewares=[bearer])
    app.router.add_post("/v1/calls", pod.create)
    app.router.add_get("/v1/calls/{id}", pod.show)
    app.router.add_patch("/v1/calls/{id}", pod.renegotiate)
    app.router.add_delete("/v1/calls/{id}", pod.delete)
    app.router.add_get("/v1/capacity", pod.capacity_now)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    pod.control = f"127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield pod
    finally:
        await runner.cleanup()


def answer_to(offer: str, ufrag: str, password: str, vip: str) -> str:
    """An ICE-lite answer that names the VIP: a browser takes it, and finds nobody there."""
    host, port = vip.rsplit(":", 1)
    common = (
        f"c=IN IP4 {host}\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\na=setup:active\r\n"
        f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}\r\na=candidate:1 1 udp 2130706431 {host} {port} typ host\r\n"
    )
    lines = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-lite\r\n"
    sections = [part.split("\r\n", 1)[0].split() for part in offer.split("\r\nm=")[1:]]
    lines += f"a=group:BUNDLE {' '.join(str(mid) for mid in range(len(sections)))}\r\n"
    for mid, (kind, _port, profile, *formats) in enumerate(sections):
        lines += f"m={kind} {port} {profile} {formats[0]}\r\n{common}a=mid:{mid}\r\n"
        if kind == "audio":
            lines += "a=rtcp-mux\r\na=sendrecv\r\na=rtpmap:111 opus/48000/2\r\n"
        else:
            lines += "a=sctp-port:5000\r\n"
    return lines
