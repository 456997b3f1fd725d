"""What bench/transceiver says of time must itself be true: packets whose jitter, loss and delay are known."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.transceiver import echoes, timing
from bench.transceiver.records import ARRIVED, SENT, Records

FRAME_NS = 20_000_000


def arrivals(
    late_ms: Sequence[float], *, first_sequence: int = 0, first_timestamp: int = 0, sizes: Sequence[int] | None = None
) -> Records:
    """One call's packets, each so late; every other field as it should be."""
    count = len(late_ms)
    made = np.zeros(count, ARRIVED)
    made["at_ns"] = np.arange(count) * FRAME_NS + (np.array(late_ms) * 1e6).astype(np.int64)
    made["sequence"] = (first_sequence + np.arange(count)) % (1 << 16)
    made["timestamp"] = (first_timestamp + 960 * np.arange(count)) % (1 << 32)
    made["bytes"] = 100 if sizes is None else sizes
    return made


def sends(count: int) -> Records:
    made = np.zeros(count, SENT)
    made["packet"] = np.arange(count)
    made["due_ns"] = np.arange(count) * FRAME_NS
    made["at_ns"] = made["due_ns"] + 1_000_000
    return made


@given(phase_ms=st.floats(0, 1000), first_timestamp=st.integers(0, (1 << 32) - 1))
def test_packets_on_a_grid_have_no_jitter_whatever_its_phase(phase_ms: float, first_timestamp: int) -> None:
    found = timing.deviations(arrivals([phase_ms] * 100, first_timestamp=first_timestamp))

    assert len(found) == 100
    assert found.max() < 0.001


@pytest.mark.parametrize("index", [0, 20, 49])
def test_a_late_packet_deviates_by_as_much_and_the_others_do_not(index: int) -> None:
    late = [0.0] * 50
    late[index] = 7.0

    found = timing.deviations(arrivals(late))

    assert found[index] == pytest.approx(7.0)
    assert np.delete(found, index).max() == pytest.approx(0.0)


def test_a_pause_is_not_jitter_and_what_follows_has_its_own_grid() -> None:
    found = timing.deviations(arrivals([0.0] * 30 + [503.0] * 30))

    assert len(found) == 60
    assert found.max() == pytest.approx(0.0)


def test_a_server_that_sets_every_marker_is_measured_all_the_same() -> None:
    packets = arrivals([0.0] * 30)
    packets["marker"] = 1

    assert len(timing.deviations(packets)) == 30


def test_a_spurt_too_short_for_a_grid_says_nothing() -> None:
    assert timing.spread(timing.deviations(arrivals([0.0, 5.0, 9.0]))) is None


@given(
    first=st.integers(0, (1 << 16) - 1),
    dropped=st.sets(st.integers(1, 298), max_size=100),
    doubled=st.integers(0, 299),
)
def test_as_many_packets_are_missing_as_were_dropped(first: int, dropped: set[int], doubled: int) -> None:
    numbers = (first + np.arange(300)) % (1 << 16)
    kept = np.array([number for index, number in enumerate(numbers) if index not in dropped], np.uint16)
    if doubled not in dropped:
        kept = np.append(kept, np.uint16(numbers[doubled]))

    assert timing.missing(kept) == len(dropped)


def test_packets_out_of_order_are_not_missing() -> None:
    assert timing.missing(np.array([65_534, 0, 65_535, 1, 3, 2], np.uint16)) == 0


def test_who_is_spoken_to_without_a_pause_misses_what_was_never_sent() -> None:
    half = arrivals([0.0] * 100)

    assert timing.lost_share([half], 4.0, continuous=True) == pytest.approx(0.495)
    assert timing.lost_share([half], 4.0, continuous=False) == 0.0


def test_a_packet_cut_off_by_the_windows_end_is_not_lost() -> None:
    assert timing.lost_share([arrivals([0.0] * 199)], 4.0, continuous=True) == 0.0


def test_nothing_at_all_is_all_lost() -> None:
    assert timing.lost_share([arrivals([])], 4.0, continuous=True) == pytest.approx(0.995)
    assert timing.lost_share([], 4.0, continuous=True) == 1.0


@given(frames_late=st.integers(0, 30), jitter_ms=st.floats(0, 8), lost=st.sets(st.integers(1, 199), max_size=20))
def test_an_echo_is_found_by_its_sizes(frames_late: int, jitter_ms: float, lost: set[int]) -> None:
    sizes = np.random.default_rng(3).integers(10, 120, 400)
    returned = sizes[50:250] * 3 + 20
    packets = arrivals([0.0] * 200, first_timestamp=(1 << 32) - 960 * 20, sizes=[int(size) for size in returned])
    packets["at_ns"] += (50 + frames_late) * FRAME_NS + round((1.0 + jitter_ms) * 1e6)
    kept = packets[[index for index in range(200) if index not in lost]]

    found = timing.spread(echoes.round_trips(sends(400), kept, sizes))

    assert found is not None
    assert found.p50 == pytest.approx(frames_late * 20 + jitter_ms, abs=0.01)


def test_other_speech_is_no_echo() -> None:
    random = np.random.default_rng(4)
    packets = arrivals([0.0] * 200, sizes=[int(size) for size in random.integers(10, 120, 200)])

    assert not len(echoes.round_trips(sends(400), packets, random.integers(10, 120, 400)))


def test_the_generators_own_lateness_is_told() -> None:
    found = timing.spread(timing.lateness(sends(100)))

    assert found == timing.Spread(1.0, 1.0)
