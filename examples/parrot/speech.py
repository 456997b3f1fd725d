"""Hearing and the parrot's voice: PCM in, decisions and PCM out. No socket, no clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]

SAMPLE_RATE = 24_000
FRAME_MS = 20
FRAME = SAMPLE_RATE * FRAME_MS // 1000
MAX_UTTERANCE_MS = 30_000

PARROT_FACTOR = 1.25
"""Pitch and speed of the answer over the question's. An answer stretched by this factor is the question again."""


def parrot_voice(said: Samples) -> Samples:
    """The same words, `PARROT_FACTOR` times higher and faster, by reading the samples at that pace."""
    if said.size == 0:
        return said
    positions = np.arange(int(said.size / PARROT_FACTOR)) * PARROT_FACTOR
    said_back: Samples = np.interp(positions, np.arange(said.size), said).astype(np.int16)
    return said_back


@dataclass(frozen=True)
class Hearing:
    """What counts as speech. Levels are root mean squares of 16-bit samples."""

    silence_ms: int = 400
    """Quiet this long ends an utterance: shorter cuts people off in their pauses, longer makes the agent seem slow."""
    onset_ms: int = 60
    """Loud this long begins one, so that a click does not."""
    lead_in_ms: int = 240
    """Kept from before the onset, so that soft first consonants are not lost."""
    tail_ms: int = 120
    """Kept of the silence after the last loud frame."""
    loud: float = 200.0
    quiet: float = 120.0
    loud_over_floor: float = 4.0
    quiet_over_floor: float = 2.5
    floor_window_ms: int = 3000
    """The noise floor is the quietest frame of this window: steady noise becomes it, speech has pauses and does not."""


class Turn(Enum):
    STARTED = "started"
    STOPPED = "stopped"


@dataclass(frozen=True)
class TurnChange:
    turn: Turn
    at_ms: int
    """Position in all the audio heard since the session began."""
    utterance: Samples
    """The whole utterance when it stopped, empty when it started."""


NOTHING: Samples = np.zeros(0, dtype=np.int16)


class SpeechDetector:
    """Finds utterances by energy with hysteresis over an adaptive noise floor. Holds at most one utterance."""

    def __init__(self, hearing: Hearing) -> None:
        self._hearing = hearing
        self._pending = NOTHING
        self._heard_ms = 0
        window = hearing.floor_window_ms // FRAME_MS
        # Begins as silence: who speaks from the first frame on must not become the floor.
        self._levels: deque[float] = deque([0.0] * window, maxlen=window)
        self._lead_in: deque[Samples] = deque(maxlen=(hearing.lead_in_ms + hearing.onset_ms) // FRAME_MS)
        self._utterance: list[Samples] = []
        self._loud_ms = 0
        self._quiet_ms = 0

    @property
    def speaking(self) -> bool:
        return bool(self._utterance)

    def hear(self, samples: Samples) -> list[TurnChange]:
        joined = np.concatenate((self._pending, samples))
        whole = joined.size - joined.size % FRAME
        self._pending = joined[whole:]
        changes = [self._hear_frame(frame) for frame in joined[:whole].reshape(-1, FRAME)]
        return [change for change in changes if change is not None]

    def forget(self) -> None:
        """Drop an utterance under way; the noise floor stays."""
        self._utterance = []
        self._loud_ms = self._quiet_ms = 0
        self._pending = NOTHING
        self._lead_in.clear()

    def _hear_frame(self, frame: Samples) -> TurnChange | None:
        self._heard_ms += FRAME_MS
        level = float(np.sqrt(np.mean(np.square(frame.astype(np.float32)))))
        self._levels.append(level)
        floor = min(self._levels)
        if self.speaking:
            return self._go_on(frame, level, floor)
        return self._wait_for_speech(frame, level, floor)

    def _wait_for_speech(self, frame: Samples, level: float, floor: float) -> TurnChange | None:
        self._lead_in.append(frame)
        is_loud = level >= max(self._hearing.loud, floor * self._hearing.loud_over_floor)
        self._loud_ms = self._loud_ms + FRAME_MS if is_loud else 0
        if self._loud_ms < self._hearing.onset_ms:
            return None
        self._utterance = list(self._lead_in)
        self._lead_in.clear()
        self._quiet_ms = 0
        started = max(0, self._heard_ms - len(self._utterance) * FRAME_MS)
        return TurnChange(Turn.STARTED, started, NOTHING)

    def _go_on(self, frame: Samples, level: float, floor: float) -> TurnChange | None:
        self._utterance.append(frame)
        is_quiet = level < max(self._hearing.quiet, floor * self._hearing.quiet_over_floor)
        self._quiet_ms = self._quiet_ms + FRAME_MS if is_quiet else 0
        too_long = len(self._utterance) * FRAME_MS >= MAX_UTTERANCE_MS
        if self._quiet_ms < self._hearing.silence_ms and not too_long:
            return None
        surplus = max(0, self._quiet_ms - self._hearing.tail_ms) // FRAME_MS
        said = np.concatenate(self._utterance[: len(self._utterance) - surplus])
        self._utterance = []
        self._loud_ms = 0
        return TurnChange(Turn.STOPPED, self._heard_ms, said)
