"""How many events of a client are taken."""

from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.event_allowance import EVENTS_PER_SECOND, MOST_AT_ONCE, EventAllowance


def test_a_burst_and_then_as_many_as_time_earns() -> None:
    allowance = EventAllowance()
    assert [allowance.take(7.0) for _ in range(300)].count(True) == MOST_AT_ONCE
    assert [allowance.take(8.0) for _ in range(300)].count(True) == EVENTS_PER_SECOND


@given(st.lists(st.floats(0, 2), max_size=300))
def test_never_more_than_the_burst_and_what_was_earned(pauses: list[float]) -> None:
    allowance, now, taken = EventAllowance(), 100.0, 0
    for pause in pauses:
        now += pause
        taken += allowance.take(now)
        assert taken <= MOST_AT_ONCE + (now - 100.0) * EVENTS_PER_SECOND + 1


def test_a_clock_that_goes_back_earns_nothing() -> None:
    allowance = EventAllowance()
    assert [allowance.take(9.0) for _ in range(200)].count(True) == MOST_AT_ONCE
    assert not allowance.take(3.0)
