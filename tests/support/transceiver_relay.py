"""The smallest relay that a client can call through: a public socket, a hop socket, flows by the ticket of a check."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from antiphon_wire import KeyRing, hop, stun

Host = tuple[str, int]


class Socket(asyncio.DatagramProtocol):
    """A UDP socket that hands over what it receives."""

    def __init__(self, receive: Callable[[bytes, Host], None]) -> None:
        self._receive = receive
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Host) -> None:
        self._receive(data, (addr[0], addr[1]))

    @property
    def address(self) -> Host:
        host, port = self.transport.get_extra_info("sockname")[:2]
        return host, port


async def open_socket(receive: Callable[[bytes, Host], None], local: Host = ("127.0.0.1", 0)) -> Socket:
    _, protocol = await asyncio.get_running_loop().create_datagram_endpoint(lambda: Socket(receive), local_addr=local)
    return protocol


@dataclass
class ClientRelay:
    ring: KeyRing
    public: Socket = field(init=False)
    hop: Socket = field(init=False)
    transceiver: Host | None = None
    routes: dict[Host, int] = field(default_factory=dict)
    returned: int = 0
    """Datagrams that the transceiver sent back through this relay."""
    largest_returned: int = 0
    """Bytes of the largest of them."""
    loses_every: int | None = None
    """Of the datagrams to clients."""

    def from_client(self, payload: bytes, client: Host) -> None:
        if payload[0] < 4:
            username = stun.parse(payload).username
            if username is not None:
                self.routes[client] = self.ring.inspect(username.split(":")[0], now=int(time.time())).route
        route = self.routes.get(client)
        if route is None or self.transceiver is None:
            return
        record = hop.Record(route=route, client_host=client[0], client_port=client[1], local_index=0, payload=payload)
        self.hop.transport.sendto(hop.pack([record]), self.transceiver)

    def from_transceiver(self, datagram: bytes, _sender: Host) -> None:
        for record in hop.unpack(datagram):
            self.returned += 1
            self.largest_returned = max(self.largest_returned, len(record.payload))
            if self.loses_every is not None and self.returned % self.loses_every == 0:
                continue
            self.public.transport.sendto(record.payload, (record.client_host, record.client_port))

    @property
    def vip(self) -> Host:
        return self.public.address


@asynccontextmanager
async def client_relay(ring: KeyRing) -> AsyncIterator[ClientRelay]:
    relay = ClientRelay(ring)
    relay.public = await open_socket(relay.from_client)
    relay.hop = await open_socket(relay.from_transceiver)
    try:
        yield relay
    finally:
        relay.public.transport.close()
        relay.hop.transport.close()
