"""The whole way of a voice but for relays and DTLS: two media sessions, the Realtime client, and the example agent as a
process of its own."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
from yarl import URL

from antiphon_transceiver.backends import (
    BackendHealth,
    BackendKind,
    BackendSettings,
    BackendStatistics,
    BackendUnreachable,
    CallRequest,
)
from antiphon_transceiver.backends.realtime import RealtimeBackend
from antiphon_transceiver.media import MediaSession, Playout
from media_pair import SAMPLE_RATE, MediaPair, tone
from realtime_server import RecordedCall

PARROT = Path(__file__).parents[3] / "examples" / "parrot" / "parrot.py"
SPEED = 1.25
"""The parrot says back what it heard that much faster."""


class LiveCall(RecordedCall):
    def __init__(self, media: MediaSession) -> None:
        super().__init__()
        self.media = media
        self.flushed: list[Playout] = []

    def play(self, pcm: bytes, item_id: str) -> None:
        self.media.play(pcm, item_id)

    def end_of_item(self, item_id: str) -> None:
        self.media.end_of_item(item_id)

    def flush(self) -> Playout:
        self.flushed.append(self.media.flush())
        return self.flushed[-1]


class Talk:
    """A caller (left) and the transceiver (right) with its backend."""

    def __init__(self, backend: RealtimeBackend, pair: MediaPair) -> None:
        self.backend = backend
        self.pair = pair
        self.call = LiveCall(pair.right.session)
        backend.attach(self.call)

    @property
    def heard(self) -> bytearray:
        return self.pair.left.heard

    async def say(self, pcm: bytes) -> None:
        self.pair.left.session.play(pcm)
        await self.go_on_until(lambda: self.pair.left.session.statistics().queued_ms == 0)

    async def go_on_until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                self.pair.pump(0.0)
                self.backend.hear(bytes(self.pair.right.heard))
                self.pair.right.heard.clear()
                await asyncio.sleep(0.002)


@asynccontextmanager
async def talk_with_the_parrot() -> AsyncIterator[Talk]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(sys.executable, str(PARROT), "--port", str(port), "--pace", "0")
    settings = BackendSettings(BackendKind.REALTIME, URL(f"ws://127.0.0.1:{port}/v1/realtime"))
    backend, pair = None, MediaPair()
    pair.start()
    try:
        backend = await connected(settings)
        yield Talk(backend, pair)
    finally:
        if backend is not None:
            await backend.close()
        pair.close()
        process.terminate()
        async with asyncio.timeout(10):
            await process.wait()


async def connected(settings: BackendSettings) -> RealtimeBackend:
    async with asyncio.timeout(20):
        while True:
            backend = RealtimeBackend(settings, CallRequest("parrot"), BackendHealth())
            try:
                await backend.connect()
            except BackendUnreachable:
                await asyncio.sleep(0.05)
            else:
                return backend


async def test_the_caller_hears_back_what_it_said() -> None:
    async with talk_with_the_parrot() as talk:
        await talk.say(tone(1.0, hertz=400) + bytes(SAMPLE_RATE * 2))
        await talk.go_on_until(lambda: "response.done" in talk.call.event_types())
        await talk.go_on_until(lambda: talk.pair.right.session.statistics().queued_ms == 0)
        answer = np.frombuffer(bytes(talk.heard), dtype="<i2").astype(np.float64)
        loud = answer[np.abs(answer) > 500]
        spectrum = np.abs(np.fft.rfft(answer))
        pitch = float(np.argmax(spectrum)) * SAMPLE_RATE / answer.size
        assert abs(pitch - 400 * SPEED) < 10
        assert loud.size > 0.6 * SAMPLE_RATE / SPEED
        assert talk.backend.statistics() == BackendStatistics()
        assert talk.call.closed == []


async def test_a_caller_who_interrupts_is_not_talked_over() -> None:
    async with talk_with_the_parrot() as talk:
        await talk.say(tone(3.0, hertz=400) + bytes(SAMPLE_RATE * 2))
        await talk.go_on_until(lambda: len(talk.heard) > SAMPLE_RATE)
        talk.pair.left.session.play(tone(1.0, hertz=300))
        await talk.go_on_until(lambda: len(talk.call.flushed) == 2)
        interrupted = talk.call.flushed[1]
        assert interrupted.played_ms >= 400
        assert interrupted.unplayed_ms > 0
        await talk.go_on_until(lambda: "conversation.item.truncated" in talk.call.event_types())
        truncated = next(event for event in talk.call.events if event["type"] == "conversation.item.truncated")
        assert (truncated["item_id"], truncated["audio_end_ms"]) == (interrupted.item_id, interrupted.played_ms)
