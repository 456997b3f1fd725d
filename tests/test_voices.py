"""The measure that the end-to-end tests judge answers by must itself tell voices apart."""

import numpy as np
import pytest

from voices import NAMES, PARROT_SPEED, RATE, likeness, resample, voice


@pytest.mark.parametrize("name", NAMES)
def test_a_voice_is_most_like_itself(name: str) -> None:
    said = voice(name).samples()
    noise = np.random.default_rng(1).normal(0, 0.01, RATE * 12)
    fast = resample(said, RATE * PARROT_SPEED, RATE)
    noise[RATE : RATE + len(fast)] += fast

    scores = {other: likeness(voice(other).samples(), noise) for other in NAMES}

    assert scores[name] > 0.8
    assert max(score for other, score in scores.items() if other != name) < 0.6


def test_silence_is_like_nothing() -> None:
    assert likeness(voice("river").samples(), np.zeros(RATE * 5)) < 0.1
