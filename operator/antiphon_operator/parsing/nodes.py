"""What a node means for the pods on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from antiphon_operator.observed import Manifest, NodeState, ObservedNode
from antiphon_operator.parsing.fields import Fields
from antiphon_operator.parsing.placement import NAME_FIELD, Placement, Taint

_UNREACHABLE: Final = "node.kubernetes.io/unreachable"
_KEEPS_AWAY: Final = frozenset({"NoSchedule", "NoExecute"})
_OF_THE_NODE_ITSELF: Final = "node.kubernetes.io/"
"""Taints that the control plane puts on a node in trouble (pressure, not ready): Kubernetes acts on those itself, and
they come and go; draining every pod of a node that is short of memory for a minute would cut more than it saves.
`unschedulable` is among them, and is read from the spec."""


@dataclass(frozen=True)
class Node:
    observed: ObservedNode
    unschedulable: bool
    taints: tuple[Taint, ...]
    """Those by which a person or an autoscaler keeps pods away."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """With its name as a node selector calls it."""

    def state_for(self, placement: Placement) -> NodeState:
        if not self.observed.ready:
            return NodeState.NOT_READY
        return NodeState.USABLE if self._is_open_to(placement) else NodeState.CORDONED

    def could_take(self, placement: Placement) -> bool:
        """Whether a new pod could be put there, were the node ready."""
        return self._is_open_to(placement) and placement.wants(self.labels)

    def _is_open_to(self, placement: Placement) -> bool:
        # A label that it lost sends no pod away that is there: so says Kubernetes ("IgnoredDuringExecution").
        return not self.unschedulable and all(placement.tolerates(taint) for taint in self.taints)


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
        labels={**node.within("metadata", "labels").named_texts(), NAME_FIELD: name},
    )
