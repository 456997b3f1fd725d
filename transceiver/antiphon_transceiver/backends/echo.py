"""The backend that says back what it hears: for tests of the path, and for the first call of a new installation."""

from __future__ import annotations

from antiphon_transceiver.backends.backend import BackendEvents, BackendStatistics
from antiphon_transceiver.backends.outbox import BYTES_PER_MS
from antiphon_transceiver.media import PlayoutFull


class EchoBackend:
    def __init__(self) -> None:
        self._events: BackendEvents | None = None
        self._dropped_bytes = 0

    async def connect(self) -> None:
        """There is nothing to reach."""

    def attach(self, events: BackendEvents) -> None:
        self._events = events

    def hear(self, pcm: bytes) -> None:
        if self._events is None:
            return
        try:
            self._events.play_live(pcm)
        except PlayoutFull:
            self._dropped_bytes += len(pcm)

    def client_event(self, text: str) -> None:
        """An echo has nothing to say to events."""

    def marked(self) -> None:
        """Nor asks when."""

    def statistics(self) -> BackendStatistics:
        return BackendStatistics(sound_dropped_ms=self._dropped_bytes // BYTES_PER_MS)

    async def close(self) -> None:
        self._events = None
