"""A client of the relay: checks with its ticket, sends media, notes what comes back."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from antiphon_wire import Minted, stun
from relay_pod import Pod
from relay_site import PATIENCE_S, RelaySite, eventually

RTP = b"\x80\x6f"
PACKET_EVERY_S = 0.001
LEAST_PACKETS = 2000


def check_with(minted: Minted, *, password: str | None = None) -> bytes:
    """A connectivity check with a transaction id of its own."""
    return stun.binding_request(
        transaction_id=os.urandom(12),
        username=f"{minted.ufrag}:peer",
        password=password or minted.password,
        priority=1,
        use_candidate=True,
        controlling=1,
    )


@dataclass
class Client(asyncio.DatagramProtocol):
    relay: tuple[str, int]
    received: list[bytes] = field(default_factory=list)
    arrived_s: list[float] = field(default_factory=list)
    senders: set[tuple[str, int]] = field(default_factory=set)
    _transport: asyncio.DatagramTransport | None = None

    @property
    def transport(self) -> asyncio.DatagramTransport:
        assert self._transport is not None
        return self._transport

    @property
    def address(self) -> tuple[str, int]:
        host, port, *_ = self.transport.get_extra_info("sockname")
        return (host, port)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.received.append(data)
        self.arrived_s.append(time.time())
        self.senders.add(addr[:2])

    def send(self, payload: bytes) -> None:
        self.transport.sendto(payload, self.relay)

    async def check(self, minted: Minted) -> None:
        """Checks, and waits for the answer."""
        before = len(self.received)
        self.send(check_with(minted))
        await eventually(lambda: len(self.received) > before, "the check is answered")
        assert stun.parse(self.received[-1]).verify(minted.password)

    async def echoes(self, payload: bytes) -> None:
        """Sends a packet, and waits until it comes back."""
        self.send(payload)
        await eventually(lambda: payload in self.received, "the packet comes back")


@asynccontextmanager
async def client(relay: tuple[str, int], *, source: tuple[str, int] | None = None) -> AsyncIterator[Client]:
    loop = asyncio.get_running_loop()
    host = "::1" if ":" in relay[0] else "127.0.0.1"
    transport, made = await loop.create_datagram_endpoint(lambda: Client(relay), local_addr=source or (host, 0))
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    try:
        yield made
    finally:
        transport.close()


@asynccontextmanager
async def connected(site: RelaySite, pod: Pod) -> AsyncIterator[Client]:
    """A client with a call on that pod, whose first check has been answered."""
    minted = site.mint(pod)
    pod.password_of[minted.ufrag] = minted.password
    async with client(site.address) as caller:
        await caller.check(minted)
        yield caller


@dataclass
class LiveFlow:
    """A call that goes on beside what a test does: a thousand packets a second, each of which is to come back."""

    client: Client
    sent: int = 0

    async def run(self) -> None:
        start = time.monotonic()
        while True:
            self.send()
            await asyncio.sleep(max(0.0, start + self.sent * PACKET_EVERY_S - time.monotonic()))

    def send(self) -> bytes:
        packet = RTP + self.sent.to_bytes(8)
        self.client.send(packet)
        self.sent += 1
        return packet

    async def settle(self) -> None:
        """Until nothing is on its way. Packets keep their order: once a later one is back, what is not back is lost."""
        async with asyncio.timeout(PATIENCE_S):
            while not await self.comes_back(self.send()):
                pass

    async def comes_back(self, packet: bytes) -> bool:
        deadline = time.monotonic() + 1
        while packet not in self.client.received and time.monotonic() < deadline:
            await asyncio.sleep(0.005)
        return packet in self.client.received

    @property
    def echoed(self) -> int:
        return len({packet for packet in self.client.received if packet.startswith(RTP)})


@asynccontextmanager
async def sending_on(caller: Client) -> AsyncIterator[None]:
    """A caller whose media goes on whatever happens to the relay."""

    async def send() -> None:
        number = 0
        while True:
            caller.send(RTP + b"on" + number.to_bytes(4))
            number += 1
            await asyncio.sleep(0.02)

    sending = asyncio.create_task(send())
    try:
        yield
    finally:
        sending.cancel()


@asynccontextmanager
async def live_flow(site: RelaySite, pod: Pod) -> AsyncIterator[LiveFlow]:
    """Of at least two thousand packets, no more than one in a thousand may be lost."""
    async with connected(site, pod) as caller:
        flow = LiveFlow(caller)
        sending = asyncio.create_task(flow.run())
        try:
            yield flow
            await eventually(lambda: flow.sent >= LEAST_PACKETS, "the call has lasted for a while")
        finally:
            sending.cancel()
        await flow.settle()
        lost = flow.sent - flow.echoed
        assert lost <= flow.sent / 1000, f"{lost} of {flow.sent} packets of the live call were lost"
