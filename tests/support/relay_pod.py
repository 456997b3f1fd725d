"""A transceiver as the relay sees it: hop records in, return records out, checks answered as an ICE-lite agent does."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from antiphon_wire import hop, stun

Client = tuple[str, int]


@dataclass
class Pod(asyncio.DatagramProtocol):
    route: int
    password_of: dict[str, str] = field(default_factory=dict)
    """The calls it has: ufrag to password."""
    received: list[hop.Record] = field(default_factory=list)
    heard: Counter[Client] = field(default_factory=Counter)
    """How many packets of each client."""
    datagrams: Counter[int] = field(default_factory=Counter)
    """How many hop datagrams held as many records."""
    no_pack: bool = False
    checked: set[Client] = field(default_factory=set)
    _seen: dict[bytes, Client] = field(default_factory=dict)
    _transport: asyncio.DatagramTransport | None = None

    @property
    def transport(self) -> asyncio.DatagramTransport:
        assert self._transport is not None
        return self._transport

    @property
    def address(self) -> str:
        host, port = self.transport.get_extra_info("sockname")
        return f"{host}:{port}"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        records = hop.unpack(data)
        self.datagrams[len(records)] += 1
        for record in records:
            self.received.append(record)
            self.heard[record.client_host, record.client_port] += 1
            payload = self.answer_to(record)
            if payload is not None:
                self.send(record, payload, addr)

    def send(self, record: hop.Record, payload: bytes, relay: tuple[str, int]) -> None:
        """A return record for the client of `record`."""
        back = hop.Record(
            record.route, record.client_host, record.client_port, record.local_index, payload, no_pack=self.no_pack
        )
        self.transport.sendto(hop.pack([back]), relay)

    def answer_to(self, record: hop.Record) -> bytes | None:
        """A check's success response; any other packet of a checked client comes back as it is."""
        client = (record.client_host, record.client_port)
        try:
            check = stun.parse(record.payload)
        except stun.StunError:
            return record.payload if client in self.checked else None
        password = self.password_of.get((check.username or "").partition(":")[0])
        # A transaction seen before from another address is a replay: no answer, and nothing moves.
        if password is None or self._seen.setdefault(check.transaction_id, client) != client:
            return None
        self.checked.add(client)
        return stun.binding_success(transaction_id=check.transaction_id, mapped_address=client, password=password)

    def received_from(self, client: Client) -> int:
        return self.heard[client]


@asynccontextmanager
async def pod(route: int) -> AsyncIterator[Pod]:
    loop = asyncio.get_running_loop()
    transport, made = await loop.create_datagram_endpoint(lambda: Pod(route), local_addr=("127.0.0.1", 0))
    # The test's event loop stands still now and then; what it has not read yet is not lost.
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    try:
        yield made
    finally:
        transport.close()
