"""How the pod's calls sound, and what they may cost."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

FRAME_LENGTHS_MS = (10, 20, 40)
"""Of the frames that we send."""


class UplinkMode(Enum):
    """How long a packet that came behind a gap waits for the missing ones."""

    SPEED = "speed"
    """60 ms at most: what is still missing then is repaired or made up."""
    ACCURACY = "accuracy"
    """60 to 200 ms: where a model should rather wait than mishear."""


@dataclass(frozen=True)
class MediaSettings:
    chunk_ms: int = 40
    """Of a caller's sound in one message to its backend: 20 … 100."""
    bitrate: int = 32_000
    """Of the Opus that we send, bits a second, if the client takes as much."""
    complexity: int = 5
    """libopus's: 0 … 10; more sounds a little better and costs much more."""
    frame_ms: int = 20
    """Of the sound in one packet, if the client takes such."""
    uplink_mode: UplinkMode = UplinkMode.SPEED
    """Of calls that ask for nothing else."""
    workers: int = 0
    """Threads that decode and encode; 0: one for each CPU that the process may use."""
