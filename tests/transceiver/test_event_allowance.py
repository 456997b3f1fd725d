"""How many events of a client are taken."""

from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.event_allowance import (
    EVENTS_PER_SECOND,
    LONGEST_STALL_S,
    MOST_AT_ONCE,
    MOST_SENT_AT_ONCE,
    EventAllowance,
)


def test_a_burst_and_then_as_many_as_time_earns() -> None:
    allowance = EventAllowance()
    assert [allowance.take(7.0) for _ in range(400)].count(True) == MOST_AT_ONCE
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
    assert [allowance.take(9.0) for _ in range(400)].count(True) == MOST_AT_ONCE
    assert not allowance.take(3.0)


@given(
    bursts=st.lists(st.tuples(st.floats(0, 3), st.integers(1, 200)), max_size=40),
    stalls=st.lists(st.tuples(st.floats(0, 60), st.floats(0, LONGEST_STALL_S)), max_size=20),
)
def test_who_sends_no_more_than_that_loses_nothing_by_stalls(
    bursts: list[tuple[float, int]], stalls: list[tuple[float, float]]
) -> None:
    allowance, now, left = EventAllowance(), 100.0, MOST_SENT_AT_ONCE
    for pause, wanted in bursts:
        now, left = now + pause, min(MOST_SENT_AT_ONCE, left + pause * EVENTS_PER_SECOND)
        sent = min(wanted, int(left))
        left -= sent
        # Whatever is sent in a stall comes at its end.
        came = max(
            [now, *(100 + begin + length for begin, length in stalls if 100 + begin <= now < 100 + begin + length)]
        )
        assert all(allowance.take(came) for _ in range(sent))
