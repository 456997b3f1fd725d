"""The data channel `oai-events`: the JSON events of the agent, as a client of OpenAI's Realtime API gets them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass

from aiortc.rtcdatachannel import RTCDataChannel, RTCDataChannelParameters
from aiortc.rtcsctptransport import RTCSctpCapabilities, RTCSctpTransport

from antiphon_cli.voice.secure_media import SecureMedia

LABEL = "oai-events"
SCTP_PORT = 5000
REMEMBERED = 1000


@dataclass(frozen=True)
class ServerEvent:
    kind: str
    answer_failed: bool
    """An answer is over that the agent could not give."""


def read_event(message: object) -> ServerEvent | None:
    """None: it is no event."""
    try:
        event = json.loads(message) if isinstance(message, str) else None
    except ValueError:
        return None
    kind = event.get("type") if isinstance(event, dict) else None
    if not isinstance(event, dict) or not isinstance(kind, str):
        return None
    response = event.get("response")
    failed = isinstance(response, dict) and response.get("status") == "failed"
    return ServerEvent(kind, answer_failed=kind == "response.done" and failed)


class EventChannel:
    """Opens the channel and remembers the types of what came, each run of the same type once."""

    def __init__(self, media: SecureMedia, on_answer_failed: Callable[[], None]) -> None:
        self._on_answer_failed = on_answer_failed
        self._sctp = RTCSctpTransport(media.transport, SCTP_PORT)
        self._starting: asyncio.Task[None] | None = None
        self.types: list[str] = []

    def open(self) -> None:
        self._starting = asyncio.create_task(self._start())

    async def close(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        await self._sctp.stop()

    async def _start(self) -> None:
        await self._sctp.start(RTCSctpCapabilities(maxMessageSize=65536), SCTP_PORT)
        channel = RTCDataChannel(self._sctp, RTCDataChannelParameters(label=LABEL))
        channel.on("message", self._received)

    def _received(self, message: object) -> None:
        event = read_event(message)
        if event is None:
            return
        if event.answer_failed:
            self._on_answer_failed()
        if self.types[-1:] != [event.kind] and len(self.types) < REMEMBERED:
            self.types.append(event.kind)
