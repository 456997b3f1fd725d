from __future__ import annotations

import asyncio
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.media.pacer import TICK_S, Pacer, Schedule
from media_pair import Clock, never


class Member:
    def __init__(self) -> None:
        self.ticks: list[int] = []

    def tick(self, number: int, now: float) -> None:
        self.ticks.append(number)

    def tick_failed(self) -> None:
        never()


class FaultyMember:
    def __init__(self) -> None:
        self.failures = 0

    def tick(self, number: int, now: float) -> None:
        raise RuntimeError("a fault of one call")

    def tick_failed(self) -> None:
        self.failures += 1


def test_ticks_that_are_a_little_late_are_all_made_up_for() -> None:
    clock = Clock()
    pacer, member = Pacer(clock), Member()
    pacer.join(member)
    for late in (0.0, 0.0, 0.045, 0.0, 0.0):
        clock.now += TICK_S + late
        pacer.turn()
    assert member.ticks == list(range(8))
    assert pacer.statistics().skipped == 0
    assert pacer.statistics().late >= 2


def test_after_a_long_stall_only_the_last_few_are_made_up_for() -> None:
    clock = Clock()
    pacer, member = Pacer(clock), Member()
    pacer.join(member)
    pacer.turn()
    clock.now += 1.0
    pacer.turn()
    assert member.ticks == [0, 48, 49, 50]
    statistics = pacer.statistics()
    assert (statistics.ticks, statistics.skipped) == (4, 47)
    assert statistics.worst_lateness_ms == pytest.approx(40, abs=0.01)


@given(st.lists(st.floats(0.0, 0.3), max_size=200))
def test_whatever_the_sleeps_numbers_go_up_and_deadlines_do_not_drift(sleeps: list[float]) -> None:
    schedule, now, numbers = Schedule(50.0), 50.0, list[int]()
    for sleep in sleeps:
        turn = schedule.turn(now)
        numbers += range(turn.first, turn.last + 1)
        assert turn.last - turn.first < 3
        assert now < turn.wake_at <= now + TICK_S + 1e-6
        assert turn.wake_at == pytest.approx(50.0 + round((turn.wake_at - 50.0) / TICK_S) * TICK_S)
        now = turn.wake_at + sleep
    assert numbers == sorted(set(numbers))
    assert all(number <= (now - 50.0) / TICK_S for number in numbers)


def test_a_faulty_call_is_told_and_thrown_out_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    pacer, member, faulty = Pacer(clock), Member(), FaultyMember()
    pacer.join(faulty)
    pacer.join(member)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            clock.now += TICK_S
            pacer.turn()
    assert member.ticks == [0, 1, 2, 3]
    assert faulty.failures == 1
    assert len(caplog.records) == 1


def test_a_member_that_left_during_a_tick_is_not_called() -> None:
    clock = Clock()
    pacer, last = Pacer(clock), Member()

    class Leaver(Member):
        def tick(self, number: int, now: float) -> None:
            pacer.leave(last)

    pacer.join(Leaver())
    pacer.join(last)
    pacer.turn()
    assert last.ticks == []


async def test_it_runs_by_itself_and_never_before_the_time() -> None:
    pacer, done = Pacer(), asyncio.Event()
    early: list[int] = []

    class Timed(Member):
        def tick(self, number: int, now: float) -> None:
            super().tick(number, now)
            if number > pacer.tick_number(now) + 1e-6:
                early.append(number)
            if len(self.ticks) == 10:
                done.set()

    pacer.join(Timed())
    running = asyncio.create_task(pacer.run())
    async with asyncio.timeout(10):
        await done.wait()
    running.cancel()
    assert early == []
