"""Which transceivers are asked for their calls and when, and which answers make a fleet be planned anew."""

from dataclasses import replace

import pytest

from antiphon_operator.fleets import FleetKey, Transceiver
from antiphon_operator.observed import PodLoad
from antiphon_operator.poll_schedule import PollSchedule
from antiphon_wire.control import BackendState

FLEET = FleetKey("voice", "edge")


def transceiver(number: int) -> Transceiver:
    return Transceiver(FLEET, "agents", f"uid-{number}", f"agents-{number}", "192.0.2.1")


def load(live: int, *, draining: bool = False, backend: BackendState = BackendState.REACHABLE) -> PodLoad:
    return PodLoad(60, live, draining=draining, backend=backend, at=0.0)


def uids(due: list[Transceiver]) -> list[str]:
    return [one.uid for one in due]


def test_a_new_pod_is_asked_at_once_and_then_every_period() -> None:
    schedule = PollSchedule(period_s=2.0)
    schedule.keep([transceiver(1)], now=100.0)
    assert uids(schedule.due(100.0)) == ["uid-1"]
    schedule.asked("uid-1", 100.0)
    schedule.keep([transceiver(1), transceiver(2)], now=101.9)
    assert uids(schedule.due(101.9)) == ["uid-2"]
    assert uids(schedule.due(102.0)) == ["uid-2", "uid-1"], "the longest due first"


def test_a_thousand_pods_are_asked_fifty_times_a_second() -> None:
    schedule = PollSchedule(period_s=2.0)
    schedule.keep([transceiver(number) for number in range(1000)], 0.0)
    asked = 0
    for tick in range(150):
        now = tick / 5
        for one in schedule.due(now)[:10]:
            schedule.asked(one.uid, now)
            schedule.answered(one.uid, load(1))
            asked += 1
    assert asked == pytest.approx(1500, abs=10)


def test_a_pod_that_does_not_answer_is_asked_less_and_less() -> None:
    schedule = PollSchedule(period_s=2.0)
    schedule.keep([transceiver(1)], 0.0)
    now, waits = 0.0, []
    for _ in range(9):
        schedule.asked("uid-1", now)
        schedule.failed("uid-1", now)
        before = now
        while not schedule.due(now):
            now += 0.5
        waits.append(now - before)
    assert waits == [2.0, 2.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_the_last_answer_counts_until_three_questions_failed() -> None:
    schedule = PollSchedule(period_s=2.0)
    schedule.keep([transceiver(1)], 0.0)
    schedule.answered("uid-1", load(3))
    assert [schedule.failed("uid-1", 1.0) for _ in range(5)] == [False, False, True, False, False]
    assert schedule.answered("uid-1", load(3)), "an answer after silence is news"


@pytest.mark.parametrize(
    ("before", "after", "matters"),
    [
        pytest.param(load(10), load(10), False, id="the same again"),
        pytest.param(load(10), load(13), False, id="a change of a twentieth"),
        pytest.param(load(10), load(14), True, id="a change of more than a twentieth"),
        pytest.param(load(0), load(1), True, id="the first call"),
        pytest.param(load(1), load(0), True, id="the last call ended"),
        pytest.param(load(1), load(1, draining=True), True, id="it drains"),
        pytest.param(load(1), load(1, backend=BackendState.UNREACHABLE), True, id="its backend is gone"),
        pytest.param(load(1), replace(load(1), closed=True), True, id="it is overloaded"),
    ],
)
def test_an_answer_matters_where_a_plan_would_differ(before: PodLoad, after: PodLoad, *, matters: bool) -> None:
    schedule = PollSchedule(period_s=2.0)
    schedule.keep([transceiver(1)], 0.0)
    assert schedule.answered("uid-1", before)
    assert schedule.answered("uid-1", after) is matters


def test_small_changes_add_up() -> None:
    schedule = PollSchedule(period_s=2.0)
    schedule.keep([transceiver(1)], 0.0)
    told = [schedule.answered("uid-1", load(live)) for live in (10, 12, 13, 14, 15)]
    assert told == [True, False, False, True, False]


def test_a_pod_that_is_gone_is_forgotten() -> None:
    schedule = PollSchedule(period_s=2.0)
    schedule.keep([transceiver(1)], 0.0)
    schedule.keep([], 1.0)
    assert not schedule.answered("uid-1", load(1))
    assert not schedule.failed("uid-1", 1.0)
