"""What a soak says of playout: clocks that are known to be wrong are found to be so, and right ones are not."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.transceiver import drift
from bench.transceiver.records import ARRIVED, SENT, Recording, Records
from bench.transceiver.soak_drift import series_of, silent
from bench.transceiver.soak_plan import Party
from bench.transceiver.soak_verdict import Kind, findings_of
from bench.transceiver.trend import trend

FRAME_NS = 20_000_000
START_NS = 1_790_000_000_000_000_000
KEPT_NS, EVERY_NS = 4_000_000_000, 20_000_000_000
MINUTES = 5
FRAMES = MINUTES * 60 * 50


def kept(records: Records) -> Records:
    return np.asarray(records[records["at_ns"] % EVERY_NS < KEPT_NS])


def arrivals(ppm: float = 0.0, *, skipped: tuple[int, ...] = (), first: int = 0, call: int = 0) -> Records:
    """One call's packets over five minutes; the sender's clock runs so much faster than the wall's."""
    frames = np.array([frame for frame in range(FRAMES) if frame not in skipped])
    made = np.zeros(len(frames), ARRIVED)
    made["call"] = call
    jitter_ns = np.random.default_rng(2).exponential(300_000, len(frames)).astype(np.int64)
    made["at_ns"] = START_NS + (frames * FRAME_NS / (1 + ppm / 1e6)).astype(np.int64) + jitter_ns
    made["timestamp"] = (first + 960 * frames) % (1 << 32)
    made["sequence"] = (first + np.arange(len(frames))) % (1 << 16)
    made["bytes"] = 100
    return kept(made)


def growth(points: drift.Points) -> float:
    line = trend(points[0].tolist(), points[1].tolist())
    assert line is not None
    return line.growth


@given(first=st.integers(0, (1 << 32) - 1))
def test_a_clock_that_is_the_walls_does_not_drift_whatever_its_beginning(first: int) -> None:
    found = drift.playout_clock(arrivals(first=first))

    assert len(found[0]) == MINUTES * 3
    assert abs(growth(found)) < 0.3


@pytest.mark.parametrize("ppm", [-200.0, 50.0, 200.0])
def test_a_clock_that_runs_too_fast_is_soon_ahead_of_the_wall(ppm: float) -> None:
    covered_ms = (MINUTES * 60 - EVERY_NS / 1e9) * 1000

    assert growth(drift.playout_clock(arrivals(ppm))) == pytest.approx(-ppm * covered_ms / 1e6, rel=0.05)


def test_packets_that_are_late_more_and_more_are_no_drift() -> None:
    """As on a machine that has more and more to do: some are still in time."""
    busier = arrivals()
    late_ns = np.random.default_rng(4).exponential(np.linspace(0, 20_000_000, len(busier))).astype(np.int64)
    busier["at_ns"] = np.sort(busier["at_ns"] + late_ns)

    assert abs(growth(drift.playout_clock(busier))) < 2


def test_frames_that_were_left_out_are_sound_that_is_missing_and_no_drift() -> None:
    """As after a stall: time went on, and no packet has its number."""
    stalls = arrivals(skipped=tuple(frame for second in range(10, 290, 10) for frame in (50 * second, 50 * second + 1)))

    assert abs(growth(drift.playout_clock(stalls))) < 0.3
    assert growth(drift.missing_sound(stalls)) == pytest.approx(28 * 40, rel=0.1)
    assert abs(growth(drift.missing_sound(arrivals()))) < 0.3


def echoed(sizes: np.ndarray, late_ms: float) -> tuple[Records, Records]:
    """Each second echo comes later than the one before, until it is so much."""
    sends = np.zeros(FRAMES, SENT)
    sends["packet"] = np.arange(FRAMES) % len(sizes)
    sends["at_ns"] = START_NS + np.arange(FRAMES) * FRAME_NS
    back = np.zeros(FRAMES, ARRIVED)
    back["at_ns"] = sends["at_ns"] + 60_000_000 + (np.linspace(0, late_ms, FRAMES) * 1e6).astype(np.int64)
    back["timestamp"] = 960 * np.arange(FRAMES)
    back["bytes"] = 3 * sizes[sends["packet"]] + 20
    return kept(sends), kept(back)


@pytest.mark.parametrize("late_ms", [0.0, 100.0])
def test_an_echo_that_comes_later_and_later_is_found(late_ms: float) -> None:
    sizes = np.random.default_rng(3).integers(10, 120, 400)

    at_s, delays = drift.echo_delay(*echoed(sizes, late_ms), sizes)

    assert len(at_s) == MINUTES * 3
    assert delays[0] == pytest.approx(60.0, abs=5.0)
    assert delays[-1] - delays[0] == pytest.approx(late_ms * 0.93, abs=1.0)


def party(calls: int) -> Party:
    return Party("agent", "", 2 * calls, Path(), (1,), is_echo=False)


def test_of_many_calls_the_worst_is_told() -> None:
    calls = np.concatenate([arrivals(ppm, call=call) for call, ppm in enumerate((0.0, 80.0, -30.0))])
    recording = Recording(np.zeros(0, SENT), calls, np.zeros(0), {})

    (told,) = series_of(recording, party(3))
    (finding,) = findings_of([told], 0)

    assert (told.kind, told.of) == (Kind.DRIFT, "agent (worst of 3 calls)")
    assert finding.is_growth
    assert finding.trend.growth == pytest.approx(-80 * 0.28, rel=0.05)


def test_a_call_that_went_silent_is_named() -> None:
    sends = np.zeros(1, SENT)
    sends["at_ns"] = START_NS + 300 * 1_000_000_000
    early = arrivals(call=1)
    calls = np.concatenate((arrivals(call=0), early[early["at_ns"] < START_NS + 200 * 1_000_000_000]))

    assert silent(Recording(sends, calls, np.zeros(0), {}), party(3), 30.0) == [1, 2]
