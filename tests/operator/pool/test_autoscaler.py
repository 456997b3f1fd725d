"""The autoscaler keeps calls free: more pods at once, fewer after a while, and nothing on guesses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_crds.transceiver_pool import FreeCapacity, Share
from antiphon_operator.observed import Manifest, ObservedPod
from antiphon_operator.pool.autoscaler import Limit, ScaleDown, Scaling, autoscaled, needed
from antiphon_operator.pool.scaling import calls_per_pod, remembered, scaling, stored_scale_down
from transceiver_pools import load, pod, starting, transceiver_pool
from voice_relays import NOW

PER_POD = 10
SETTINGS = FreeCapacity(Share(5), min_replicas=2, max_replicas=8, scale_down_stabilization_seconds=300)


def pods(*live: int | None) -> list[ObservedPod]:
    """That many calls on each; None: it does not answer."""
    return [pod(number, load=None if calls is None else load(calls, PER_POD)) for number, calls in enumerate(live)]


@pytest.mark.parametrize(
    ("calls", "target", "expected"),
    [
        pytest.param(0, Share(5), 1, id="no calls, five free"),
        pytest.param(15, Share(5), 2, id="just as many as fit"),
        pytest.param(16, Share(5), 3, id="one call more"),
        pytest.param(8, Share(20, is_percent=True), 1, id="a fifth of one pod is free"),
        pytest.param(9, Share(20, is_percent=True), 2, id="less than a fifth would be"),
        pytest.param(0, Share(20, is_percent=True), 0, id="a share of nothing"),
        pytest.param(10, Share(90, is_percent=True), 10, id="nine tenths free"),
    ],
)
def test_the_number_that_is_needed(calls: int, target: Share, expected: int) -> None:
    assert needed(calls, target, PER_POD) == expected


@given(st.integers(0, 5000), st.integers(1, 90), st.integers(1, 200))
def test_the_number_that_is_needed_is_the_smallest_that_does(calls: int, percent: int, per_pod: int) -> None:
    number = needed(calls, Share(percent, is_percent=True), per_pod)

    def does(pods: int) -> bool:
        return (pods * per_pod - calls) * 100 >= percent * pods * per_pod

    assert does(number)
    assert number == 0 or not does(number - 1)


@pytest.mark.parametrize(
    ("there", "before", "expected"),
    [
        pytest.param(pods(5, 5), Scaling(2), Scaling(2), id="enough is free"),
        pytest.param(pods(10, 10), Scaling(2), Scaling(3), id="too little is free: more at once"),
        pytest.param(pods(*[10] * 8), Scaling(8), Scaling(8, Limit.AT_MAX), id="no more than the most"),
        pytest.param(pods(0, 0), Scaling(2), Scaling(2, Limit.AT_MIN), id="no fewer than the least"),
        pytest.param(
            pods(0, 0, 0), Scaling(3), Scaling(3, Limit.WITHIN, ScaleDown(NOW, 2), 300), id="too much is free: it waits"
        ),
        pytest.param(
            pods(9, 9, 0, 0),
            Scaling(4, scale_down=ScaleDown(NOW - 100, 2)),
            Scaling(4, Limit.WITHIN, ScaleDown(NOW - 100, 3), 200),
            id="while it waits it remembers the most that was needed",
        ),
        pytest.param(
            pods(0, 0, 0, 0),
            Scaling(4, scale_down=ScaleDown(NOW - 300, 3)),
            Scaling(3, Limit.WITHIN, ScaleDown(NOW, 2), 300),
            id="when it has waited it goes to that, and waits for the rest",
        ),
        pytest.param(
            pods(0, 0, 0, 0),
            Scaling(4, scale_down=ScaleDown(NOW - 300, 2)),
            Scaling(2, Limit.AT_MIN),
            id="when it has waited it goes all the way",
        ),
        pytest.param(
            pods(10, 10, 10, 5),
            Scaling(4, scale_down=ScaleDown(NOW - 200, 2)),
            Scaling(4),
            id="a need for all of them ends the wait",
        ),
        pytest.param(
            [*pods(5), pod(1, load=load(1, PER_POD, closed=True))],
            Scaling(2),
            Scaling(2),
            id="a pod that is overloaded is full, and the other has enough",
        ),
        pytest.param(
            [*pods(6), pod(1, load=load(1, PER_POD, closed=True))],
            Scaling(2),
            Scaling(3),
            id="a pod that is overloaded is full, and the other has too little",
        ),
        pytest.param(pods(None, None), Scaling(2), Scaling(2), id="silent pods make no more pods"),
        pytest.param(pods(None, None, 0), Scaling(3), Scaling(3), id="silent pods make no fewer pods"),
        pytest.param(pods(10, 10, None), Scaling(2), Scaling(3), id="what the others say is enough to know"),
        pytest.param(
            [*pods(5, 5), *(starting(number) for number in (7, 8))],
            Scaling(4),
            Scaling(4, Limit.WITHIN, ScaleDown(NOW, 2), 300),
            id="pods that start have no calls",
        ),
        pytest.param(pods(0), Scaling(20), Scaling(8, Limit.WITHIN, ScaleDown(NOW, 2), 300), id="the most was lowered"),
        pytest.param([], Scaling(0), Scaling(2, Limit.AT_MIN), id="none is there yet"),
    ],
)
def test_the_wanted_number(there: list[ObservedPod], before: Scaling, expected: Scaling) -> None:
    assert autoscaled(there, SETTINGS, PER_POD, before, NOW) == expected


@given(st.lists(st.integers(0, 60), min_size=1, max_size=30), st.integers(2, 8))
def test_it_never_goes_below_what_was_needed_within_the_window(history: list[int], start: int) -> None:
    """Calls at intervals of 30 s, so the window holds the last ten."""
    wanted = Scaling(start)
    for minute, calls in enumerate(history):
        now = NOW + 30 * minute
        wanted = autoscaled(pods(calls), SETTINGS, PER_POD, wanted, now)
        need = max(2, min(8, needed(calls, SETTINGS.target, PER_POD)))
        assert need <= wanted.desired
        if minute and wanted.scale_down is not None:
            recent = history[max(0, minute - 10) : minute + 1]
            assert wanted.desired >= max(2, min(8, min(needed(one, SETTINGS.target, PER_POD) for one in recent)))


def test_what_it_remembers_outlives_the_operator() -> None:
    before = Scaling(4, scale_down=ScaleDown(NOW, 3))
    assert before.scale_down is not None
    status: Manifest = {"desiredReplicas": 4, "scaleDown": (stored_scale_down(before.scale_down))}
    assert remembered(status) == before
    assert remembered({}) is None
    assert remembered({"desiredReplicas": 4, "scaleDown": {"startTime": "nonsense"}}) == Scaling(4)


@pytest.mark.parametrize(
    ("capacities", "expected"),
    [
        pytest.param([], 60, id="nobody has said anything"),
        pytest.param([60, 60], 60, id="all carry what they may"),
        pytest.param([60, 41], 50, id="one carries less: the mean"),
        pytest.param([90], 60, id="no more than they may, of pods that the resource has changed under"),
        pytest.param([0], 1, id="never none"),
    ],
)
def test_a_pod_counts_for_what_the_pods_have_measured(capacities: list[int], expected: int) -> None:
    there = [pod(number, load=load(0, capacity)) for number, capacity in enumerate(capacities)]
    assert calls_per_pod([*there, starting(9)], 60) == expected


def test_pods_that_carry_less_are_more() -> None:
    pool = transceiver_pool(
        "{relayRef: {name: edge}, backend: {type: Echo},"
        " scaling: {mode: FreeCapacity, freeCapacity: {target: 10, maxReplicas: 9}}}"
    )
    there = [pod(number, load=load(20, 30)) for number in range(2)]
    assert scaling(pool, {"desiredReplicas": 1}, there, NOW) == Scaling(2)
    there = [pod(number, load=load(20, 60)) for number in range(2)]
    assert scaling(pool, {"desiredReplicas": 1}, there, NOW) == Scaling(1)


@pytest.mark.parametrize("mode", ["Fixed", "External"])
def test_people_and_other_scalers_are_obeyed(mode: str) -> None:
    pool = transceiver_pool(
        f"{{relayRef: {{name: edge}}, backend: {{type: Echo}}, replicas: 7, scaling: {{mode: {mode}}}}}"
    )
    assert scaling(pool, {"desiredReplicas": 3}, pods(60, 60), NOW) == Scaling(7)
