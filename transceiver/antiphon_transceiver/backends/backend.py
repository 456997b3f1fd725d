"""What a backend is to a call, and a call to its backend."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

from yarl import URL

from antiphon_transceiver.media.playout import Playout
from antiphon_transceiver.media.settings import UplinkMode


class BackendUnreachable(Exception):  # noqa: N818 - named for what the caller is told: backend_unreachable
    """The message says what failed and names no secret."""


class BackendEvents(Protocol):
    """The call, as its backend sees it. None of these blocks."""

    def play(self, pcm: bytes, item_id: str) -> None:
        """PCM16 mono at 24 kHz. Raises PlayoutFull: there is no room, and nothing of it was taken."""

    def play_live(self, pcm: bytes) -> None:
        """The same with sound that comes as fast as it is heard, of no item. What of it piled up, as in a stall of
        the machine, is left out; of responses, which come faster, nothing is."""

    def end_of_item(self, item_id: str) -> None:
        """No more of the item is played."""

    def flush(self) -> Playout:
        """The caller interrupts: what is queued is not played; what was played of it is the answer."""

    def send_event(self, text: str) -> None:
        """To the client's data channel."""

    def mark(self) -> None:
        """Asks for `Backend.marked`. To be asked again once that was called."""

    def backend_closed(self, why: str) -> None:
        """The backend ended the conversation, or was lost. Said at most once, and not after `close`."""


@dataclass(frozen=True)
class BackendStatistics:
    sound_dropped_ms: int = 0
    """Of the caller's sound that the backend was too slow to take."""
    malformed_messages: int = 0
    """Of the backend's that are no events."""


class Backend(Protocol):
    async def connect(self) -> None:
        """Raises BackendUnreachable."""

    def attach(self, events: BackendEvents) -> None:
        """Once; before it, nothing that the backend says is read."""

    def hear(self, pcm: bytes) -> None:
        """The caller's sound, PCM16 mono at 24 kHz. Never blocks; may be called before `connect` is done."""

    def client_event(self, text: str) -> None:
        """From the client's data channel. Never blocks; may be called before `connect` is done."""

    def marked(self) -> None:
        """All of the caller's sound that had come when `BackendEvents.mark` was called was given to `hear`."""

    def statistics(self) -> BackendStatistics:
        """What was lost between the caller and the backend."""

    async def close(self) -> None:
        """Done within a second or so; twice is no error."""


class BackendKind(Enum):
    ECHO = "echo"
    REALTIME = "realtime"


@dataclass(frozen=True)
class BackendSettings:
    kind: BackendKind = BackendKind.ECHO
    url: URL = field(default_factory=URL)
    """WebSocket URL of a `realtime` backend; `?model=` is added to it."""
    key_file: Path | None = None
    """Holds the bearer key. Read for every call, so that a new key needs no restart."""
    connect_timeout_s: float = 5.0
    ping_s: float = 15.0
    """A backend that does not answer a ping within half of this is lost."""
    probe_s: float = 30.0
    """While no call connects, a probe does as often. 0: never."""


@dataclass(frozen=True)
class CallRequest:
    model: str | None = None
    session: str | None = None
    """JSON text of the session that the client asked for."""
    uplink_mode: UplinkMode | None = None
    """None: the pod's."""
    conversation: str = ""
    """A name that the call keeps, whichever pod has it. It is not the call id, and nothing can be done with it."""
    takeovers: int = 0
    """How often the call has changed its pod, and its backend with it."""
