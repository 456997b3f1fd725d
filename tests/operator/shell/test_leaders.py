"""Two operators at once, and an API server that goes away: one acts at a time, and nothing is made twice."""

import time

import pytest

from kwok_fleet import KwokFleet
from operator_process import LEASE_S, OperatorProcess

pytestmark = pytest.mark.cluster

LOST_LEASE = 3
OUTAGE_S = 30.0


def leads(operator: OperatorProcess) -> bool:
    return operator.metric("antiphon_operator_leads") == 1.0


def test_a_standby_is_ready_and_takes_over_when_the_leader_is_killed(fleet: KwokFleet) -> None:
    with fleet.operator("operator-a") as first, fleet.operator("operator-b") as second:
        first.wait_ready()
        second.wait_ready()
        first.wait_for(lambda: leads(first) or leads(second), "one leads")
        leader, standby = (first, second) if leads(first) else (second, first)
        assert not leads(standby)
        fleet.apply(replicas=3)
        fleet.wait_converged(3)
        assert standby.metric("antiphon_operator_actions_total") == 0.0
        leader.kill()
        fleet.scale(5)
        standby.wait_leads()
        fleet.wait_converged(5)
    fleet.assert_nothing_twice()


def test_a_leader_that_slept_past_its_lease_acts_no_more(fleet: KwokFleet) -> None:
    with fleet.operator("operator-a") as first:
        first.wait_leads()
        fleet.apply(replicas=10)
        # It sleeps in the middle of its work.
        first.wait_for(lambda: len(fleet.blocks()) == 10, "it has begun")
        first.pause()
        with fleet.operator("operator-b") as second:
            second.wait_leads()
            fleet.scale(14)
            first.resume()
            assert first.exit_code() == LOST_LEASE
            fleet.wait_converged(14)
            # Its container is started anew, and stands by.
            first.start()
            first.wait_ready()
            fleet.scale(12)
            fleet.wait_converged(12)
            assert not leads(first)
            assert leads(second)
    fleet.assert_nothing_twice()


def test_two_operators_that_change_places_all_the_time(fleet: KwokFleet) -> None:
    """Each is put to sleep for longer than its lease lasts, again and again, while the fleet grows and shrinks."""
    with fleet.operator("operator-a") as first, fleet.operator("operator-b") as second:
        fleet.apply(replicas=4)
        fleet.wait_converged(4)
        for replicas in (12, 6, 15):
            leader = first if leads(first) else second
            other = second if leader is first else first
            fleet.scale(replicas)
            leader.pause()
            other.wait_leads()
            leader.resume()
            assert leader.exit_code() == LOST_LEASE
            leader.start()
            leader.wait_ready()
        fleet.wait_converged(15)
    fleet.assert_nothing_twice()


@pytest.mark.timeout(420)
def test_the_api_server_is_away_for_half_a_minute(fleet: KwokFleet) -> None:
    plane = fleet.kwok.control_plane
    with fleet.operator() as operator:
        fleet.apply(replicas=5)
        fleet.wait_converged(5)
        fleet.scale(8)
        plane.stop_api_server()
        try:
            gone = time.monotonic()
            operator.wait_for(lambda: not leads(operator), "it does not act any more")
            assert time.monotonic() - gone < LEASE_S, "it stops before another may lead"
            operator.wait_for(lambda: time.monotonic() - gone > OUTAGE_S, "the outage is long", 2 * OUTAGE_S)
            assert operator.running
            assert operator.answers("/livez"), "a new process would not bring the API server back"
        finally:
            plane.start_api_server()
        back = time.monotonic()
        operator.wait_leads()
        assert time.monotonic() - back < 20
        fleet.wait_converged(8)
        fleet.scale(3)
        fleet.wait_converged(3)
        assert operator.running, "the same process goes on"
    fleet.assert_nothing_twice()
