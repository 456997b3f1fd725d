"""How the Realtime protocol and a call move one another: what is played, when it is cut, who gets which event.

No socket and no clock: server events and client events come in, `send` takes what goes to the backend.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from antiphon_transceiver.backends.backend import BackendEvents
from antiphon_transceiver.backends.events import (
    AudioDelta,
    AudioDone,
    ErrorReported,
    EventError,
    SessionDescribed,
    SpeechStarted,
    error_event,
    output_cleared,
    parse_client_event,
    parse_server_event,
    truncate_item,
)
from antiphon_transceiver.backends.outbox import BYTES_PER_MS
from antiphon_transceiver.media import Playout, PlayoutFull

logger = logging.getLogger(__name__)

MOST_RESPONSE_MS = 10 * 60 * 1000
"""Of one response, all its items together: the longest of the OpenAI Realtime API is shorter. What comes on top is not
played, for a response that does not end would cost its caller the call."""

_REMEMBERED = 32


class Conversation:
    def __init__(
        self, *, first_word: str | None, send: Callable[[str], bool], send_after_sound: Callable[[str], bool]
    ) -> None:
        """`first_word`: sent when the backend has said `session.created`. `send`: False if there is no room.

        `send_after_sound`: the same for what must not overtake what the caller said before it.
        """
        self._first_word = first_word
        self._send = send
        self._send_after_sound = send_after_sound
        self._interrupts = True
        self._response_id = ""
        self._open_item = ""
        """Its sound is not complete yet."""
        self._half_sample = b""
        """A server may cut its sound between the two bytes of a sample."""
        self._utterance = ""
        """Response id of the sound that came last; its item's where the server names no responses."""
        self._cut_utterances: deque[str] = deque(maxlen=_REMEMBERED)
        """What is still under way of these is not played."""
        self._lengths: dict[str, int] = {}
        """Bytes of sound by utterance, those that spoke last."""
        self._content_indexes: dict[str, int] = {}
        self._said = 0
        self.malformed = 0

    def server_event(self, text: str, events: BackendEvents) -> bool:
        """Whether it went on to the client, which costs more than all else that is done with it."""
        try:
            event = parse_server_event(text)
        except EventError as error:
            self.malformed += 1
            logger.debug("a message of the backend is no event: %s", error)
            return False
        match event:
            case AudioDelta():
                self._play(event, events)
                return False
            case ErrorReported(about_us=True):
                logger.warning("the backend refused an event of ours: %s", event.message[:200])
                return False
            case AudioDone(item_id) if item_id == self._open_item:
                self._open_item = ""
                events.end_of_item(item_id)
            case SpeechStarted() if self._interrupts:
                self._cut(events.flush())
            case SessionDescribed():
                self._described(event)
            case _:
                pass
        events.send_event(text)
        return True

    def client_event(self, text: str, events: BackendEvents) -> None:
        try:
            event = parse_client_event(text)
        except EventError as error:
            events.send_event(
                error_event("invalid_event", f"The event was not sent on: {error}.", number=self._count())
            )
            return
        if event.clears_output:
            # Over WebRTC the sound that waits is here, not at the backend, which does not know this event.
            self._cut(events.flush())
            events.send_event(output_cleared(number=self._count(), response_id=self._response_id))
        elif not self._send_after_sound(event.text):
            message = "Too many events wait for the backend; this one was not sent on."
            events.send_event(error_event("backend_busy", message, number=self._count()))

    def _described(self, session: SessionDescribed) -> None:
        self._interrupts = session.interrupts
        if session.created and self._first_word is not None:
            first_word, self._first_word = self._first_word, None
            self._send(first_word)

    def _play(self, delta: AudioDelta, events: BackendEvents) -> None:
        utterance = delta.response_id or delta.item_id
        if utterance in self._cut_utterances:
            return
        if delta.item_id != self._open_item:
            self._half_sample = b""
        self._utterance, self._response_id, self._open_item = utterance, delta.response_id, delta.item_id
        self._remember_content_index(delta)
        pcm = self._half_sample + delta.pcm
        whole = len(pcm) // 2 * 2
        self._half_sample = pcm[whole:]
        try:
            self._lengthen(utterance, whole)
            events.play(pcm[:whole], delta.item_id)
        except PlayoutFull as full:
            self._cut_utterances.append(utterance)
            events.end_of_item(delta.item_id)
            message = f"The rest of this response is not played: {full}."
            events.send_event(error_event("playout_full", message, number=self._count()))

    def _lengthen(self, utterance: str, size: int) -> None:
        """Raises PlayoutFull."""
        length = self._lengths.pop(utterance, 0) + size
        if length > MOST_RESPONSE_MS * BYTES_PER_MS:
            raise PlayoutFull("it is longer than one may be")
        self._lengths[utterance] = length
        if len(self._lengths) > _REMEMBERED:
            del self._lengths[next(iter(self._lengths))]

    def _cut(self, playout: Playout) -> None:
        """Tells the backend how much of what it said was heard, so that it remembers no more than that."""
        if self._utterance and self._utterance not in self._cut_utterances:
            self._cut_utterances.append(self._utterance)
        if playout.item_id and (playout.unplayed_ms or playout.item_id == self._open_item):
            self._truncate(playout.item_id, playout.played_ms)
        for item_id in playout.unheard:
            if item_id:
                self._truncate(item_id, 0)
        self._open_item = ""

    def _truncate(self, item_id: str, audio_end_ms: int) -> None:
        content_index = self._content_indexes.get(item_id, 0)
        number = self._count()
        self._send(truncate_item(item_id, content_index=content_index, audio_end_ms=audio_end_ms, number=number))

    def _remember_content_index(self, delta: AudioDelta) -> None:
        self._content_indexes[delta.item_id] = delta.content_index
        if len(self._content_indexes) > _REMEMBERED:
            del self._content_indexes[next(iter(self._content_indexes))]

    def _count(self) -> int:
        self._said += 1
        return self._said
