"""What the quality bench does to packets is what it says, and the same every time."""

from dataclasses import replace
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.quality.impairment import FRAME_US, LATEST_COPY_US, LOST, Arrival, Bursts, Fate, Impairment, arrivals

SHARES = st.floats(0, 0.5)
IMPAIRMENTS = st.builds(
    Impairment,
    loss=SHARES,
    bursts=st.none() | st.builds(Bursts, loss=SHARES, mean_packets=st.floats(1, 20)),
    jitter_us=st.integers(0, 200_000),
    in_order=st.booleans(),
    held_back=SHARES,
    held_back_us=st.integers(0, 200_000),
    duplication=SHARES,
)
SEEDS = st.integers(0, 2**32)
MANY = 20_000


@given(IMPAIRMENTS, SEEDS, st.integers(0, 80), st.integers(0, 80))
def test_a_trace_is_its_seeds_and_a_longer_one_begins_with_it(
    impairment: Impairment, seed: int, packets: int, more: int
) -> None:
    trace = impairment.trace(seed, packets)

    assert len(trace) == packets
    assert impairment.trace(seed, packets) == trace
    assert impairment.trace(seed, packets + more)[:packets] == trace


@given(IMPAIRMENTS, SEEDS)
def test_delays_are_within_what_was_asked_for(impairment: Impairment, seed: int) -> None:
    latest_us = impairment.jitter_us + impairment.held_back_us
    for fate in impairment.trace(seed, 100):
        assert len(fate.delays_us) <= 2
        for first_us, last_us in [(min(fate.delays_us, default=0), max(fate.delays_us, default=0))]:
            assert first_us >= 0
            assert last_us - first_us <= LATEST_COPY_US
            # A queue holds packets up no longer than the one that holds it up was held up.
            assert first_us <= latest_us


@given(IMPAIRMENTS, SEEDS)
def test_arrivals_are_every_copy_once_in_the_order_of_coming(impairment: Impairment, seed: int) -> None:
    trace = impairment.trace(seed, 100)

    came = arrivals(trace)

    assert [each.came_us for each in came] == sorted(each.came_us for each in came)
    copies = [
        Arrival(number * FRAME_US + delay_us, number)
        for number, fate in enumerate(trace)
        for delay_us in fate.delays_us
    ]
    assert sorted(came) == sorted(copies)


@given(IMPAIRMENTS, SEEDS)
def test_in_order_nothing_overtakes(impairment: Impairment, seed: int) -> None:
    queue = Impairment(loss=impairment.loss, jitter_us=impairment.jitter_us, in_order=True)

    numbers = [each.number for each in arrivals(queue.trace(seed, 200))]

    assert numbers == sorted(numbers)


@given(SEEDS, SHARES, SHARES)
def test_what_little_loss_loses_much_loss_loses_too_and_jitter_changes_nothing_about_it(
    seed: int, one: float, other: float
) -> None:
    little = Impairment(loss=min(one, other)).trace(seed, 200)
    much = Impairment(loss=max(one, other), jitter_us=50_000, duplication=0.5).trace(seed, 200)

    assert all(after.is_lost for before, after in zip(little, much, strict=True) if before.is_lost)


@given(IMPAIRMENTS, SEEDS)
def test_what_is_lost_delays_nothing_else(impairment: Impairment, seed: int) -> None:
    kept = replace(impairment, loss=0.0, bursts=None).trace(seed, 100)

    for fate, without_loss in zip(impairment.trace(seed, 100), kept, strict=True):
        assert fate in (LOST, without_loss)


@given(SEEDS, st.integers(0, 100_000), st.integers(0, 100_000))
def test_the_longer_way_comes_on_top_of_jitter(seed: int, jitter_us: int, longer_us: int) -> None:
    jitter = Impairment(jitter_us=jitter_us)
    longer = replace(jitter, held_back=1.0, held_back_us=longer_us)

    pairs = zip(jitter.trace(seed, 50), longer.trace(seed, 50), strict=True)

    assert all(held.delays_us[0] == straight.delays_us[0] + longer_us for straight, held in pairs)


def test_shares_are_what_was_asked_for() -> None:
    trace = Impairment(loss=0.05, held_back=0.2, held_back_us=7, duplication=0.1).trace(1, MANY)

    came = [fate for fate in trace if not fate.is_lost]

    assert 1 - len(came) / MANY == pytest.approx(0.05, abs=0.01)
    assert sum(len(fate.delays_us) == 2 for fate in came) / len(came) == pytest.approx(0.1, abs=0.01)
    assert sum(fate.delays_us[0] == 7 for fate in came) / len(came) == pytest.approx(0.2, abs=0.01)


def test_jitter_is_spread_evenly_and_reorders() -> None:
    trace = Impairment(jitter_us=50_000).trace(1, MANY)

    delays = sorted(fate.delays_us[0] for fate in trace)

    for quarter in range(5):
        assert delays[min(quarter * MANY // 4, MANY - 1)] == pytest.approx(quarter * 12_500, abs=1_000)
    overtaken = sum(after.number < before.number for before, after in pairwise(arrivals(trace)))
    assert overtaken > MANY / 10


@pytest.mark.parametrize(("loss", "mean_packets"), [(0.05, 4.0), (0.2, 10.0), (0.1, 1.0)])
def test_bursts_lose_what_was_asked_for_in_bursts_of_that_length(loss: float, mean_packets: float) -> None:
    trace = Impairment(bursts=Bursts(loss, mean_packets)).trace(1, 10 * MANY)

    bursts = [len(list(run)) for lost, run in groupby(fate.is_lost for fate in trace) if lost]

    assert sum(bursts) / (10 * MANY) == pytest.approx(loss, rel=0.1)
    assert sum(bursts) / len(bursts) == pytest.approx(mean_packets, rel=0.15)


@pytest.mark.parametrize(("loss", "mean_packets"), [(1.0, 4.0), (-0.1, 4.0), (0.1, 0.5), (0.9, 2.0)])
def test_bursts_that_cannot_be_are_refused(loss: float, mean_packets: float) -> None:
    with pytest.raises(ValueError, match="no such bursts"):
        Bursts(loss, mean_packets)


def test_nothing_asked_for_is_nothing_done() -> None:
    assert set(Impairment().trace(1, 100)) == {Fate((0,))}
