"""A voice agent without a model: it says back what it heard, as a parrot would.

It speaks the OpenAI Realtime protocol over a WebSocket (PCM16, mono, 24 kHz), so it is a backend for Antiphon and a
template for your own agent: replace `answer`, keep the rest. Run it with `python parrot.py --port 8765`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import secrets
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from aiohttp import WSMsgType, web

from protocol import (
    MAX_MESSAGE_BYTES,
    ClientEvent,
    Event,
    RefusedError,
    Response,
    Session,
    decode_audio,
    parse_client_event,
    user_item_events,
)
from speech import MAX_UTTERANCE_MS, NOTHING, SAMPLE_RATE, Hearing, Samples, SpeechDetector, Turn, parrot_voice

logger = logging.getLogger("parrot")

CHUNK_MS = 100
REMEMBERED_ITEMS = 200


async def answer(utterance: Samples) -> AsyncIterator[Samples]:
    """REPLACE THIS. In: what the caller said. Out: what to say, in pieces as soon as they are there.

    When the caller interrupts, the iteration is cancelled at its current `await`.
    """
    said_back = parrot_voice(utterance)
    chunk = SAMPLE_RATE * CHUNK_MS // 1000
    for start in range(0, said_back.size, chunk):
        yield said_back[start : start + chunk]


@dataclass(frozen=True)
class Settings:
    host: str
    port: int
    silence_ms: int
    pace: float
    """How many times faster than real time an answer is sent; 0 is as fast as the client takes it."""
    max_connections: int


class Conversation:
    """One WebSocket: the caller's audio in, the agent's answers out."""

    def __init__(self, socket: web.WebSocketResponse, session: Session, pace: float) -> None:
        self._socket = socket
        self._session = session
        self._pace = pace
        self._detector = SpeechDetector(Hearing(silence_ms=session.silence_ms))
        self._buffer = NOTHING
        self._question = NOTHING
        self._question_item = ""
        self._items: deque[str] = deque(maxlen=REMEMBERED_ITEMS)
        self._response: Response | None = None
        self._answering: asyncio.Task[None] | None = None
        self._handlers: dict[str, Callable[[ClientEvent], Awaitable[None]]] = {
            "session.update": self._update_session,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "response.create": self._create_response,
            "response.cancel": self._cancel_response,
            "conversation.item.truncate": self._truncate,
        }

    async def run(self) -> None:
        try:
            await self._send({"type": "session.created", "session": self._session.describe()})
            async for message in self._socket:
                if message.type is WSMsgType.TEXT:
                    await self._receive(message.data)
                elif message.type is WSMsgType.BINARY:
                    refused = RefusedError("invalid_event", "Events are JSON text messages.")
                    await self._send(refused.event(None))
        except ConnectionError:
            logger.info("the client went away")
        finally:
            await self._stop_answering()

    async def _receive(self, text: str) -> None:
        event_id = None
        try:
            event = parse_client_event(text)
            event_id = event.event_id
            handler = self._handlers.get(event.type)
            if handler is None:
                known = ", ".join(self._handlers)
                raise RefusedError("unknown_event", f"'{event.type[:80]}' is not known here. Known: {known}.", "type")
            await handler(event)
        except RefusedError as refused:
            await self._send(refused.event(event_id))

    async def _update_session(self, event: ClientEvent) -> None:
        before, self._session = self._session, self._session.updated(event.fields.get("session"))
        if (before.silence_ms, before.detects_turns) != (self._session.silence_ms, self._session.detects_turns):
            self._detector = SpeechDetector(Hearing(silence_ms=self._session.silence_ms))
        await self._send({"type": "session.updated", "session": self._session.describe()})

    async def _append(self, event: ClientEvent) -> None:
        samples = decode_audio(event.text("audio"))
        if not self._session.detects_turns:
            if self._buffer.size + samples.size > SAMPLE_RATE * MAX_UTTERANCE_MS // 1000:
                raise RefusedError("buffer_full", f"At most {MAX_UTTERANCE_MS // 1000} s; commit or clear the buffer.")
            self._buffer = np.concatenate((self._buffer, samples))
            return
        for change in self._detector.hear(samples):
            if change.turn is Turn.STARTED:
                await self._speech_started(change.at_ms)
            else:
                await self._speech_stopped(change.at_ms, change.utterance)

    async def _speech_started(self, at_ms: int) -> None:
        self._question_item = new_id("item")
        started = {"type": "input_audio_buffer.speech_started", "audio_start_ms": at_ms, "item_id": self._question_item}
        await self._send(started)
        if self._session.interrupts:
            await self._end_response("turn_detected")

    async def _speech_stopped(self, at_ms: int, utterance: Samples) -> None:
        stopped = {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": at_ms, "item_id": self._question_item}
        await self._send(stopped)
        await self._take_question(utterance)
        if self._session.answers:
            await self._respond()

    async def _commit(self, _event: ClientEvent) -> None:
        if not self._buffer.size:
            raise RefusedError("input_audio_buffer_commit_empty", "The input audio buffer is empty.")
        self._question_item = new_id("item")
        utterance, self._buffer = self._buffer, NOTHING
        await self._take_question(utterance)

    async def _take_question(self, utterance: Samples) -> None:
        self._question = utterance
        previous = self._items[-1] if self._items else None
        self._items.append(self._question_item)
        await self._send(*user_item_events(self._question_item, previous))

    async def _clear(self, _event: ClientEvent) -> None:
        self._buffer = NOTHING
        self._detector.forget()
        await self._send({"type": "input_audio_buffer.cleared"})

    async def _create_response(self, _event: ClientEvent) -> None:
        if self._response is not None:
            message = "A response is under way; cancel it first."
            raise RefusedError("conversation_already_has_active_response", message)
        await self._respond()

    async def _cancel_response(self, _event: ClientEvent) -> None:
        if self._response is None:
            raise RefusedError("response_cancel_not_active", "There is no response to cancel.")
        await self._end_response("client_cancelled")

    async def _truncate(self, event: ClientEvent) -> None:
        item_id, end_ms = event.text("item_id"), event.fields.get("audio_end_ms")
        if item_id not in self._items:
            raise RefusedError("item_not_found", "No such item.", "item_id")
        if not isinstance(end_ms, int) or isinstance(end_ms, bool) or end_ms < 0:
            raise RefusedError("invalid_value", "'audio_end_ms' must be a number of milliseconds.", "audio_end_ms")
        about = {"item_id": item_id, "content_index": 0, "audio_end_ms": end_ms}
        await self._send({"type": "conversation.item.truncated", **about})

    async def _respond(self) -> None:
        await self._end_response("turn_detected")
        response = self._response = Response(new_id("resp"), new_id("item"))
        self._items.append(response.item_id)
        await self._send(*response.opening())
        self._answering = asyncio.create_task(self._speak(response, self._question))

    async def _speak(self, response: Response, question: Samples) -> None:
        status, reason = "completed", None
        try:
            async for piece in answer(question):
                await self._send(response.audio(piece.astype("<i2").tobytes()))
                await asyncio.sleep(piece.size / SAMPLE_RATE / self._pace if self._pace else 0)
        except ConnectionError:
            return
        except Exception:
            logger.exception("answer() failed")
            status, reason = "failed", "server_error"
        self._response = None
        with suppress(ConnectionError):
            await self._send(*response.closing(status, reason))

    async def _end_response(self, reason: str) -> None:
        response, self._response = self._response, None
        if response is None:
            return
        await self._stop_answering()
        await self._send(*response.closing("cancelled", reason))

    async def _stop_answering(self) -> None:
        task, self._answering = self._answering, None
        if task is None:
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _send(self, *events: Event) -> None:
        for event in events:
            await self._socket.send_str(json.dumps({"event_id": new_id("event"), **event}))


def new_id(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(8)}"


class Parrot:
    """The HTTP side: `/v1/realtime` (WebSocket), `/livez`, `/readyz`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sockets: set[web.WebSocketResponse] = set()

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/v1/realtime", self._converse)
        application.router.add_get("/livez", self._alive)
        application.router.add_get("/readyz", self._alive)
        application.on_shutdown.append(self._close_all)
        return application

    async def _converse(self, request: web.Request) -> web.StreamResponse:
        if len(self._sockets) >= self._settings.max_connections:
            return web.json_response({"error": {"code": "no_capacity", "message": "All places are taken."}}, status=503)
        socket = web.WebSocketResponse(max_msg_size=MAX_MESSAGE_BYTES, heartbeat=20)
        self._sockets.add(socket)
        try:
            await socket.prepare(request)
            session = Session(id=new_id("sess"), model=request.query.get("model", "parrot")[:128])
            session = replace(session, silence_ms=self._settings.silence_ms)
            logger.info("a conversation began; %d open", len(self._sockets))
            await Conversation(socket, session, self._settings.pace).run()
        finally:
            self._sockets.discard(socket)
        logger.info("a conversation ended; %d open", len(self._sockets))
        return socket

    async def _alive(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _close_all(self, _application: web.Application) -> None:
        await asyncio.gather(*(socket.close() for socket in set(self._sockets)))


def main() -> None:
    parser = argparse.ArgumentParser(description="A voice agent that says back what it heard.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8765, help="port to listen on (%(default)s)")
    parser.add_argument("--silence-ms", type=int, default=400, help="quiet that ends an utterance (%(default)s)")
    parser.add_argument("--pace", type=float, default=4.0, help="answers go out this many times faster than real time")
    parser.add_argument("--max-connections", type=int, default=200, help="conversations at once (%(default)s)")
    settings = Settings(**vars(parser.parse_args()))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logger.info("listening on ws://%s:%d/v1/realtime", settings.host, settings.port)
    web.run_app(Parrot(settings).application(), host=settings.host, port=settings.port, print=None, access_log=None)


if __name__ == "__main__":
    main()
