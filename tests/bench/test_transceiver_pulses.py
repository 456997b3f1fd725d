"""The pulses of bench/transceiver are found in real speech, and tell the delay of a chunk to the frame."""

import wave

import numpy as np
import pytest

from bench.transceiver import pulses, speech
from bench.transceiver.pulses import HeardCall
from bench.transceiver.records import CHUNK, SENT, Pcm, Records, Window
from bench.transceiver.speech import FRAME, FRAMES_PER_PULSE, PULSE_FRAME, RATE, Samples, Script
from voices import NAMES, resample, voice

FRAME_NS = 20_000_000
CHUNK_FRAMES = 2
ALWAYS = Window(0, 1 << 62)


def spoken(name: str) -> Samples:
    with wave.open(str(voice(name).path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float) / 32768
        return resample(samples, file.getframerate(), RATE)


@pytest.fixture(scope="module")
def steady() -> Pcm:
    return np.frombuffer(speech.pcm_of(Script.STEADY, [spoken(name) for name in NAMES]), "<i2")


def sent(frames: int) -> Records:
    made = np.zeros(frames, SENT)
    made["packet"] = np.arange(frames) % (FRAMES_PER_PULSE * speech.STEADY_PULSES)
    made["at_ns"] = np.arange(frames) * FRAME_NS
    return made


def chunks(pcm: Pcm, *, after_ms: float, unheard_frames: int = 0) -> Records:
    """Chunks of two frames; each came so long after its last frame was sent."""
    made = np.zeros(len(pcm) // (CHUNK_FRAMES * FRAME), CHUNK)
    numbers = np.arange(len(made))
    made["end_samples"] = (numbers + 1) * CHUNK_FRAMES * FRAME
    made["at_ns"] = (unheard_frames + CHUNK_FRAMES * (numbers + 1) - 1) * FRAME_NS + round(after_ms * 1e6)
    return made


def test_every_pulse_is_found_where_it_is_and_none_elsewhere(steady: Pcm) -> None:
    expected = (np.arange(speech.STEADY_PULSES) * FRAMES_PER_PULSE + PULSE_FRAME) * FRAME

    assert np.abs(pulses.positions(steady) - expected).max() <= 2


@pytest.mark.parametrize("name", NAMES)
def test_there_is_no_pulse_in_speech(name: str) -> None:
    loudest = speech.speech([spoken(name)], 300)

    assert not len(pulses.positions((loudest * 32767).astype(np.int16)))


def test_the_codecs_own_delay_is_known_from_a_reference(steady: Pcm) -> None:
    delayed = np.concatenate((np.zeros(156, np.int16), steady))

    assert abs(pulses.decoded_offset(delayed) - 156) <= 2


def test_a_frame_waits_for_its_chunk(steady: Pcm) -> None:
    call = HeardCall(sent(len(steady) // FRAME), chunks(steady, after_ms=3.0), steady, ALWAYS)

    delays = pulses.uplink_of(call, 0).delays

    assert len(delays) > FRAMES_PER_PULSE * (speech.STEADY_PULSES - 1)
    assert {round(delay) for delay in delays} == {3, 23}
    assert np.mean(delays) == pytest.approx(13.0, abs=1.0)


def test_the_packet_that_completes_a_chunk_waits_for_no_other(steady: Pcm) -> None:
    pcm = np.concatenate((np.zeros(156, np.int16), steady))[: len(steady)]
    call = HeardCall(sent(len(steady) // FRAME), chunks(pcm, after_ms=3.0), pcm, ALWAYS)

    found = pulses.uplink_of(call, 156)

    assert {round(delay) for delay in found.delays[found.completing]} == {3}
    assert {round(delay) for delay in found.delays[~found.completing]} == {23}


def test_sound_whose_beginning_was_not_heard_is_still_placed(steady: Pcm) -> None:
    """As when the codec's delay shifts it, and frames were lost before the first that arrived."""
    unheard = 10
    pcm = np.concatenate((np.zeros(156, np.int16), steady))[unheard * FRAME :]
    call = HeardCall(sent(len(steady) // FRAME), chunks(pcm, after_ms=3.0, unheard_frames=unheard), pcm, ALWAYS)

    assert {round(delay) for delay in pulses.uplink_of(call, 156).delays} == {3, 23}


def test_between_pulses_that_slipped_only_the_pulses_are_placed(steady: Pcm) -> None:
    middle = (2 * FRAMES_PER_PULSE + 10) * FRAME
    slipped = np.concatenate((steady[:middle], np.zeros(FRAME, np.int16), steady[middle:]))
    calls = [HeardCall(sent(len(steady) // FRAME), chunks(pcm, after_ms=3.0), pcm, ALWAYS) for pcm in (steady, slipped)]

    whole, gap = (len(pulses.uplink_of(call, 0).delays) for call in calls)

    assert whole - gap == FRAMES_PER_PULSE - 1


def test_only_what_was_sent_in_the_window_counts(steady: Pcm) -> None:
    window = Window(100 * FRAME_NS, 150 * FRAME_NS)
    call = HeardCall(sent(len(steady) // FRAME), chunks(steady, after_ms=3.0), steady, window)

    assert len(pulses.uplink_of(call, 0).delays) == 50


def test_turns_leave_time_to_answer() -> None:
    samples = speech.turns([spoken("river")])

    assert not samples[speech.SPOKEN_FRAMES * FRAME :].any()
    assert len(samples) == (speech.SPOKEN_FRAMES + speech.LISTENED_FRAMES) * FRAME
