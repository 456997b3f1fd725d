"""A question that lasts longer than a relay is away: an outage cannot swallow all of it."""

import wave
from pathlib import Path

from antiphon_cli.call import HELLO

TIMES = 8
"""Of 1.5 s each."""


def long_question(folder: Path) -> Path:
    """The usual question, said over and over, as a WAV file in the folder."""
    said = folder / "long_question.wav"
    with wave.open(str(HELLO), "rb") as once, wave.open(str(said), "wb") as file:
        file.setparams(once.getparams())
        file.writeframes(once.readframes(once.getnframes()) * TIMES)
    return said
