"""A backend that speaks the OpenAI Realtime protocol over a WebSocket; we are the client."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import suppress
from pathlib import Path
from time import monotonic, perf_counter

import aiohttp

from antiphon_transceiver.backends.backend import (
    BackendEvents,
    BackendSettings,
    BackendStatistics,
    BackendUnreachable,
    CallRequest,
)
from antiphon_transceiver.backends.conversation import Conversation
from antiphon_transceiver.backends.events import append_audio, session_update
from antiphon_transceiver.backends.fair_share import FairShare
from antiphon_transceiver.backends.health import BackendHealth
from antiphon_transceiver.backends.outbox import Outbox
from antiphon_transceiver.backends.reach import KeyUnreadableError, state_after

logger = logging.getLogger(__name__)

MOST_MESSAGE_BYTES = 1 << 20
"""Of one message of the backend: 16 s of sound."""

_SEND_BUFFER_BYTES = 32 * 1024
"""Half a second of sound. What the kernel holds is out of the outbox's reach and only grows old there."""

_CLOSE_TIMEOUT_S = 1.0
_LAST_WORDS_S = 0.3
"""For what waits when the call ends."""

_RECEIVING_S = 20e-6
"""What a message costs before we see it."""
_PACKET_S = 100e-6
_PACKET_BYTES = 1100
"""What an event for the client costs after that, in SCTP and DTLS, packet by packet."""


class RealtimeBackend:
    """One call's WebSocket. A reader that never waits for anything but the backend, and a writer that may."""

    def __init__(self, settings: BackendSettings, request: CallRequest, health: BackendHealth) -> None:
        """Raises EventError if the request's session is no JSON object."""
        self._settings = settings
        self._url = settings.url
        if request.model is not None:
            self._url = self._url.update_query(model=request.model)
        self._model = request.model
        self._said_of_the_call = _said_of(request)
        self._health = health
        self._outbox = Outbox()
        self._outbox_filled = asyncio.Event()
        first_word = session_update(request.session) if request.session is not None else None
        self._conversation = Conversation(
            first_word=first_word, send=self._put_event, send_after_sound=self._hold_event
        )
        self._marked = 0
        """Events that wait for the mark that was asked for."""
        self._events: BackendEvents | None = None
        self._http: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False

    async def connect(self) -> None:
        if self._closing:
            raise BackendUnreachable("the call ended before its backend was connected")
        self._http = aiohttp.ClientSession()
        self._health.model = self._model or self._health.model
        try:
            async with asyncio.timeout(self._settings.connect_timeout_s):
                self._socket = await self._open(self._http)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            await self._http.close()
            if not self._closing:
                self._health.failed(monotonic(), state_after(error, model_named=self._model is not None))
            raise BackendUnreachable(self._what_failed(error)) from error
        except BaseException:
            await self._http.close()
            raise
        self._health.connected(monotonic())
        self._begin()

    def attach(self, events: BackendEvents) -> None:
        self._events = events
        self._begin()

    def hear(self, pcm: bytes) -> None:
        self._outbox.hear(pcm)
        if self._outbox:
            self._outbox_filled.set()

    def client_event(self, text: str) -> None:
        if self._events is not None:
            self._conversation.client_event(text, self._events)

    def marked(self) -> None:
        self._outbox.release(self._marked)
        self._outbox_filled.set()
        self._marked = 0
        self._ask_for_mark()

    def statistics(self) -> BackendStatistics:
        return BackendStatistics(self._outbox.dropped_ms, self._conversation.malformed)

    async def close(self) -> None:
        self._closing = True
        try:
            try:
                await self._say_the_rest()
            finally:
                for task in self._tasks:
                    task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if self._socket is not None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                        await self._socket.close()
        finally:
            # Also where who closes has no time to wait any more.
            if self._http is not None:
                await self._http.close()

    async def _say_the_rest(self) -> None:
        """What the client was told has arrived: nobody says it again where the call goes on at another pod."""
        self._outbox.release(self._outbox.held)
        self._outbox_filled.set()
        if self._tasks:
            _, writer = self._tasks
            await asyncio.wait([writer], timeout=_LAST_WORDS_S)

    async def _open(self, http: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        headers = dict(self._said_of_the_call)
        if self._settings.key_file is not None:
            headers["Authorization"] = f"Bearer {_read_key(self._settings.key_file)}"
        opened = await http.ws_connect(
            self._url,
            headers=headers,
            max_msg_size=MOST_MESSAGE_BYTES,
            heartbeat=self._settings.ping_s,
            timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_TIMEOUT_S),
            compress=0,
        )
        connection = opened.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        return opened

    def _begin(self) -> None:
        """Reads and writes as soon as there are both a connection and a call."""
        if self._socket is None or self._events is None or self._tasks or self._closing:
            return
        self._tasks = [
            asyncio.create_task(self._read(self._socket, self._events)),
            asyncio.create_task(self._write(self._socket)),
        ]

    async def _read(self, connection: aiohttp.ClientWebSocketResponse, events: BackendEvents) -> None:
        why = "an error of the transceiver"
        share = FairShare()
        try:
            async for message in connection:
                began = perf_counter()
                elsewhere_s = _RECEIVING_S
                if message.type is aiohttp.WSMsgType.TEXT and self._conversation.server_event(message.data, events):
                    elsewhere_s += _PACKET_S * (1 + len(message.data) // _PACKET_BYTES)
                now = perf_counter()
                # Messages that are here already are read without a pause, and every other call waits.
                pause = share.pause_after(now - began + elsewhere_s, now)
                if pause:
                    await asyncio.sleep(pause)
            why = _why_closed(connection)
        except Exception:
            logger.exception("reading a backend failed")
        if not self._closing:
            self._health.lost()
            events.backend_closed(why)

    async def _write(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        # A connection that breaks is the reader's to report.
        with suppress(ConnectionError, aiohttp.ClientError):
            while True:
                await self._outbox_filled.wait()
                entry = self._outbox.take()
                if entry is None and self._closing:
                    return
                if entry is None:
                    self._outbox_filled.clear()
                    continue
                await connection.send_str(append_audio(entry) if isinstance(entry, bytes) else entry)

    def _put_event(self, text: str) -> bool:
        taken = self._outbox.put_event(text)
        self._outbox_filled.set()
        return taken

    def _hold_event(self, text: str) -> bool:
        taken = self._outbox.hold_event(text)
        self._ask_for_mark()
        return taken

    def _ask_for_mark(self) -> None:
        if self._events is not None and self._outbox.held and not self._marked:
            self._marked = self._outbox.held
            self._events.mark()

    def _what_failed(self, error: Exception) -> str:
        where = f"the backend at {self._url.host}:{self._url.port}"
        if isinstance(error, aiohttp.WSServerHandshakeError):
            return f"{where} answered {error.status} to the WebSocket handshake"
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            return f"{where} shows a certificate that is not valid for it ({error.certificate_error})"
        if isinstance(error, TimeoutError):
            return f"{where} did not answer within {self._settings.connect_timeout_s:g} s"
        if isinstance(error, KeyUnreadableError):
            return "the file with the backend's key cannot be read"
        return f"{where} cannot be reached ({type(error).__name__})"


def _said_of(request: CallRequest) -> dict[str, str]:
    """To whoever keeps conversations: which one this is, and that it goes on from another connection."""
    named = {"Antiphon-Conversation": request.conversation} if request.conversation else {}
    return named | ({"Antiphon-Takeovers": str(request.takeovers)} if request.takeovers else {})


def _read_key(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, ValueError) as error:
        raise KeyUnreadableError from error


def _why_closed(connection: aiohttp.ClientWebSocketResponse) -> str:
    error, code = connection.exception(), connection.close_code
    if code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
        return f"the backend sent a message of more than {MOST_MESSAGE_BYTES} bytes"
    if isinstance(error, aiohttp.ServerTimeoutError):
        return "the backend did not answer a ping"
    return f"the backend closed the connection (code {code})"
