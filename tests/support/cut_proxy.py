"""A TCP proxy on loopback whose connections a test cuts, refuses, or leaves without a word."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar


@dataclass
class CutProxy:
    target: int
    port: int = 0
    _server: asyncio.Server | None = None
    _flow: asyncio.Event = field(default_factory=asyncio.Event)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _connections: set[asyncio.Task[None]] = field(default_factory=set)

    async def admit(self) -> None:
        """Takes connections, at the same port as before."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """Takes no more. One that was cut off in its TLS handshake would leave a socket of asyncio's behind."""
        if self._server is not None:
            self._server.close()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def freeze(self) -> None:
        """Nothing is passed on any more, and nobody is told."""
        self._flow.clear()

    def thaw(self) -> None:
        self._flow.set()

    def loses(self, _data: bytes) -> bool:
        """Whether the connection breaks in place of passing this on."""
        return False

    async def ended(self) -> None:
        """Returns when nothing is open any more."""
        while self._connections:
            await asyncio.wait(self._connections)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there = await asyncio.open_connection("127.0.0.1", self.target)
        except ConnectionError:
            writer.transport.abort()
            return
        self._writers |= {writer, there}
        await asyncio.gather(self._pass(reader, there), self._pass(there_reader, writer))
        self._writers -= {writer, there}
        for each in (writer, there):
            with suppress(ConnectionError):
                await each.wait_closed()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                await self._flow.wait()
                if self.loses(data):
                    writer.transport.abort()
                    return
                writer.write(data)
                await writer.drain()
        writer.close()


P = TypeVar("P", bound=CutProxy)


@asynccontextmanager
async def cut_proxy(target: int) -> AsyncIterator[CutProxy]:
    async with admitting(CutProxy(target)) as proxy:
        yield proxy


@asynccontextmanager
async def admitting(proxy: P) -> AsyncIterator[P]:
    proxy.thaw()
    await proxy.admit()
    try:
        yield proxy
    finally:
        proxy.refuse()
        proxy.thaw()
        proxy.cut()
        await proxy.ended()
