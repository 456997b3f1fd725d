"""What the calls of a soak say: the speech of bench/quality, so that no Rust has to be built for it."""

from pathlib import Path
from typing import Final

from bench.quality.speech import say

SPOKEN_S: Final = 8.0
LISTENED_FRAMES: Final = 350
"""The example agent answers after 0.4 s, and in 8 / 1.25 s."""


def write_speech(path: Path, *, with_answers: bool) -> tuple[int, ...]:
    """As the generator reads it; the bytes of each packet. With answers: the last frame, a room's silence, goes on."""
    frames = list(say(SPOKEN_S).frames)
    if with_answers:
        frames += LISTENED_FRAMES * frames[-1:]
    path.write_bytes(b"".join(len(frame).to_bytes(2, "little") + frame for frame in frames))
    return tuple(map(len, frames))
