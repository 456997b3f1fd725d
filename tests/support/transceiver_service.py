"""A small inference service that speaks the OpenAI Realtime WebSocket, and a transceiver whose backend it is."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from aiohttp import WSMsgType, web

from transceiver_process import PATIENCE_S, Pod, running_pod


@dataclass
class Service:
    """An inference service with one conversation: greets, keeps what it is sent, says what the test makes it say."""

    url: str = ""
    received: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)

    async def converse(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        await self.say({"type": "session.created", "session": {"model": request.query.get("model")}})
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self.received.put_nowait(message.data)
        return socket

    async def say(self, event: dict[str, object]) -> None:
        await self.sockets[-1].send_str(orjson.dumps(event).decode())

    async def say_aloud(self, pcm: bytes) -> None:
        delta = {"item_id": "i", "response_id": "r", "content_index": 0, "delta": base64.b64encode(pcm).decode()}
        await self.say({"type": "response.output_audio.delta", **delta})

    async def next_of(self, kind: str) -> dict[str, object]:
        """The next event of that type; others, such as sound, are passed over."""
        async with asyncio.timeout(PATIENCE_S):
            while (event := orjson.loads(await self.received.get()))["type"] != kind:
                pass
        return dict(event)


@asynccontextmanager
async def service() -> AsyncIterator[Service]:
    service = Service()
    app = web.Application()
    app.router.add_get("/v1/realtime", service.converse)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.url = f"ws://127.0.0.1:{runner.addresses[0][1]}/v1/realtime"
    try:
        yield service
    finally:
        await runner.cleanup()


@asynccontextmanager
async def pod_with_service(folder: Path, more: Mapping[str, str] | None = None) -> AsyncIterator[tuple[Pod, Service]]:
    async with service() as backend:
        # A probe would be one conversation more.
        unprobed = {"ANTIPHON_BACKEND_PROBE_S": "0"}
        variables = {"ANTIPHON_BACKEND": "realtime", "ANTIPHON_BACKEND_URL": backend.url, **unprobed}
        async with running_pod(folder, variables | dict(more or {})) as pod:
            yield pod, backend
