from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech import (
    FRAME,
    MAX_UTTERANCE_MS,
    NOTHING,
    PARROT_FACTOR,
    SAMPLE_RATE,
    Hearing,
    Samples,
    SpeechDetector,
    Turn,
    TurnChange,
    parrot_voice,
)


def voice(seconds: float, level: float = 4000.0) -> Samples:
    """A buzz of speech's loudness, with its own syllables."""
    t = np.arange(int(SAMPLE_RATE * seconds)) / SAMPLE_RATE
    syllables = 0.6 + 0.4 * np.sin(2 * np.pi * 4 * t)
    buzz: Samples = (level * syllables * np.sin(2 * np.pi * 220 * t)).astype(np.int16)
    return buzz


def noise(seconds: float, level: float) -> Samples:
    hiss: Samples = np.random.default_rng(7).normal(0, level, int(SAMPLE_RATE * seconds)).astype(np.int16)
    return hiss


def heard(detector: SpeechDetector, *parts: Samples, chunk: int = FRAME) -> list[TurnChange]:
    return [change for piece in chunks(np.concatenate(parts), chunk) for change in detector.hear(piece)]


def chunks(samples: Samples, size: int) -> Iterator[Samples]:
    for start in range(0, samples.size, size):
        yield samples[start : start + size]


def test_one_utterance_is_found_with_its_beginning_and_its_end() -> None:
    said = voice(1.0)
    started, stopped = heard(SpeechDetector(Hearing()), noise(0.5, 10), said, noise(1.0, 10))
    assert (started.turn, stopped.turn) == (Turn.STARTED, Turn.STOPPED)
    assert 200 <= started.at_ms <= 500
    assert 1500 + 400 <= stopped.at_ms <= 1500 + 460
    assert 1.0 <= stopped.utterance.size / SAMPLE_RATE <= 1.5


def test_a_pause_shorter_than_the_silence_does_not_end_an_utterance() -> None:
    changes = heard(SpeechDetector(Hearing()), voice(0.4), noise(0.3, 5), voice(0.4), noise(0.6, 5))
    assert [change.turn for change in changes] == [Turn.STARTED, Turn.STOPPED]
    assert changes[1].utterance.size / SAMPLE_RATE > 1.1


def test_two_utterances_with_a_long_pause_are_two() -> None:
    changes = heard(SpeechDetector(Hearing()), voice(0.4), noise(0.6, 5), voice(0.4), noise(0.6, 5))
    assert [change.turn for change in changes] == [Turn.STARTED, Turn.STOPPED] * 2


def test_the_silence_that_ends_an_utterance_can_be_set() -> None:
    changes = heard(SpeechDetector(Hearing(silence_ms=200)), voice(0.4), noise(0.3, 5), voice(0.4), noise(0.3, 5))
    assert [change.turn for change in changes] == [Turn.STARTED, Turn.STOPPED] * 2


@pytest.mark.parametrize("level", [0, 30, 80], ids=["digital silence", "a quiet room", "a humming room"])
def test_a_room_without_speech_is_not_an_utterance(level: float) -> None:
    assert heard(SpeechDetector(Hearing()), noise(5, level)) == []


def test_a_click_is_not_an_utterance() -> None:
    assert heard(SpeechDetector(Hearing()), noise(0.3, 5), voice(0.04), noise(1, 5)) == []


def test_steady_noise_that_begins_becomes_the_floor_and_speech_over_it_is_still_found() -> None:
    detector = SpeechDetector(Hearing())
    fan = heard(detector, noise(0.5, 5), noise(5, 400))
    assert [change.turn for change in fan] == [Turn.STARTED, Turn.STOPPED]
    over_the_fan = heard(detector, voice(0.5, level=8000) + noise(0.5, 400), noise(1, 400))
    assert [change.turn for change in over_the_fan] == [Turn.STARTED, Turn.STOPPED]


def test_an_endless_utterance_is_cut_at_the_limit() -> None:
    talk = np.concatenate([voice(0.9), noise(0.1, 5)] * 32)
    changes = heard(SpeechDetector(Hearing()), talk, chunk=FRAME * 10)
    assert changes[1].turn is Turn.STOPPED
    assert changes[1].utterance.size == SAMPLE_RATE * MAX_UTTERANCE_MS // 1000


def test_a_forgotten_utterance_does_not_stop() -> None:
    detector = SpeechDetector(Hearing())
    assert [change.turn for change in heard(detector, voice(0.5))] == [Turn.STARTED]
    detector.forget()
    assert not detector.speaking
    assert heard(detector, noise(1, 5)) == []


@given(sizes=st.lists(st.integers(1, 5000), min_size=1, max_size=30))
def test_how_the_audio_is_cut_into_messages_changes_nothing(sizes: list[int]) -> None:
    audio = np.concatenate((voice(0.4), noise(0.6, 5), voice(0.2), noise(0.6, 5)))
    whole = SpeechDetector(Hearing()).hear(audio)
    detector, start = SpeechDetector(Hearing()), 0
    pieces: list[list[TurnChange]] = []
    while start < audio.size:
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(detector.hear(audio[start : start + size]))
        start += size
    in_pieces = [change for piece in pieces for change in piece]
    assert [(change.turn, change.at_ms) for change in in_pieces] == [(change.turn, change.at_ms) for change in whole]
    for one, other in zip(in_pieces, whole, strict=True):
        assert np.array_equal(one.utterance, other.utterance)


def test_the_parrots_voice_is_the_question_higher_and_faster_and_can_be_undone() -> None:
    said = voice(1.0)
    said_back = parrot_voice(said)
    assert said_back.size == int(said.size / PARROT_FACTOR)
    spectrum = np.abs(np.fft.rfft(said_back))
    pitch = np.argmax(spectrum) * SAMPLE_RATE / said_back.size
    assert pitch == pytest.approx(220 * PARROT_FACTOR, abs=5)
    undone = np.interp(np.arange(said.size - 2) / PARROT_FACTOR, np.arange(said_back.size), said_back)
    assert np.corrcoef(undone, said[:-2])[0, 1] > 0.98


def test_nothing_said_is_nothing_said_back() -> None:
    assert parrot_voice(NOTHING).size == 0
