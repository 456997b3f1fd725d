"""Who may lead, judged from what a Lease said and when this replica saw it first."""

import pytest

from antiphon_operator.lease import Record, Sighting, Step, Timing, next_step, sighted, transitions_after

TIMING = Timing(duration_s=15)
MINE = Record("me", "7")
THEIRS = Record("other", "7")
RELEASED = Record("", "7")


@pytest.mark.parametrize(
    ("sighting", "now", "step"),
    [
        pytest.param(None, 100.0, Step.CREATE, id="there is no Lease yet, so it is made"),
        pytest.param(Sighting(MINE, 100.0), 100.0, Step.RENEW, id="mine is renewed"),
        pytest.param(Sighting(MINE, 100.0), 500.0, Step.RENEW, id="mine is renewed after an outage that nobody used"),
        pytest.param(Sighting(THEIRS, 100.0), 114.9, Step.WAIT, id="another's is left alone for its whole duration"),
        pytest.param(Sighting(THEIRS, 100.0), 115.0, Step.TAKE, id="another's that never changed since is taken"),
        pytest.param(Sighting(RELEASED, 100.0), 100.0, Step.TAKE, id="a released one is taken at once"),
    ],
)
def test_the_next_step(sighting: Sighting | None, now: float, step: Step) -> None:
    assert next_step("me", sighting, now, TIMING) is step


def test_a_renewal_begins_the_wait_anew() -> None:
    first = sighted(None, THEIRS, 100.0)
    assert sighted(first, THEIRS, 110.0) == Sighting(THEIRS, 100.0)
    renewed = Record("other", "8")
    assert sighted(first, renewed, 110.0) == Sighting(renewed, 110.0)
    assert sighted(first, None, 110.0) is None


@pytest.mark.parametrize(
    ("before", "transitions"),
    [
        pytest.param(None, 0, id="the first holder"),
        pytest.param(Record("me", "1", 4), 4, id="the same holder again"),
        pytest.param(Record("other", "1", 4), 5, id="another holder"),
        pytest.param(Record("", "1", 4), 5, id="after a release"),
    ],
)
def test_transitions_are_counted(before: Record | None, transitions: int) -> None:
    assert transitions_after("me", before) == transitions


@pytest.mark.parametrize("duration_s", [3, 15, 60, 300])
def test_what_an_old_leader_sends_has_ended_before_another_begins(duration_s: int) -> None:
    timing = Timing(duration_s)
    assert timing.renew_deadline_s + timing.request_timeout_s < duration_s
    assert timing.request_timeout_s <= timing.renew_deadline_s / 2
    # One renewal that fails is not yet the end.
    assert timing.retry_s * 2 + timing.request_timeout_s < timing.renew_deadline_s
