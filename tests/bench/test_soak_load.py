"""bench/transceiver/soak_load.py: how many calls are as many as asked for."""

import pytest

from bench.transceiver.soak_load import CpuTime, calls_at

BEFORE = "cpu  100 10 40 800 50 0 0 0 0 0\ncpu0 100 10 40 800 50 0 0 0 0 0\nintr 5\n"
AFTER = "cpu  160 10 60 815 50 1 2 2 9 9\ncpu0 160 10 60 815 50 1 2 2 9 9\nintr 9\n"


def test_all_is_busy_that_nobody_else_could_have() -> None:
    # A guest's time is counted as its host's user time, too.
    assert CpuTime.of(AFTER).share_since(CpuTime.of(BEFORE)) == pytest.approx(0.85)
    assert CpuTime.of(BEFORE).share_since(CpuTime.of(BEFORE)) == 0
    assert CpuTime.read().whole > CpuTime.read().busy > 0


@pytest.mark.parametrize(
    ("a_call", "at_rest", "calls"),
    [
        pytest.param(0.01, 0.0, 70, id="in proportion"),
        pytest.param(0.001, 0.0, 384, id="no more than sixteen times as many as were tried first"),
        pytest.param(0.5, 0.0, 1, id="one at least"),
    ],
)
def test_calls_are_as_many_as_keep_the_share_busy(a_call: float, at_rest: float, calls: int) -> None:
    assert calls_at(0.7, lambda tried: at_rest + a_call * tried) == calls


def test_few_calls_that_cost_more_each_are_not_believed() -> None:
    assert calls_at(0.7, lambda tried: 0.3 + 0.008 * tried) == 50


def test_a_share_that_does_not_grow_with_the_calls_ends_somewhere() -> None:
    assert calls_at(0.7, lambda _: 0.3) == 224
    assert calls_at(0.7, lambda _: 0.7) == 24
