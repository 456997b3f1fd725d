"""The backend that says back what it hears: for tests of the path, and for the first call of a new installation."""

from __future__ import annotations

from antiphon_transceiver.backends.backend import BackendEvents
from antiphon_transceiver.media.playout import PlayoutFull


class EchoBackend:
    def __init__(self) -> None:
        self._events: BackendEvents | None = None
        self.dropped = 0
        """Pieces for which the playout queue had no room."""

    async def connect(self) -> None:
        """There is nothing to reach."""

    def attach(self, events: BackendEvents) -> None:
        self._events = events

    def hear(self, pcm: bytes) -> None:
        if self._events is None:
            return
        try:
            self._events.play(pcm, "")
        except PlayoutFull:
            self.dropped += 1

    def client_event(self, text: str) -> None:
        """An echo has nothing to say to events."""

    async def close(self) -> None:
        self._events = None
