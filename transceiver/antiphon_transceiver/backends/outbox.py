"""What waits to be sent to a backend: the caller's sound and the client's events, in order and bounded. Pure.

Sound comes in chunks and by way of a decoder, events do not: an event that came after a sound may be here before it. So
the client's events are held until the sound before them is here.
"""

from __future__ import annotations

from collections import deque

SAMPLE_RATE = 24_000
BYTES_PER_MS = SAMPLE_RATE * 2 // 1000

MOST_SOUND_MS = 2000
"""Older sound is not worth hearing: a model that lags two seconds behind answers yesterday's question."""

MOST_EVENTS = 128
MOST_EVENT_BYTES = 1 << 20

_MOST_SOUND_BYTES = MOST_SOUND_MS * BYTES_PER_MS


class Outbox:
    def __init__(self) -> None:
        self._entries: deque[bytes | str] = deque()
        self._held: deque[str] = deque()
        self._sound_bytes = 0
        self._events = 0
        self._event_bytes = 0
        self._dropped_bytes = 0

    @property
    def dropped_ms(self) -> int:
        return self._dropped_bytes // BYTES_PER_MS

    def __bool__(self) -> bool:
        return bool(self._entries)

    def hear(self, pcm: bytes) -> None:
        """A chunk is a message. Beyond two seconds the oldest sound goes."""
        if pcm:
            self._entries.append(pcm)
            self._sound_bytes += len(pcm)
        while self._sound_bytes > _MOST_SOUND_BYTES:
            self._drop_oldest_sound()

    def put_event(self, text: str) -> bool:
        """False: there is no room, and nothing was taken."""
        is_taken = self._counts_in(text)
        if is_taken:
            self._entries.append(text)
        return is_taken

    def hold_event(self, text: str) -> bool:
        """The same; sound goes before it until it is released."""
        is_taken = self._counts_in(text)
        if is_taken:
            self._held.append(text)
        return is_taken

    @property
    def held(self) -> int:
        return len(self._held)

    def release(self, events: int) -> None:
        """Of the held ones the first: what they waited for is here."""
        for _ in range(min(events, len(self._held))):
            self._entries.append(self._held.popleft())

    def take(self) -> bytes | str | None:
        """The next message: PCM, or an event's text."""
        if not self._entries:
            return None
        entry = self._entries.popleft()
        self._forget(entry)
        return entry

    def _counts_in(self, text: str) -> bool:
        """Whether there is room for an event; then it counts."""
        size = _size(text)
        if self._events >= MOST_EVENTS or self._event_bytes + size > MOST_EVENT_BYTES:
            return False
        self._events += 1
        self._event_bytes += size
        return True

    def _drop_oldest_sound(self) -> None:
        # At most MOST_EVENTS entries are stepped over.
        place = next(index for index, entry in enumerate(self._entries) if isinstance(entry, bytes))
        entry = self._entries[place]
        del self._entries[place]
        self._forget(entry)
        self._dropped_bytes += len(entry)

    def _forget(self, entry: bytes | str) -> None:
        if isinstance(entry, bytes):
            self._sound_bytes -= len(entry)
        else:
            self._events -= 1
            self._event_bytes -= _size(entry)


def _size(event: str) -> int:
    """Of its UTF-8, which is what waits for the wire."""
    return len(event.encode())
