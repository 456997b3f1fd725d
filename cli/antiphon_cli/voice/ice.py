"""ICE as the controlling side against an ICE-lite server (RFC 8445), over one connected UDP socket per candidate."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from typing import cast

from antiphon_cli.voice.description import LocalDescription, RemoteDescription
from antiphon_wire import stun
from antiphon_wire.environment import Address

CHECK_INTERVAL_S = 0.05
CONSENT_INTERVAL_S = 2.5
CONSENT_LOST_S = 30.0
"""Without an answer to a check for so long the path is dead (RFC 7675)."""
PEER_REFLEXIVE_PRIORITY = (110 << 24) | (65535 << 8) | 255
"""Of a first interface's first component: what checks carry (RFC 8445 §7.1.1)."""
QUEUED_PACKETS = 1024


class IceError(Exception):
    """No candidate answered; the message is one sentence."""


class IcePath:
    """The path to one server. It has the three members that aiortc's DTLS transport needs of an ICE transport."""

    role = "controlling"

    def __init__(self, local: LocalDescription, remote: RemoteDescription) -> None:
        self._username = f"{remote.ufrag}:{local.ufrag}"
        self._password = remote.password
        self._candidates: Sequence[Address] = remote.candidates
        self._tie_breaker = secrets.randbits(64)
        self._sockets: list[_CandidateSocket] = []
        self._chosen: _CandidateSocket | None = None
        self._packets: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUED_PACKETS)
        self._consent: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def candidate(self) -> Address | None:
        return self._chosen.candidate if self._chosen else None

    @property
    def rtt_s(self) -> float | None:
        """The shortest round trip that a check has made."""
        return self._chosen.rtt_s if self._chosen else None

    @property
    def last_heard_s(self) -> float:
        """When an answer to a check, DTLS or media came."""
        return self._chosen.last_heard_s if self._chosen else 0.0

    async def connect(self, timeout_s: float) -> None:
        """Check every candidate until one answers, then nominate it and keep its consent fresh."""
        loop = asyncio.get_running_loop()
        self._sockets = [await self._open(candidate) for candidate in self._candidates]
        deadline = loop.time() + timeout_s
        while self._chosen is None:
            if loop.time() >= deadline:
                raise IceError(self._failure(timeout_s))
            for socket in self._sockets:
                socket.check(use_candidate=False)
            answers = [asyncio.ensure_future(socket.answered.wait()) for socket in self._sockets]
            await asyncio.wait(answers, timeout=CHECK_INTERVAL_S, return_when=asyncio.FIRST_COMPLETED)
            for answer in answers:
                answer.cancel()
            self._chosen = next((socket for socket in self._sockets if socket.answered.is_set()), None)
        self._chosen.check(use_candidate=True)
        self._consent = asyncio.create_task(self._keep_consent(self._chosen))

    async def _recv(self) -> bytes:
        packet = await self._packets.get() if not self._closed else None
        if packet is None:
            raise ConnectionError("the path is closed")
        return packet

    async def _send(self, data: bytes) -> None:
        if self._chosen is None or self._closed:
            raise ConnectionError("the path is closed")
        self._chosen.send(data)

    def close(self) -> None:
        self._closed = True
        if self._consent is not None:
            self._consent.cancel()
        for socket in self._sockets:
            socket.close()
        self._put(None)

    async def _open(self, candidate: Address) -> _CandidateSocket:
        loop = asyncio.get_running_loop()
        socket = _CandidateSocket(candidate, self)
        try:
            await loop.create_datagram_endpoint(lambda: socket, remote_addr=(candidate.host, candidate.port))
        except OSError as error:
            socket.trouble = error.strerror or str(error)
        return socket

    def check(self, transaction_id: bytes, *, use_candidate: bool) -> bytes:
        return stun.binding_request(
            transaction_id=transaction_id,
            username=self._username,
            password=self._password,
            priority=PEER_REFLEXIVE_PRIORITY,
            use_candidate=use_candidate,
            controlling=self._tie_breaker,
        )

    def is_answer(self, message: stun.Message) -> bool:
        return message.kind is stun.Kind.SUCCESS and message.verify(self._password)

    def _put(self, packet: bytes | None) -> None:
        if self._packets.full():
            self._packets.get_nowait()
        self._packets.put_nowait(packet)

    def received(self, socket: _CandidateSocket, data: bytes) -> None:
        """DTLS and SRTP of the chosen path; before the choice the other side may be faster than its own STUN answer."""
        if self._chosen is None or socket is self._chosen:
            self._put(data)

    async def _keep_consent(self, socket: _CandidateSocket) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() - socket.last_answer_s < CONSENT_LOST_S:
            await asyncio.sleep(CONSENT_INTERVAL_S)
            socket.check(use_candidate=True)
        self.close()

    def _failure(self, timeout_s: float) -> str:
        tried = " and ".join(str(socket.candidate) for socket in self._sockets)
        troubles = dict.fromkeys(socket.trouble for socket in self._sockets if socket.trouble)
        seen = f" ({'; '.join(troubles)})" if troubles else ""
        cause = (
            "Is the relay running there?"
            if "Connection refused" in troubles
            else "If signaling answered and this does not, a firewall between here and there blocks UDP."
        )
        return f"no answer from {tried} in {timeout_s:.0f} s{seen}. {cause}"


class _CandidateSocket(asyncio.DatagramProtocol):
    """One UDP socket, connected to one candidate; STUN answers are taken here, the rest goes up."""

    def __init__(self, candidate: Address, path: IcePath) -> None:
        self.candidate = candidate
        self.answered = asyncio.Event()
        self.last_answer_s = self.last_heard_s = 0.0
        self.rtt_s: float | None = None
        self.trouble: str | None = None
        self._path = path
        self._transport: asyncio.DatagramTransport | None = None
        self._checks: dict[bytes, float] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def check(self, *, use_candidate: bool) -> None:
        transaction_id = secrets.token_bytes(12)
        if len(self._checks) >= 256:
            self._checks.pop(next(iter(self._checks)))
        self._checks[transaction_id] = asyncio.get_running_loop().time()
        self.send(self._path.check(transaction_id, use_candidate=use_candidate))

    def send(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: object) -> None:
        # First byte as RFC 7983: 0-3 STUN, 20-63 DTLS, 128-191 RTP and RTCP.
        if not data:
            return
        if data[0] < 4:
            self._stun_received(data)
        elif 20 <= data[0] < 64 or 128 <= data[0] < 192:
            self.last_heard_s = asyncio.get_running_loop().time()
            self._path.received(self, data)

    def error_received(self, exc: Exception) -> None:
        self.trouble = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)

    def _stun_received(self, data: bytes) -> None:
        try:
            message = stun.parse(data)
        except stun.StunError:
            return
        sent = self._checks.pop(message.transaction_id, None)
        if sent is None or not self._path.is_answer(message):
            return
        self.last_answer_s = self.last_heard_s = asyncio.get_running_loop().time()
        took = self.last_answer_s - sent
        self.rtt_s = took if self.rtt_s is None else min(self.rtt_s, took)
        self.answered.set()
