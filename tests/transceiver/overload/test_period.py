"""What two looks at the counters say of the time between them."""

from collections.abc import Mapping
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.media import EngineStatistics
from antiphon_transceiver.overload.cpu_allowance import Throttling
from antiphon_transceiver.overload.period import FEWEST, Period, Totals

START = Totals(100.0, EngineStatistics(slots=7, late=3), 20.0, 9.0, Throttling(50, 5))
COUNTS = [field.name for field in fields(EngineStatistics)]


def after(
    counts: Mapping[str, int] | None = None,
    *,
    elapsed_s: float = 1.0,
    cpu_s: float = 0.0,
    loop_cpu_s: float = 0.0,
    throttling: Throttling | None = None,
) -> Totals:
    grown = {name: getattr(START.engine, name) + (counts or {}).get(name, 0) for name in COUNTS}
    return Totals(
        START.at_s + elapsed_s,
        EngineStatistics(**grown),
        START.cpu_s + cpu_s,
        START.loop_cpu_s + loop_cpu_s,
        throttling or START.throttling,
    )


def test_nothing_happened() -> None:
    assert Period.between(START, after(), cpus=2) == Period()


@pytest.mark.parametrize(
    ("counts", "missed", "late"),
    [
        pytest.param({"slots": 1000, "late": 100}, 0.0, 0.1, id="late ones"),
        pytest.param({"slots": 1000, "late": 50, "missed": 20}, 0.02, 0.05, id="missed ones"),
        pytest.param({"slots": 900, "skipped": 100}, 0.1, 0.0, id="ones left out, which no slot was counted for"),
        pytest.param({"slots": 1000, "late": 30, "encoded_late": 30}, 0.0, 0.03, id="ones late only when encoded"),
        pytest.param({"slots": 3, "late": 3, "missed": 1}, 1 / FEWEST, 3 / FEWEST, id="of few, few count little"),
        pytest.param({"skipped": 500}, 1.0, 0.0, id="all left out"),
        pytest.param({"slots": 100, "missed": 100, "skipped": 100}, 1.0, 0.0, id="no more than all"),
    ],
)
def test_frames(counts: dict[str, int], missed: float, late: float) -> None:
    period = Period.between(START, after(counts), cpus=2)
    assert (period.missed_share, period.late_share) == pytest.approx((missed, late))


def test_what_waits_for_workers_and_the_loop() -> None:
    counts = {"packets_taken": 200, "packets_waited_long": 20, "pcm_chunks": 100, "pcm_waited_us": 3_000_000}
    period = Period.between(START, after(counts), cpus=2)
    assert (period.long_wait_share, period.chunk_wait_ms) == (0.1, 30.0)


def test_the_limits_own_periods() -> None:
    assert Period.between(START, after(throttling=Throttling(60, 9)), cpus=2).throttled_share == 0.4


@pytest.mark.parametrize(
    ("cpus", "cpu_s", "loop_cpu_s", "share"),
    [
        pytest.param(4.0, 2.0, 0.1, 0.5, id="half of what it may"),
        pytest.param(4.0, 1.0, 0.9, 0.9, id="a loop has one CPU at most"),
        pytest.param(0.5, 0.4, 0.2, 0.8, id="under a limit below one CPU"),
        pytest.param(0.5, 0.4, 0.45, 0.9, id="and so has its loop"),
    ],
)
def test_cpu(cpus: float, cpu_s: float, loop_cpu_s: float, share: float) -> None:
    now = after(elapsed_s=2.0, cpu_s=2 * cpu_s, loop_cpu_s=2 * loop_cpu_s)
    assert Period.between(START, now, cpus=cpus).cpu_share == pytest.approx(share)


@given(
    counts=st.fixed_dictionaries({name: st.integers(0, 2**40) for name in COUNTS}),
    elapsed_s=st.floats(0, 1e6),
    cpus=st.floats(0, 1024),
)
def test_whatever_was_counted_shares_are_shares(counts: dict[str, int], elapsed_s: float, cpus: float) -> None:
    period = Period.between(START, after(counts, elapsed_s=elapsed_s), cpus=cpus)
    assert all(0 <= share <= 1 for share in (period.missed_share, period.late_share, period.long_wait_share))
    assert period.chunk_wait_ms >= 0
