"""What the calls say: real speech, in a loop of whole 20 ms frames at 24 kHz. Pure.

`steady` never pauses for long and has a pulse in it once every 51 frames, by which its way can be followed. The odd
number lets the pulse fall on each frame of a chunk of two. `turns` speaks for a while and then listens, as one does
with an agent that answers.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]
"""−1…1."""

RATE: Final = 24_000
FRAME: Final = RATE // 50
FRAMES_PER_PULSE: Final = 51
QUIET_FRAMES: Final = 4
"""On each side of the pulse."""
PULSE_FRAME: Final = FRAMES_PER_PULSE - QUIET_FRAMES - 1
"""Of every 51."""
PULSE_HZ: Final = 2000
PULSE_LEVEL: Final = 0.8
SPEECH_LEVEL: Final = 0.5
"""At its loudest."""
SPOKEN_FRAMES: Final = 200
LISTENED_FRAMES: Final = 230
"""The example agent answers after 0.4 s, and in 4 / 1.25 s."""
STEADY_PULSES: Final = 8


class Script(StrEnum):
    STEADY = "steady"
    TURNS = "turns"

    @property
    def shortest_window_s(self) -> float:
        """In less not all of a turn would be seen."""
        return (SPOKEN_FRAMES + LISTENED_FRAMES) * FRAME / RATE if self is Script.TURNS else 0.0


def pcm_of(script: Script, voices: Sequence[Samples]) -> bytes:
    samples = steady(voices) if script is Script.STEADY else turns(voices)
    return bytes((samples * 32767).astype("<i2").tobytes())


def steady(voices: Sequence[Samples]) -> Samples:
    spoken = PULSE_FRAME - QUIET_FRAMES
    words = speech(voices, STEADY_PULSES * spoken).reshape(STEADY_PULSES, spoken * FRAME)
    quiet = np.zeros((STEADY_PULSES, QUIET_FRAMES * FRAME))
    pulses = np.tile(pulse(), (STEADY_PULSES, 1))
    return np.concatenate((words, quiet, pulses, quiet), axis=1).ravel()


def turns(voices: Sequence[Samples]) -> Samples:
    return np.concatenate((speech(voices, SPOKEN_FRAMES), np.zeros(LISTENED_FRAMES * FRAME)))


def speech(voices: Sequence[Samples], frames: int) -> Samples:
    """Every voice as loud as the others, one after the other, from the beginning again where they end."""
    words = np.concatenate([voice / max(np.abs(voice).max(), 1e-9) for voice in voices])
    return np.resize(words * SPEECH_LEVEL, frames * FRAME)


def pulse() -> Samples:
    at = np.arange(FRAME) / RATE
    return PULSE_LEVEL * np.sin(2 * np.pi * PULSE_HZ * at)
