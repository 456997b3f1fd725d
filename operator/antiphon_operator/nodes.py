"""The cluster's nodes: what the watch told of them, and when each fell silent or came back."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from time import time

from antiphon_operator.observed import NodeState, ObservedNode
from antiphon_operator.parsing.nodes import Node, read_node
from antiphon_operator.parsing.pods import PodRecord
from antiphon_wire.cluster.object_store import Change, ChangeKind


class Nodes:
    def __init__(self, clock: Callable[[], float] = time) -> None:
        self._clock = clock
        self._nodes: dict[str, Node] = {}

    def heard(self, change: Change) -> frozenset[str]:
        """The nodes whose pods that concerns; none: it is no news."""
        name = change.key.name
        before = self._nodes.get(name)
        after = None if change.kind is ChangeKind.DELETED else self._timed(read_node(change.manifest), before)
        if before == after:
            return frozenset()
        if after is None:
            del self._nodes[name]
        else:
            self._nodes[name] = after
        # How many nodes are silent decides what becomes of the pods on each of them.
        return frozenset({name} | {one for one, node in self._nodes.items() if not node.observed.ready})

    def state_for(self, record: PodRecord) -> NodeState:
        if record.pod.node is None:
            return NodeState.USABLE
        node = self._nodes.get(record.pod.node)
        return NodeState.LOST if node is None else node.state_for(record.placement)

    def of(self, records: Collection[PodRecord]) -> tuple[ObservedNode, ...]:
        """Those that the pods are on, and those that they could be put on."""
        names, placements = {record.pod.node for record in records}, {record.placement for record in records}
        return tuple(
            node.observed
            for name, node in self._nodes.items()
            if name in names or any(node.could_take(one) for one in placements)
        )

    def _timed(self, node: Node, before: Node | None) -> Node:
        """With the times of its changes by our clock: that of whoever wrote the condition may differ.

        Of a change that came before we first heard of the node the condition's time is all there is.
        """
        now, seen = self._clock(), node.observed
        if before is None:
            return replace(node, observed=replace(seen, since=min(seen.since, now)))
        was = before.observed
        if was.ready == seen.ready:
            return replace(node, observed=was)
        return replace(node, observed=replace(seen, since=now, was_silent_since=None if was.ready else was.since))
