"""What the extension measures of a call's work."""

import math

import pytest

from antiphon_transceiver._extension import call_cost


def test_work_takes_cpu_no_longer_than_its_threads_ran() -> None:
    call_ms, cpu_us, elapsed_us = call_cost(workers=2, seconds=0.05)
    assert call_ms >= 2 * 20
    assert call_ms % 20 == 0
    assert 0 < cpu_us <= 2 * elapsed_us + 20_000


def test_no_time_at_all_is_a_turn_of_each_call() -> None:
    assert call_cost(workers=1, seconds=0)[0] == 16 * 20
    assert call_cost(workers=1, seconds=0, frame_ms=40)[0] == 16 * 40
    assert call_cost(workers=300, seconds=0, frame_ms=10)[0] == 300 * 10


@pytest.mark.parametrize(
    "wrong",
    [
        {"seconds": -0.1},
        {"seconds": 10.1},
        {"seconds": math.nan},
        {"frame_ms": 60},
        {"complexity": 11},
        {"sample_rate": 44_100},
    ],
)
def test_settings_that_no_call_has(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        call_cost(**({"workers": 1, "seconds": 0} | wrong))  # type: ignore[arg-type]
