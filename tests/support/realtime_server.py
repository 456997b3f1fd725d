"""A Realtime WebSocket server whose words the test puts in its mouth, and a call that writes down what it is told."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from antiphon_transceiver.media import Playout, PlayoutFull


async def eventually(condition: Callable[[], object], *, within_s: float = 5.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.005)


@dataclass
class RecordedCall:
    """The call's side of a backend: keeps everything, and answers flushes as the test wishes."""

    playout: Playout = field(default_factory=lambda: Playout("", 0))
    full: bool = False
    played: list[tuple[str, bytes]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    played_live: list[bytes] = field(default_factory=list)
    flushes: int = 0
    marks: int = 0
    on_mark: Callable[[], object] = lambda: None
    """What a call whose sound is all here does at once: `Backend.marked`."""
    complete: list[str] = field(default_factory=list)
    """Items of which no more comes."""

    def play(self, pcm: bytes, item_id: str) -> None:
        if self.full:
            raise PlayoutFull("no room")
        self.played.append((item_id, pcm))

    def play_live(self, pcm: bytes) -> None:
        if self.full:
            raise PlayoutFull("no room")
        self.played_live.append(pcm)

    def mark(self) -> None:
        self.marks += 1
        self.on_mark()

    def end_of_item(self, item_id: str) -> None:
        self.complete.append(item_id)

    def flush(self) -> Playout:
        self.flushes += 1
        return self.playout

    def send_event(self, text: str) -> None:
        self.events.append(json.loads(text))

    def backend_closed(self, why: str) -> None:
        self.closed.append(why)

    def event_types(self) -> list[str]:
        return [event["type"] for event in self.events]


class ServedConversation:
    """The server's end of one WebSocket."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self.model = request.query.get("model")
        self.authorization = request.headers.get("Authorization")
        self._socket = socket
        self.heard: list[dict[str, Any]] = []

    async def say(self, **event: object) -> None:
        await self._socket.send_str(json.dumps(event))

    async def say_text(self, text: str) -> None:
        await self._socket.send_str(text)

    async def hang_up(self) -> None:
        await self._socket.close()

    async def say_audio(self, pcm: bytes, *, item_id: str = "item_1", response_id: str = "resp_1") -> None:
        await self.say(
            type="response.output_audio.delta",
            response_id=response_id,
            item_id=item_id,
            output_index=0,
            content_index=0,
            delta=b64encode(pcm).decode(),
        )

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.heard if event["type"] == kind]

    def sound(self) -> bytes:
        return b"".join(b64decode(event["audio"]) for event in self.events("input_audio_buffer.append"))

    async def listen(self) -> None:
        async for message in self._socket:
            if message.type is WSMsgType.TEXT:
                self.heard.append(json.loads(message.data))


class RealtimeServer:
    def __init__(self, *, listens: bool, autoping: bool) -> None:
        self.url = ""
        self.conversations: list[ServedConversation] = []
        self.arrivals = 0
        self.departures = 0
        self._listens = listens
        self._autoping = autoping
        self._over = asyncio.Event()

    async def conversation(self) -> ServedConversation:
        await eventually(lambda: self.conversations)
        return self.conversations[-1]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.arrivals += 1
        try:
            return await self._converse(request)
        finally:
            self.departures += 1

    async def _converse(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=self._autoping)
        await socket.prepare(request)
        conversation = ServedConversation(request, socket)
        self.conversations.append(conversation)
        await (conversation.listen() if self._listens else self._over.wait())
        return socket

    def end(self) -> None:
        self._over.set()


@asynccontextmanager
async def realtime_server(*, listens: bool = True, autoping: bool = True) -> AsyncIterator[RealtimeServer]:
    server = RealtimeServer(listens=listens, autoping=autoping)
    async with http_server("/v1/realtime", server.serve) as address:
        server.url = f"ws://{address}/v1/realtime"
        try:
            yield server
        finally:
            server.end()


@asynccontextmanager
async def http_server(path: str, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """Its `host:port`."""
    application = web.Application()
    application.router.add_get(path, handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"{host}:{port}"
    finally:
        await runner.cleanup()
