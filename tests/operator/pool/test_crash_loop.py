"""Pods that fail soon after their birth are made anew ever more slowly, and some are kept to be looked at."""

import pytest

from antiphon_operator.observed import ObservedPod
from antiphon_operator.pool.census import take
from antiphon_operator.pool.crash_loop import FIRST_WAIT_S, KEPT, YOUNG_S, CrashLoop, crash_loop
from transceiver_pools import PLAIN_REVISION, failed, name, pod, starting
from voice_relays import NOW


def seen(*pods: ObservedPod, revision: str = PLAIN_REVISION, now: float = NOW) -> CrashLoop:
    return crash_loop(take(pods, "agents", revision), revision, now)


def attempts(number: int) -> list[ObservedPod]:
    """The latest has ended just now."""
    return [failed(one, born=NOW - 20 * (number - one), ended=NOW - 20 * (number - one - 1)) for one in range(number)]


@pytest.mark.parametrize(
    ("pods", "births"),
    [
        pytest.param([], None, id="no failure"),
        pytest.param([failed(1, born=NOW - 5, ended=NOW)], 0, id="just failed: none yet"),
        pytest.param([failed(1, born=NOW - 30, ended=NOW - 10)], 1, id="after ten seconds one is tried"),
        pytest.param([failed(1, born=NOW - 30, ended=NOW - 10), starting(2)], 0, id="while one is tried no other is"),
        pytest.param(
            [failed(1, born=NOW - 30, ended=NOW - 10), pod(2, created_at=NOW - 5)],
            None,
            id="one that was made since serves",
        ),
        pytest.param(
            [failed(1, born=NOW - 30, ended=NOW - 10), pod(2, created_at=NOW - 25)],
            1,
            id="that an older one serves says nothing",
        ),
        pytest.param([failed(1, born=NOW - YOUNG_S - 1, ended=NOW)], None, id="it had served long enough"),
        pytest.param([failed(1, born=NOW - YOUNG_S - 9, ended=NOW - YOUNG_S)], None, id="it is long ago"),
        pytest.param([pod(1, phase="Succeeded", ended_at=NOW, created_at=NOW - 5)], None, id="it ended in order"),
        pytest.param(
            [pod(1, phase="Succeeded", ended_at=NOW, created_at=NOW - 5, routes_published=False)],
            0,
            id="it ended in order and never served",
        ),
    ],
)
def test_how_many_may_be_made(pods: list[ObservedPod], births: int | None) -> None:
    assert seen(*pods).births == births


def test_a_failure_of_another_revision_counts_for_nothing() -> None:
    assert seen(failed(1, born=NOW - 5, ended=NOW), revision="of-today").births is None


@pytest.mark.parametrize("number", range(1, KEPT + 1))
def test_every_further_attempt_waits_twice_as_long(number: int) -> None:
    found = seen(*attempts(number))
    assert (found.births, found.attempts) == (0, number)
    assert found.requeue_after_s == FIRST_WAIT_S * 2 ** (number - 1)
    assert seen(*attempts(number), now=NOW + FIRST_WAIT_S * 2 ** (number - 1)).births == 1


def test_pods_that_fail_together_are_one_attempt() -> None:
    assert seen(*(failed(number, born=NOW - 9, ended=NOW - number) for number in range(4))).attempts == 1


def test_the_latest_failures_are_kept_and_the_latest_is_named() -> None:
    found = seen(*(failed(number, born=NOW - 100, ended=NOW - number) for number in range(KEPT + 3)))
    assert found.kept == {name(number) for number in range(KEPT)}
    assert found.latest is not None
    assert found.latest.name == name(0)


def test_it_looks_again_when_the_first_failure_need_not_be_kept_any_more() -> None:
    old = failed(1, born=NOW - 100, ended=NOW - 60)
    assert seen(old, pod(2, created_at=NOW - 30)).requeue_after_s == YOUNG_S - 60
