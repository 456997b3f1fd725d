"""What waits to be sent to a backend: the caller's sound and the client's events, in order and bounded. Pure."""

from __future__ import annotations

from collections import deque

SAMPLE_RATE = 24_000
BYTES_PER_MS = SAMPLE_RATE * 2 // 1000
CHUNK_MS = 40
"""Of sound in one message: half the messages of 20 ms, and the price is 20 ms of delay."""

MOST_SOUND_MS = 2000
"""Older sound is not worth hearing: a model that lags two seconds behind answers yesterday's question."""

MOST_EVENTS = 128
MOST_EVENT_BYTES = 1 << 20

_CHUNK_BYTES = CHUNK_MS * BYTES_PER_MS
_MOST_SOUND_BYTES = MOST_SOUND_MS * BYTES_PER_MS


class Outbox:
    def __init__(self) -> None:
        self._entries: deque[bytes | str] = deque()
        self._chunk = bytearray()
        """Of the sound that came last, less than a message."""
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
        """Beyond two seconds the oldest sound goes."""
        self._chunk += pcm
        while len(self._chunk) >= _CHUNK_BYTES:
            self._put_sound(_CHUNK_BYTES)
        while self._sound_bytes > _MOST_SOUND_BYTES:
            self._drop_oldest_sound()

    def put_event(self, text: str) -> bool:
        """False: there is no room, and nothing was taken. What was heard before the event goes before it."""
        size = _size(text)
        if self._events >= MOST_EVENTS or self._event_bytes + size > MOST_EVENT_BYTES:
            return False
        if self._chunk:
            self._put_sound(len(self._chunk))
        self._entries.append(text)
        self._events += 1
        self._event_bytes += size
        return True

    def take(self) -> bytes | str | None:
        """The next message: PCM, or an event's text."""
        if not self._entries:
            return None
        entry = self._entries.popleft()
        self._forget(entry)
        return entry

    def _put_sound(self, size: int) -> None:
        self._entries.append(bytes(self._chunk[:size]))
        self._sound_bytes += size
        del self._chunk[:size]

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
