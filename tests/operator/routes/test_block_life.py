"""A block's state follows its pod."""

from dataclasses import replace

import pytest

from antiphon_operator.observed import NodeState, ObservedPod, TableBlock, TableBlockState
from antiphon_operator.routes.block_life import TRANSITIONS, Sighting, adopted, advanced
from transceiver_pools import block, first, load, pod, reservation, starting
from voice_relays import NOW

RESERVED, ACTIVE = TableBlockState.RESERVED, TableBlockState.ACTIVE
DRAINING, LOST = TableBlockState.DRAINING, TableBlockState.LOST

SERVING = pod(1)
DELETED = pod(1, deleted_at=NOW - 5, deadline=NOW + 3625)
UNREADY = pod(1, containers_ready=False, ready=False)
FAILED = pod(1, phase="Failed", containers_ready=False, ready=False)


def test_every_state_knows_every_sighting() -> None:
    assert set(TRANSITIONS) == {(state, sighting) for state in TableBlockState for sighting in Sighting}


def test_a_block_that_readers_saw_never_goes_without_being_lost_first() -> None:
    assert all(after is not RESERVED for (before, _), after in TRANSITIONS.items() if before is not RESERVED)


@pytest.mark.parametrize(
    ("before", "seen", "after"),
    [
        pytest.param(RESERVED, None, RESERVED, id="its pod is not made yet"),
        pytest.param(RESERVED, starting(1), RESERVED, id="its pod starts"),
        pytest.param(RESERVED, SERVING, ACTIVE, id="its pod serves for the first time"),
        pytest.param(RESERVED, starting(1, deleted_at=NOW, deadline=NOW), RESERVED, id="its pod goes before it served"),
        pytest.param(RESERVED, starting(1, phase="Failed"), RESERVED, id="its pod failed before it served"),
        pytest.param(ACTIVE, SERVING, ACTIVE, id="its pod serves on"),
        pytest.param(ACTIVE, UNREADY, DRAINING, id="its pod serves no more"),
        pytest.param(ACTIVE, pod(1, node_state=NodeState.LOST), DRAINING, id="its pod's node is lost"),
        pytest.param(ACTIVE, pod(1, node_state=NodeState.NOT_READY), ACTIVE, id="nothing is heard of its node"),
        pytest.param(RESERVED, pod(1, node_state=NodeState.NOT_READY), RESERVED, id="it was never seen to serve"),
        pytest.param(DRAINING, pod(1, node_state=NodeState.NOT_READY), DRAINING, id="it is not seen to serve again"),
        pytest.param(
            ACTIVE,
            pod(1, node_state=NodeState.NOT_READY, containers_ready=False),
            DRAINING,
            id="it failed before its node fell silent",
        ),
        pytest.param(ACTIVE, pod(1, node_state=NodeState.CORDONED), ACTIVE, id="its pod waits to be replaced"),
        pytest.param(ACTIVE, DELETED, DRAINING, id="its pod is deleted"),
        pytest.param(ACTIVE, pod(1, load=load(3, draining=True)), DRAINING, id="its pod was told to drain"),
        pytest.param(ACTIVE, FAILED, LOST, id="its pod failed"),
        pytest.param(ACTIVE, None, LOST, id="its pod is gone"),
        pytest.param(DRAINING, SERVING, ACTIVE, id="its pod serves again"),
        pytest.param(DRAINING, None, LOST, id="its pod has finished"),
        pytest.param(LOST, None, LOST, id="it stays lost"),
    ],
)
def test_a_block_follows_its_pod(before: TableBlockState, seen: ObservedPod | None, after: TableBlockState) -> None:
    lost_at = NOW - 60 if before is LOST else None
    assert advanced(block(SERVING, before, lost_at=lost_at), seen, in_a_pool=True, now=NOW).state is after


def test_an_active_block_says_where_its_pod_is() -> None:
    found = advanced(reservation(1), SERVING, in_a_pool=True, now=NOW)
    assert (found.hop, found.control) == ("10.244.0.11:7200", "10.244.0.11:7300")
    six = advanced(reservation(1), pod(1, ip="fd00::7"), in_a_pool=True, now=NOW)
    assert (six.hop, six.control) == ("[fd00::7]:7200", "[fd00::7]:7300")


def test_a_lost_block_keeps_where_its_pod_was_and_says_when_it_went() -> None:
    found = advanced(block(SERVING), None, in_a_pool=True, now=NOW + 0.7)
    assert found == block(SERVING, LOST, lost_at=NOW)
    assert advanced(found, None, in_a_pool=True, now=NOW + 60) == found


def test_a_block_of_a_pool_that_is_gone_drains_while_its_pod_is_there() -> None:
    assert advanced(block(SERVING), SERVING, in_a_pool=False, now=NOW).state is DRAINING


def test_a_pod_that_is_there_after_all_gets_its_block_back() -> None:
    """It was declared lost on an old view."""
    found = advanced(block(SERVING, LOST, lost_at=NOW - 5), SERVING, in_a_pool=True, now=NOW)
    assert found == block(SERVING)


def test_a_pod_that_was_made_after_its_block_was_lost_does_not_get_it() -> None:
    lost = block(SERVING, LOST, lost_at=NOW - 60)
    again = pod(1, created_at=NOW - 30, ready=False, routes_published=False)
    assert advanced(lost, again, in_a_pool=True, now=NOW) == lost
    assert advanced(lost, pod(1, created_at=NOW - 30), in_a_pool=True, now=NOW) == block(SERVING)


@pytest.mark.parametrize(
    ("before", "state"),
    [
        pytest.param(reservation(1), RESERVED, id="the name of a reservation gives it no address"),
        pytest.param(block(SERVING, control="10.9.9.9:7300"), LOST, id="another had the name"),
        pytest.param(block(SERVING), DRAINING, id="its pool was deleted without it"),
    ],
)
def test_a_pod_that_no_pool_owns(before: TableBlock, state: TableBlockState) -> None:
    found = advanced(before, pod(1, is_disowned=True), in_a_pool=False, now=NOW)
    assert found == replace(before, state=state, lost_at=NOW if state is LOST else None)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(SERVING, block(SERVING), id="it serves"),
        pytest.param(UNREADY, block(SERVING, DRAINING), id="it served once"),
        pytest.param(DELETED, block(SERVING, DRAINING), id="it drains"),
        pytest.param(FAILED, block(SERVING, LOST, lost_at=NOW), id="it failed after it had served"),
        pytest.param(starting(1), reservation(1), id="it starts"),
        pytest.param(pod(1, is_disowned=True), None, id="no pool owns it"),
        pytest.param(pod(1, first_route=None), None, id="it has no routes"),
        pytest.param(pod(1, first_route=first(1) + 1), None, id="its first route begins no block"),
        pytest.param(pod(1, name="agents"), None, id="its name is none of ours"),
    ],
)
def test_a_pod_that_no_table_knows_brings_its_block(seen: ObservedPod, expected: TableBlock | None) -> None:
    assert adopted(seen, in_a_pool=True, now=NOW) == expected


@pytest.mark.parametrize("seen", [SERVING, DELETED, UNREADY, FAILED, None], ids=lambda seen: seen and seen.phase)
def test_to_advance_twice_is_to_advance_once(seen: ObservedPod | None) -> None:
    once = advanced(block(SERVING), seen, in_a_pool=True, now=NOW)
    assert advanced(once, seen, in_a_pool=True, now=NOW + 1) is once
