"""How many pods are born and which go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_crds.transceiver_pool import Share, Update
from antiphon_operator.observed import NodeState, ObservedPod, TableBlockState
from antiphon_operator.pool.census import calls_at_most, take
from antiphon_operator.pool.rollout import Bounds, births, bounds, departures
from transceiver_pools import PLAIN_REVISION, load, name, pod, starting
from voice_relays import NOW

CAPACITY = 60
SEEN = (NodeState.USABLE, NodeState.CORDONED)


def old(number: int, **fields: object) -> ObservedPod:
    return pod(number, None, revision="of-yesterday", **fields)


def lost(number: int) -> ObservedPod:
    return pod(number, None, node_state=NodeState.LOST)


def cordoned(number: int) -> ObservedPod:
    return pod(number, None, node_state=NodeState.CORDONED)


def silent(number: int, **fields: object) -> ObservedPod:
    return pod(number, None, node_state=NodeState.NOT_READY, **fields)


def born(pods: list[ObservedPod], allowed: Bounds) -> int:
    return births(take(pods, "agents", PLAIN_REVISION), allowed)


def gone(pods: list[ObservedPod], allowed: Bounds, taken_out: tuple[int, ...] = ()) -> list[str]:
    states = {
        one.name: TableBlockState.DRAINING if one.name in map(name, taken_out) else TableBlockState.ACTIVE
        for one in pods
    }
    return [one.name for one in departures(take(pods, "agents", PLAIN_REVISION), allowed, CAPACITY, states)]


@pytest.mark.parametrize(
    ("desired", "surge", "unavailable", "expected"),
    [
        pytest.param(8, Share(25, is_percent=True), Share(0), Bounds(8, 10, 8), id="a quarter more, none less"),
        pytest.param(3, Share(25, is_percent=True), Share(0), Bounds(3, 4, 3), id="a share is rounded up"),
        pytest.param(4, Share(0), Share(1), Bounds(4, 4, 3), id="none more, one less"),
        pytest.param(1, Share(0), Share(3), Bounds(1, 1, 0), id="not less than none"),
        pytest.param(
            0, Share(25, is_percent=True), Share(0), Bounds(0, 1, 0), id="a share of no pods is none: one more"
        ),
    ],
)
def test_the_bounds_are_those_of_the_update(desired: int, surge: Share, unavailable: Share, expected: Bounds) -> None:
    assert bounds(desired, Update(surge, unavailable)) == expected


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        pytest.param([], 3, id="none is there"),
        pytest.param([pod(1), pod(2)], 1, id="one is missing"),
        pytest.param([pod(1), pod(2), starting(3)], 0, id="the last one starts"),
        pytest.param([pod(1), pod(2), pod(3), pod(4)], 0, id="one too many"),
        pytest.param([pod(1), pod(2), pod(3, deleted_at=NOW, deadline=NOW + 1)], 1, id="one drains and counts no more"),
        pytest.param([pod(1), pod(2), pod(3, load=load(1, draining=True))], 1, id="one was told to drain"),
        pytest.param([pod(1), pod(2), pod(3, phase="Failed")], 1, id="one failed"),
        pytest.param([old(1), old(2), old(3)], 1, id="all are outdated: one above the number"),
        pytest.param([old(1), old(2), old(3), starting(4)], 0, id="the surge is used"),
        pytest.param([pod(1), pod(2), cordoned(3)], 1, id="one has to leave its node"),
        pytest.param([lost(1), lost(2), pod(3)], 2, id="lost nodes hold no places"),
        pytest.param([silent(1), silent(2), pod(3)], 0, id="those on silent nodes keep their places"),
        pytest.param(
            [
                silent(1, revision="of-yesterday"),
                silent(2, revision="of-yesterday"),
                silent(3, revision="of-yesterday"),
            ],
            1,
            id="outdated ones on silent nodes: no more than the surge",
        ),
        pytest.param([pod(1), pod(2), pod(3, name="agents-by-hand")], 1, id="a pod that somebody made by hand"),
    ],
)
def test_births(pods: list[ObservedPod], expected: int) -> None:
    assert born(pods, Bounds(3, 4, 3)) == expected


@pytest.mark.parametrize(
    ("pods", "taken_out", "expected"),
    [
        pytest.param([pod(1), pod(2)], (), [], id="as many as are wanted"),
        pytest.param(
            [pod(1, load=load(3)), pod(2, load=load(9)), pod(3, load=load(1))], (), [3], id="the emptiest goes"
        ),
        pytest.param([pod(1, load=load(3)), pod(2, load=None), pod(3, load=load(9))], (), [1], id="silence means full"),
        pytest.param([pod(1), starting(2), pod(3)], (), [2], id="one that does not serve goes before the emptiest"),
        pytest.param(
            [pod(1), pod(2, created_at=NOW - 60), pod(3)],
            (),
            [2],
            id="of those that are equally empty the youngest goes",
        ),
        pytest.param(
            [pod(1, load=load(1)), pod(2), pod(3, load=load(2))],
            (1,),
            [1],
            id="one that was taken out of the table goes",
        ),
        pytest.param([pod(1), pod(2), pod(3), pod(4)], (), [1, 2], id="two too many"),
        pytest.param([old(1), pod(2), pod(3, load=load(5))], (), [1], id="an outdated one, when it is replaced"),
        pytest.param([old(1), pod(2), starting(3)], (), [], id="an outdated one stays until then"),
        pytest.param([old(1), old(2)], (), [], id="outdated ones stay while none is replaced"),
        pytest.param(
            [starting(1, None, revision="of-yesterday"), old(2)],
            (),
            [1],
            id="an outdated one that does not serve goes at once",
        ),
        pytest.param([old(1, load=load(5)), old(2, load=load(2)), pod(3)], (), [2], id="the emptiest outdated one"),
        pytest.param([cordoned(1), pod(2), pod(3)], (), [1], id="on a cordoned node, when it is replaced"),
        pytest.param([cordoned(1), pod(2)], (), [], id="on a cordoned node it serves until then"),
        pytest.param([lost(1), pod(2), pod(3)], (), [1], id="on a lost node, when it is replaced"),
        pytest.param([lost(1), lost(2)], (), [], id="when all nodes are lost none goes: they may come back"),
        pytest.param([silent(1), silent(2), pod(3), pod(4)], (), [], id="on silent nodes they may serve, and stay"),
        pytest.param([silent(1, revision="of-yesterday"), pod(2), pod(3)], (), [], id="outdated ones too"),
        pytest.param([silent(1), silent(2), starting(3)], (), [3], id="one that was made in vain goes before them"),
        pytest.param(
            [lost(1), lost(2), pod(3), starting(4)],
            (),
            [],
            id="on lost nodes they stay until others serve",
        ),
    ],
)
def test_departures(pods: list[ObservedPod], taken_out: tuple[int, ...], expected: list[int]) -> None:
    assert gone(pods, Bounds(2, 3, 2), taken_out) == [name(number) for number in expected]


def test_a_pod_that_must_never_serve_goes_whatever_the_bounds() -> None:
    census = take([pod(1), pod(2)], "agents", PLAIN_REVISION, frozenset({name(1)}))
    assert [one.name for one in departures(census, Bounds(2, 3, 2), CAPACITY, {})] == [name(1)]


def test_while_the_pod_is_not_known_none_is_outdated() -> None:
    census = take([old(1)], "agents", None)
    assert (len(census.current), len(census.outgoing)) == (1, 0)


KINDS = st.builds(
    lambda number, fields: (number, fields),
    st.integers(0, 1000),
    st.fixed_dictionaries(
        {
            "revision": st.sampled_from([PLAIN_REVISION, "of-yesterday"]),
            "ready": st.booleans(),
            "node_state": st.sampled_from(NodeState),
            "load": st.one_of(st.none(), st.integers(0, 60).map(load)),
            "phase": st.sampled_from(["Running", "Running", "Running", "Failed"]),
        }
    ),
)


@given(
    st.lists(KINDS, max_size=12, unique_by=lambda kind: kind[0]),
    st.integers(0, 8),
    st.integers(0, 4),
    st.integers(0, 4),
)
def test_no_round_leaves_the_bounds(
    kinds: list[tuple[int, dict[str, object]]], desired: int, surge: int, unavailable: int
) -> None:
    allowed = bounds(desired, Update(Share(surge), Share(unavailable)))
    pods = [pod(number, None, **fields) for number, fields in kinds]
    census = take(pods, "agents", PLAIN_REVISION)
    going = {one.name for one in departures(census, allowed, CAPACITY, {})}
    left = [one for one in census.live if one.name not in going]
    serving = [one for one in left if one.ready and one.node_state in SEEN]
    assert len(serving) >= min(census.available, allowed.least_available)
    holding = [one for one in census.live if one.node_state is not NodeState.LOST]
    assert len(holding) + births(census, allowed) <= max(len(holding), allowed.most)
    assert len(census.current) + births(census, allowed) <= max(len(census.current), desired)
    for alike in (census.current, census.outgoing):
        live = [one for one in alike if one.ready and one.node_state in SEEN]
        fullest_that_goes = max((calls_at_most(one, CAPACITY) for one in live if one.name in going), default=0)
        emptiest_that_stays = min((calls_at_most(one, CAPACITY) for one in live if one.name not in going), default=60)
        assert fullest_that_goes <= emptiest_that_stays
