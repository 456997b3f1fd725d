"""A silent node is lost, unless so many are silent that it is rather the way to them."""

from dataclasses import replace

import pytest

from antiphon_operator.node_loss import Outage, judged_at, lost_nodes, outage
from antiphon_operator.observed import ObservedNode

NOW = 1_000_000.0
LONG_AGO = NOW - 3600


def ready(count: int, since: float = LONG_AGO) -> tuple[ObservedNode, ...]:
    return tuple(ObservedNode(f"ready-{number}", ready=True, since=since) for number in range(count))


def silent(*ages_s: float) -> tuple[ObservedNode, ...]:
    """Named by their place."""
    return tuple(ObservedNode(f"silent-{place}", ready=False, since=NOW - age_s) for place, age_s in enumerate(ages_s))


def back(silent_s: float, ready_s: float) -> tuple[ObservedNode, ...]:
    """Fell silent and came back so long ago."""
    since, fell_silent = NOW - ready_s, NOW - silent_s
    return (ObservedNode(f"back-{silent_s}", ready=True, since=since, was_silent_since=fell_silent),)


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        pytest.param((), None, id="no nodes"),
        pytest.param(ready(3), None, id="all are ready"),
        pytest.param((*ready(1), *silent(60)), None, id="one of two"),
        pytest.param((*ready(1), *silent(60, 60)), None, id="two of three: there is still a node for their pods"),
        pytest.param((*ready(3), *silent(60, 60, 60)), None, id="half of them"),
        pytest.param((*ready(2), *silent(60, 60, 60)), Outage(3, 5), id="three of five"),
        pytest.param((*ready(9), *silent(*[60] * 11)), Outage(11, 20), id="exactly 55 %"),
        pytest.param((*ready(10), *silent(*[60] * 11)), None, id="a little less"),
        pytest.param(silent(60, 60), Outage(2, 2), id="all of two"),
        pytest.param(silent(60), Outage(1, 1), id="the only one: its pods could go nowhere"),
    ],
)
def test_when_silence_says_nothing_of_a_node(nodes: tuple[ObservedNode, ...], expected: Outage | None) -> None:
    assert outage(nodes) == expected


@pytest.mark.parametrize(
    ("nodes", "lost", "judged_in_s"),
    [
        pytest.param(ready(3), [], None, id="all are ready"),
        pytest.param((*ready(4), *silent(0)), [0], None, id="one alone, at once"),
        pytest.param((*ready(4, NOW - 1), *silent(0)), [0], None, id="one alone, among nodes that are new"),
        pytest.param((*ready(4), *silent(86_400, 0)), [0, 1], None, id="one alone, beside one of yesterday"),
        pytest.param((*ready(4), *silent(5, 0)), [0], 15, id="a second one so soon after: there may be more"),
        pytest.param((*ready(4), *silent(0.1, 0)), [], 15, id="both found in one look"),
        pytest.param((*ready(4), *silent(19, 14)), [0], 1, id="they may be found one after the other"),
        pytest.param((*ready(4), *silent(20, 15)), [0, 1], None, id="there were no more"),
        pytest.param((*ready(9), *silent(900, 899, 4, 3)), [0, 1, 2], 12, id="what comes later concerns its own only"),
        pytest.param((*ready(2), *silent(12, 10, 9)), [], None, id="there were more: none of them"),
        pytest.param(silent(0), [], None, id="the only one"),
        pytest.param(silent(3600, 3600), [], None, id="all of them, however long"),
        pytest.param(
            (*back(901, 2), *back(905, 4), *ready(1), *silent(900, 899)),
            [],
            13,
            id="after an outage the last ones may come back too",
        ),
        pytest.param((*back(900, 2), *ready(1), *silent(900)), [], 13, id="the last one too"),
        pytest.param((*back(900, 15), *ready(3), *silent(900, 899)), [0, 1], None, id="they did not"),
        pytest.param((*back(10, 5), *ready(3), *silent(1)), [], 14, id="another was silent for a moment only"),
        pytest.param(
            (*back(3, 1), *ready(4, NOW - 1), *silent(3600, 3599)), [0, 1], None, id="a node that comes and goes"
        ),
        pytest.param(
            (*ready(4, NOW + 3600), *silent(-3600, -3599)),
            [0, 1],
            None,
            id="a clock that was set back holds nothing up",
        ),
    ],
)
def test_which_nodes_are_lost(nodes: tuple[ObservedNode, ...], lost: list[int], judged_in_s: float | None) -> None:
    assert lost_nodes(nodes, NOW) == {f"silent-{place}" for place in lost}
    assert judged_at(nodes, NOW) == (None if judged_in_s is None else NOW + judged_in_s)


def test_nodes_that_come_and_go_put_off_nothing_for_ever() -> None:
    """Two died together; of the others one is always just back, or just new."""
    for at in range(300):
        fell_silent = NOW + at - at % 7
        flapping = ObservedNode("flapping", ready=at % 7 > 3, since=fell_silent + 4 * (at % 7 > 3))
        if flapping.ready:
            flapping = replace(flapping, was_silent_since=fell_silent)
        nodes = (*ready(6), *ready(1, NOW + at), *silent(1, 0), flapping)
        # At the beginning it can fall silent together with them.
        if at >= 40:
            assert {"silent-0", "silent-1"} <= lost_nodes(nodes, NOW + at)
