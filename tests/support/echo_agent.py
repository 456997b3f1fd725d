"""A Realtime server that says back what it hears and what it is told, and remembers who connected."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson
from aiohttp import WSMsgType, web


@dataclass
class Visit:
    """One conversation."""

    conversation: str
    takeovers: int
    events: list[dict[str, object]] = field(default_factory=list)
    over: bool = False


@dataclass
class EchoAgent:
    url: str = ""
    visits: list[Visit] = field(default_factory=list)

    async def converse(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        headers = request.headers
        visit = Visit(headers.get("Antiphon-Conversation", ""), int(headers.get("Antiphon-Takeovers", "0")))
        self.visits.append(visit)
        await socket.send_json({"type": "session.created", "session": {}})
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            event = orjson.loads(message.data)
            if event["type"] == "input_audio_buffer.append":
                delta = {"item_id": "i", "response_id": "r", "content_index": 0, "delta": event["audio"]}
                await socket.send_json({"type": "response.output_audio.delta", **delta})
            else:
                visit.events.append(event)
                await socket.send_json(event | {"type": "echo"})
        visit.over = True
        return socket


@asynccontextmanager
async def echo_agent() -> AsyncIterator[EchoAgent]:
    agent = EchoAgent()
    app = web.Application()
    app.router.add_get("/v1/realtime", agent.converse)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    agent.url = f"ws://127.0.0.1:{runner.addresses[0][1]}/v1/realtime"
    try:
        yield agent
    finally:
        # Sockets of pods that were killed are not waited for.
        async with asyncio.timeout(10):
            await runner.cleanup()
