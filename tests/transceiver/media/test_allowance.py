from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.media.allowance import Allowance


@pytest.mark.parametrize(
    ("takes", "answers"),
    [
        ([(4, 5.0), (1, 5.0)], [True, False]),
        ([(5, 5.0), (4, 5.0)], [False, True]),
        ([(4, 5.0), (10, 5.9), (10, 6.0)], [True, False, True]),
        ([(0, 5.0), (20, 99.0), (1, 99.0)], [True, True, False]),
        ([(4, 5.0), (1, 5.0625), (1, 5.125)], [True, False, True]),
    ],
    ids=[
        "at first there is the first",
        "all or nothing, and nothing costs nothing",
        "it grows by the rate",
        "it does not grow beyond the most",
        "a refusal does not stop the growth",
    ],
)
def test_what_may_be_taken(takes: list[tuple[float, float]], answers: list[bool]) -> None:
    allowance = Allowance(rate=10, most=20, first=4)
    assert [allowance.take(amount, now) for amount, now in takes] == answers


def test_without_a_first_it_begins_full() -> None:
    allowance = Allowance(rate=1, most=3)
    assert [allowance.take(1, 0.0) for _ in range(4)] == [True, True, True, False]


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 40)), min_size=1, max_size=60))
def test_no_stretch_of_time_gets_more_than_what_it_may(asked: list[tuple[float, int]]) -> None:
    allowance = Allowance(rate=10, most=20, first=4)
    now, taken = 100.0, list[tuple[float, int]]()
    for pause, amount in asked:
        now += pause
        taken.append((now, amount if allowance.take(amount, now) else 0))
    for index, (began, _) in enumerate(taken):
        in_hand = 20 if index else 4
        total = 0
        for at, amount in taken[index:]:
            total += amount
            assert total <= in_hand + (at - began) * 10 + 1e-6
