"""Which of the nodes that are not ready are lost. Pure.

A node is not ready when the control plane does not hear of it. That one is silent says that it is lost, and its pods
are replaced at once. That most are silent at the same time says more of the network between them and the control plane
than of them: their pods may still have calls, and new ones would find no node. So nothing is decided on it, which is
what Kubernetes does too; the rule and its numbers are those of its node lifecycle controller (ComputeZoneState).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from antiphon_operator.observed import Fleet, NodeState, ObservedNode, ObservedPool

OUTAGE_SHARE: Final = 0.55
OUTAGE_NODES: Final = 3
TOGETHER_S: Final = 15.0
"""Nodes that fall silent together are found so within this time: a kubelet reports every 10 s, and the control plane
looks every 5 s. The same holds for their return."""
IN_ONE_LOOK_S: Final = 1.0
"""Nodes that the control plane finds silent in the same look are said to be within this time."""


@dataclass(frozen=True)
class Outage:
    """So many nodes are not ready that none of them is taken for lost."""

    not_ready: int
    nodes: int


@dataclass(frozen=True)
class _Group:
    """Nodes that fell silent together, each soon after another one.

    Only its own nodes can put off what is decided on it, and each by coming back once: one that falls silent again does
    so in another group. So nodes that come and go put off nothing for ever.
    """

    nodes: tuple[ObservedNode, ...]

    @property
    def silent(self) -> list[ObservedNode]:
        return [node for node in self.nodes if not node.ready]

    def lost(self, now: float) -> list[ObservedNode]:
        if self.judged_at(now) is None:
            return self.silent
        return list(self.nodes[:1]) if self._began_alone else []

    @property
    def _began_alone(self) -> bool:
        """Whether the first one was lost before the others fell silent: its pods are being replaced, which goes on.

        Where any of them came back, it may too.
        """
        first, second = (node.silent_since or 0.0 for node in self.nodes[:2])
        return second - first >= IN_ONE_LOOK_S and len(self.silent) == len(self.nodes)

    def judged_at(self, now: float) -> float | None:
        """When it is clear who of it is lost; None: it is."""
        if len(self.nodes) == 1:
            return None
        changes = [at for node in self.nodes for at in (node.silent_since, node.since) if at is not None]
        # A clock that was set back must not hold things up.
        recent = [at for at in changes if now - TOGETHER_S < at <= now]
        return max(recent) + TOGETHER_S if recent else None


def outage(nodes: Sequence[ObservedNode]) -> Outage | None:
    silent = sum(not node.ready for node in nodes)
    most = silent >= OUTAGE_NODES and silent >= OUTAGE_SHARE * len(nodes)
    return Outage(silent, len(nodes)) if most or 0 < silent == len(nodes) else None


def judged(fleet: Fleet, now: float) -> Fleet:
    """The fleet with the pods of lost nodes marked so; those of other nodes that are not ready stay NotReady."""
    lost = lost_nodes(fleet.nodes, now)
    return replace(fleet, pools=tuple(_judged(pool, lost) for pool in fleet.pools)) if lost else fleet


def lost_nodes(nodes: Sequence[ObservedNode], now: float) -> frozenset[str]:
    """Those that fell silent alone, if only at first; those that did so together once it is clear that they are few."""
    if outage(nodes) is not None:
        return frozenset()
    return frozenset(node.name for group in _groups(nodes) for node in group.lost(now))


def judged_at(nodes: Sequence[ObservedNode], now: float) -> float | None:
    """When it is clear of the next nodes whether they are lost; None: it is, or only the next change can tell."""
    if outage(nodes) is not None:
        return None
    waits = [group.judged_at(now) for group in _groups(nodes) if group.silent]
    return min((at for at in waits if at is not None), default=None)


def _groups(nodes: Iterable[ObservedNode]) -> list[_Group]:
    fell_silent = sorted((node.silent_since, node.name, node) for node in nodes if node.silent_since is not None)
    groups: list[list[ObservedNode]] = []
    before = float("-inf")
    for at, _, node in fell_silent:
        if at - before < TOGETHER_S:
            groups[-1].append(node)
        else:
            groups.append([node])
        before = at
    return [_Group(tuple(group)) for group in groups]


def _judged(observed: ObservedPool, lost: frozenset[str]) -> ObservedPool:
    pods = tuple(
        replace(pod, node_state=NodeState.LOST) if pod.node_state is NodeState.NOT_READY and pod.node in lost else pod
        for pod in observed.pods
    )
    return replace(observed, pods=pods)
