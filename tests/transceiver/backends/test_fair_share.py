from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.backends.fair_share import SHARE, FairShare


def test_work_that_leaves_the_others_their_time_is_not_held_up() -> None:
    share, now = FairShare(), 50.0
    for _ in range(1000):
        now += 0.010
        assert share.pause_after(0.0015, now) == 0.0


def test_work_without_a_pause_is_interrupted_after_five_milliseconds() -> None:
    share, now, worked = FairShare(), 50.0, 0.0
    pause = 0.0
    while not pause:
        now += 0.0001
        worked += 0.0001
        pause = share.pause_after(0.0001, now)
    assert 0.005 <= worked < 0.007
    assert pause >= 0.008


@given(st.lists(st.floats(0, 0.01), min_size=1, max_size=300))
def test_who_keeps_the_pauses_takes_a_fifth_of_the_time(pieces: list[float]) -> None:
    share, began = FairShare(), 50.0
    now, worked = began, 0.0
    for piece in pieces:
        now += piece
        worked += piece
        now += share.pause_after(piece, now)
        # What was saved, what may be owed, and the piece that went beyond it.
        assert worked <= (now - began) * SHARE + 0.005 + piece + 1e-9
