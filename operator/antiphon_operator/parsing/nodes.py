"""What a node means for the pods on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from antiphon_operator.observed import Manifest, NodeState, ObservedNode
from antiphon_operator.parsing.fields import Fields

_UNREACHABLE: Final = "node.kubernetes.io/unreachable"
_KEEPS_AWAY: Final = frozenset({"NoSchedule", "NoExecute"})
_OF_THE_NODE_ITSELF: Final = "node.kubernetes.io/"
"""Taints that the control plane puts on a node in trouble (pressure, not ready): Kubernetes acts on those itself, and
they come and go; draining every pod of a node that is short of memory for a minute would cut more than it saves.
`unschedulable` is among them, and is read from the spec."""


@dataclass(frozen=True)
class Taint:
    key: str
    value: str
    effect: str


@dataclass(frozen=True)
class Toleration:
    key: str
    """Empty: every key."""
    value: str
    effect: str
    """Empty: every effect."""
    exists: bool
    """Whatever the value."""

    def covers(self, taint: Taint) -> bool:
        return (
            self.key in ("", taint.key)
            and self.effect in ("", taint.effect)
            and (self.exists or self.value == taint.value)
        )


@dataclass(frozen=True)
class Node:
    observed: ObservedNode
    unschedulable: bool
    taints: tuple[Taint, ...]
    """Those by which a person or an autoscaler keeps pods away."""

    def state_for(self, tolerations: tuple[Toleration, ...]) -> NodeState:
        if not self.observed.ready:
            return NodeState.NOT_READY
        return NodeState.USABLE if self.is_open_to(tolerations) else NodeState.CORDONED

    def is_open_to(self, tolerations: tuple[Toleration, ...]) -> bool:
        """Whether a new pod could be put there, were the node ready."""
        tainted = any(not any(one.covers(taint) for one in tolerations) for taint in self.taints)
        return not (self.unschedulable or tainted)


def read_node(manifest: Manifest) -> Node:
    node = Fields(manifest)
    taints = [
        Taint(taint.word("key"), taint.word("value"), taint.word("effect"))
        for taint in node.within("spec").items("taints")
    ]
    conditions = node.within("status").items("conditions")
    ready = next((one for one in conditions if one.word("type") == "Ready"), Fields(None))
    # A node that has said nothing yet is new, not lost.
    silent = ready.word("status") in ("False", "Unknown") or any(taint.key == _UNREACHABLE for taint in taints)
    name, since = node.within("metadata").word("name"), ready.moment("lastTransitionTime") or 0.0
    return Node(
        observed=ObservedNode(name, ready=not silent, since=since),
        unschedulable=node.within("spec").flag("unschedulable"),
        taints=tuple(
            taint for taint in taints if taint.effect in _KEEPS_AWAY and not taint.key.startswith(_OF_THE_NODE_ITSELF)
        ),
    )
