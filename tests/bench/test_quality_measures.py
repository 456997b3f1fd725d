"""The quality bench's measures find what was done to a recording."""

import numpy as np
import pytest

from bench.quality.measures import Measures, measure
from bench.quality.recording import RATE, Block, Heard, Recording, Samples
from voices import resample, voice

FRAME = RATE // 50


@pytest.fixture(scope="module")
def speech() -> Samples:
    spoken = np.concatenate([voice(name).samples() for name in ("river", "harbour")])
    whole = resample(spoken, 8000, RATE)
    return np.asarray(whole[: len(whole) // FRAME * FRAME])


def handed_on(pcm: Samples, *, delay_ms: float = 0.0, drop: range = range(0)) -> Recording:
    """A frame each 20 ms; those in `drop` are left out."""
    frames = np.rint(pcm * 32768).astype(np.int16).reshape(-1, FRAME)
    blocks = [Block(number * 20_000 + round(delay_ms * 1000), frame) for number, frame in enumerate(frames)]
    return Recording(tuple(block for number, block in enumerate(blocks) if number not in drop))


def measured(speech: Samples, recording: Recording) -> Measures:
    return measure(speech, Heard(recording, None, None))


def test_what_came_whole_is_perfect_and_as_late_as_it_was(speech: Samples) -> None:
    figures = measured(speech, handed_on(speech, delay_ms=37))

    assert figures.estoi == pytest.approx(1, abs=0.001)
    assert figures.found == 1
    assert [figures.first_ms, figures.median_ms, figures.last_ms] == pytest.approx([37, 37, 37])
    assert figures.drift_ms == 0
    assert figures.longest_wait_ms == 20


@pytest.mark.parametrize("shift", [-480, 1234, 20_000])
def test_a_constant_shift_costs_nothing(speech: Samples, shift: int) -> None:
    shifted = np.concatenate([np.zeros(shift), speech]) if shift > 0 else speech[-shift:]
    whole = np.pad(shifted, (0, -len(shifted) % FRAME))

    figures = measured(speech, handed_on(whole))

    assert figures.estoi == pytest.approx(1, abs=0.01)
    assert figures.first_ms == pytest.approx(shift * 1000 / RATE, abs=0.1)


def test_time_left_out_shows_as_drift_and_as_out_of_step(speech: Samples) -> None:
    middle = len(speech) // FRAME // 2
    figures = measured(speech, handed_on(speech, drop=range(middle, middle + 10)))

    assert figures.drift_ms == pytest.approx(-200, abs=1)
    assert figures.estoi < 0.9
    # Each sound that came was handed on when it was sent.
    assert figures.last_ms == pytest.approx(0, abs=0.1)
    assert figures.longest_wait_ms == 220


def test_a_delay_that_grows_is_told_from_its_beginning(speech: Samples) -> None:
    whole = handed_on(speech)
    half = len(whole.blocks) // 2
    later = (Block(block.handed_us + 200_000, block.pcm) for block in whole.blocks[half:])
    figures = measured(speech, Recording((*whole.blocks[:half], *later)))

    assert (figures.first_ms, figures.last_ms) == (0, 200)
    assert figures.estoi == pytest.approx(1, abs=0.001)


def test_the_more_is_silenced_the_worse_it_is(speech: Samples) -> None:
    scores = []
    for every in (1000, 50, 20, 10, 4):
        frames = speech.copy().reshape(-1, FRAME)
        frames[::every] = 0
        scores.append(measured(speech, handed_on(frames.ravel())).estoi)

    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.97
    assert scores[-1] < 0.8


def test_delays_count_from_when_packets_were_really_sent(speech: Samples) -> None:
    sent_us = np.arange(len(speech) // FRAME) * 20_000 + 5_000_000
    blocks = tuple(Block(block.handed_us + 5_012_000, block.pcm) for block in handed_on(speech).blocks)

    figures = measure(speech, Heard(Recording(blocks), None, None), sent_us)

    assert figures.median_ms == pytest.approx(12)


@pytest.mark.parametrize("blocks", [(), (Block(0, np.zeros(RATE * 20, dtype=np.int16)),)], ids=["nothing", "silence"])
def test_what_is_not_the_speech_is_not_found(speech: Samples, blocks: tuple[Block, ...]) -> None:
    figures = measured(speech, Recording(blocks))

    assert figures.found == 0
    assert figures.median_ms is None
    assert figures.estoi < 0.1
