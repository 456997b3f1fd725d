"""A UDP proxy in front of one server, for one client, that does to the client's RTP what a trace says, in real time.

STUN, DTLS and RTCP pass: what is compared is sound, not how calls are set up. Packets are known by their sequence
number, which SRTP leaves readable, so that every receiver meets the same fates.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from heapq import heappop, heappush
from itertools import count

from bench.quality.impairment import FRAME_US, Trace
from transceiver_relay import Host, Socket, open_socket

_HALF = 2**15
_EARLY_S = 0.000_1
"""A timer's coarseness: rather so much too early than a turn of the loop too late."""


def is_rtp(datagram: bytes) -> bool:
    """RFC 7983 §7, and RFC 5761 §4 for what is RTCP."""
    return len(datagram) >= 12 and 128 <= datagram[0] < 192 and not 64 <= datagram[1] & 0x7F < 96


class Numbering:
    """Of a stream's packets, from 0 by their sequence numbers. The first to come is the first sent."""

    def __init__(self) -> None:
        self._latest: int | None = None
        self._number = 0

    def number(self, datagram: bytes) -> int:
        sequence = int.from_bytes(datagram[2:4])
        ahead = 0 if self._latest is None else (sequence - self._latest + _HALF) % 2**16 - _HALF
        if self._latest is None or ahead > 0:
            self._latest = sequence
            self._number += ahead
            return self._number
        return self._number + ahead


class ImpairmentProxy:
    """`front` is where the client sends; the server sees `back`."""

    def __init__(self, trace: Trace, back_trace: Trace = ()) -> None:
        self.front: Socket
        self.back: Socket
        self.server: Host | None = None
        """None: what comes is dropped."""
        self._client: Host | None = None
        self._up = _Way(trace, lambda datagram: _send(self.back, datagram, self.server))
        self._down = _Way(back_trace, lambda datagram: _send(self.front, datagram, self._client))

    def from_client(self, datagram: bytes, client: Host) -> None:
        self._client = client
        self._up.carry(datagram)

    def from_server(self, datagram: bytes, _server: Host) -> None:
        self._down.carry(datagram)


class _Way:
    """One direction. Bounded by what is sent within the longest delay of the trace."""

    def __init__(self, trace: Trace, send: Callable[[bytes], None]) -> None:
        self._trace = trace
        self._send = send
        self._numbering = Numbering()
        self._loop = asyncio.get_running_loop()
        self._coming: list[tuple[float, int, bytes]] = []
        """When, in which order, what."""
        self._order = count()
        self._zero_s = float("inf")
        """When the first packet was sent, judging by the one that was least late: the machine is not to reorder."""

    def carry(self, datagram: bytes) -> None:
        number = self._numbering.number(datagram) if self._trace and is_rtp(datagram) else -1
        if not 0 <= number < len(self._trace):
            self._send(datagram)
            return
        self._zero_s = min(self._zero_s, self._loop.time() - number * FRAME_US / 1e6)
        for delay_us in self._trace[number].delays_us:
            due_s = self._zero_s + (number * FRAME_US + delay_us) / 1e6
            heappush(self._coming, (due_s, next(self._order), datagram))
            self._loop.call_at(due_s, self._release)
        self._release()

    def _release(self) -> None:
        while self._coming and self._coming[0][0] <= self._loop.time() + _EARLY_S:
            self._send(heappop(self._coming)[2])


def _send(socket: Socket, datagram: bytes, to: Host | None) -> None:
    if to is not None and not socket.transport.is_closing():
        socket.transport.sendto(datagram, to)


@asynccontextmanager
async def impairment_proxy(trace: Trace, back_trace: Trace = ()) -> AsyncIterator[ImpairmentProxy]:
    proxy = ImpairmentProxy(trace, back_trace)
    proxy.front = await open_socket(proxy.from_client)
    proxy.back = await open_socket(proxy.from_server)
    try:
        yield proxy
    finally:
        proxy.front.transport.close()
        proxy.back.transport.close()
