"""The client's events channel: SCTP and DCEP of our own over the call's DTLS, whatever its peer sends."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from secrets import token_bytes

from antiphon_transceiver._extension import (
    CHANNEL_BINARY,
    CHANNEL_CLOSED,
    CHANNEL_OPENED,
    CHANNEL_TEXT,
    CHANNELS_ENDED,
    DataChannels,
)
from antiphon_transceiver.dtls import DtlsSession
from antiphon_transceiver.event_allowance import EventAllowance
from antiphon_transceiver.negotiation import LARGEST_MESSAGE, DataChannelOffer, DtlsRole

EVENTS_LABEL = "oai-events"
"""The label that OpenAI's SDKs open; other channels are closed again."""

LARGEST_BACKLOG = 1024 * 1024
"""Bytes of events that wait for a slow client, with what it costs to keep them; what comes on top is dropped and
counted."""

# No less than what the association charges for the pieces of an event, so that what waits for a channel fits into it.
_OVERHEAD = 128
_LEAST_PIECE = 1024


@dataclass
class ChannelCounters:
    events_received: int = 0
    events_sent: int = 0
    events_dropped: int = 0
    malformed_packets: int = 0
    ended: str | None = None
    """Why there are no channels any more, in the association's words."""


class EventsChannel:
    """Text both ways. What is sent before the client has opened the channel waits, in order."""

    def __init__(self, dtls: DtlsSession, offer: DataChannelOffer, receive: Callable[[str], None]) -> None:
        self._counters = ChannelCounters()
        self._dtls = dtls
        self._largest_event = offer.largest_message
        self._receive = receive
        self.has_opened = False
        """It has been open, here or at an earlier owner."""
        self._stream: int | None = None
        self._waiting: deque[str] = deque()
        self._waiting_bytes = 0
        self._allowance = EventAllowance()
        self._timer: asyncio.TimerHandle | None = None
        self._is_turning = False
        self._is_over = False
        self.channels = DataChannels(
            is_dtls_client=dtls.role is DtlsRole.CLIENT,
            remote_port=offer.port,
            largest_incoming=LARGEST_MESSAGE,
            largest_outgoing=offer.largest_message,
            largest_backlog=LARGEST_BACKLOG,
            random=token_bytes(40),
        )

    @property
    def counters(self) -> ChannelCounters:
        return replace(self._counters, malformed_packets=self.channels.counters()["malformed_packets"])

    async def start(self) -> None:
        self._dtls.receive_application(self._take)
        self.channels.connect()
        self._turn()

    def go_on(self, channels: DataChannels) -> None:
        """Instead of a start: another pod's association goes on here."""
        self.channels = channels
        self._dtls.receive_application(self._take)
        opened = [stream for stream, label in channels.open_streams() if label == EVENTS_LABEL]
        if opened:
            self._begin_on(opened[0])
        self._turn()

    def resume_sending(self) -> None:
        """What the call's tenure held back may go now."""
        if not self._is_over:
            self._turn()

    def send(self, text: str) -> bool:
        """False, and counted, when the event is too large or the client too slow."""
        is_taken = not self._is_over and (self._say(text) if self.has_opened else self._keep(text))
        self._counters.events_dropped += not is_taken
        return is_taken

    async def stop(self) -> None:
        """Ends the association at once, as its peer is told."""
        self._is_over = True
        self.channels.abort()
        self._turn()

    def forget(self) -> None:
        """Without a word to the peer: the association goes on at another pod."""
        self._is_over = True
        self._set_timer()

    def _say(self, text: str) -> bool:
        if self._stream is None or not self.channels.send_text(_now_us(), self._stream, text):
            return False
        self._counters.events_sent += 1
        self._turn()
        return True

    def _keep(self, text: str) -> bool:
        size = len(text.encode())
        cost = size + _OVERHEAD * (1 + size // _LEAST_PIECE)
        if size > self._largest_event or self._waiting_bytes + cost > LARGEST_BACKLOG:
            return False
        self._waiting.append(text)
        self._waiting_bytes += cost
        return True

    def _take(self, packet: bytes) -> None:
        self.channels.handle(_now_us(), packet)
        self._turn()

    def _turn(self) -> None:
        """Takes and gives whatever there is, and comes back when there is more to do."""
        if self._is_turning:
            # Of an event's own making: the turn that is under way sends the answers to all its events together.
            return
        self._is_turning = True
        try:
            while self._has_noted() or self._has_sent():
                pass
        finally:
            self._is_turning = False
        self._set_timer()

    def _has_noted(self) -> bool:
        events = self.channels.events()
        for kind, stream, text in events:
            self._note(kind, stream, text)
        return bool(events)

    def _has_sent(self) -> bool:
        packets = self.channels.packets(_now_us())
        for packet in packets:
            self._dtls.send_application(packet)
        return bool(packets)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due_us = None if self._is_over else self.channels.next_timeout_us()
        self._timer = None if due_us is None else asyncio.get_running_loop().call_at(due_us / 1e6, self._turn)

    def _note(self, kind: int, stream: int, text: str) -> None:
        if kind == CHANNEL_OPENED:
            self._opened(stream, text)
        elif kind == CHANNEL_CLOSED and stream == self._stream:
            self._stream = None
        elif kind == CHANNELS_ENDED:
            self._is_over = True
            self._counters.ended = text
        elif kind == CHANNEL_TEXT and stream == self._stream and self._allowance.take(_now_s()):
            self._counters.events_received += 1
            self._receive(text)
        elif kind in (CHANNEL_TEXT, CHANNEL_BINARY):
            self._counters.events_dropped += 1

    def _opened(self, stream: int, label: str) -> None:
        is_there = self._stream is not None and self.channels.is_open(self._stream)
        if label != EVENTS_LABEL or is_there:
            self.channels.close(stream)
            return
        self._begin_on(stream)

    def _begin_on(self, stream: int) -> None:
        self._stream = stream
        self.has_opened = True
        self._waiting_bytes = 0
        while self._waiting:
            self.send(self._waiting.popleft())


def _now_us() -> int:
    return int(_now_s() * 1e6)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
