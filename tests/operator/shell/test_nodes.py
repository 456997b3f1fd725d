"""When nodes fell silent and came back, by our own clock."""

from dataclasses import dataclass

import pytest

from antiphon_operator.conditions import timestamp
from antiphon_operator.node_loss import judged_at, lost_nodes
from antiphon_operator.nodes import Nodes
from antiphon_operator.observed import ObservedNode
from antiphon_operator.parsing.pods import read_pod
from antiphon_wire.cluster.manifest import ObjectKey
from antiphon_wire.cluster.object_store import Change, ChangeKind

NOW = 1_795_240_800.0
ANY_POD = read_pod({})


@dataclass
class Cluster:
    """Whose control plane's clock is so far ahead of ours."""

    ahead_s: float = 0.0
    now: float = NOW

    def __post_init__(self) -> None:
        self.nodes = Nodes(lambda: self.now)

    def says(self, name: str, *, ready: bool = True, ago_s: float = 0.0, status: str = "Unknown") -> frozenset[str]:
        since = timestamp(self.now + self.ahead_s - ago_s)
        condition = {"type": "Ready", "status": "True" if ready else status, "lastTransitionTime": since}
        manifest = {"metadata": {"name": name}, "status": {"conditions": [condition]}}
        return self.nodes.heard(Change(ChangeKind.MODIFIED, ObjectKey("", name), manifest))

    def seen(self) -> tuple[ObservedNode, ...]:
        return self.nodes.of([ANY_POD])


@pytest.mark.parametrize("ahead_s", [-3600, -16, 0, 16, 3600])
def test_nodes_that_fall_silent_together_do_so_by_our_clock(ahead_s: float) -> None:
    cluster = Cluster(ahead_s)
    for number in range(5):
        cluster.says(f"n{number}", ago_s=7200)
    cluster.says("n0", ready=False)
    cluster.now += 3
    cluster.says("n1", ready=False)
    assert judged_at(cluster.seen(), cluster.now) == cluster.now + 15
    cluster.now += 900
    cluster.says("n1")
    assert lost_nodes(cluster.seen(), cluster.now) == frozenset(), "it came back, so the other may"
    assert cluster.seen()[1] == ObservedNode("n1", ready=True, since=cluster.now, was_silent_since=NOW + 3)
    assert lost_nodes(cluster.seen(), cluster.now + 15) == {"n0"}


def test_what_was_before_we_looked_is_by_the_condition_but_not_in_the_future() -> None:
    cluster = Cluster()
    cluster.says("n0", ready=False, ago_s=60)
    cluster.says("n1", ago_s=-60)
    assert cluster.seen() == (
        ObservedNode("n0", ready=False, since=NOW - 60),
        ObservedNode("n1", ready=True, since=NOW),
    )


def test_a_node_that_stays_silent_has_been_since_it_fell_silent() -> None:
    """First its kubelet says that it ends, and then nothing."""
    cluster = Cluster()
    cluster.says("n0", ready=False, ago_s=60, status="False")
    assert cluster.says("n0", ready=False) == frozenset(), "no news"
    assert cluster.seen() == (ObservedNode("n0", ready=False, since=NOW - 60),)
