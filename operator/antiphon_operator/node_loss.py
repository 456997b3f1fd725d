"""Which of the nodes that are not ready are lost. Pure.

A node is not ready when the control plane does not hear of it. That one is silent says that it is lost, and its pods
are replaced at once. That most are silent at the same time says more of the network between them and the control plane
than of them: their pods may still have calls, and new ones would find no node. So nothing is decided on it, which is
what Kubernetes does too; the rule and its numbers are those of its node lifecycle controller (ComputeZoneState).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from antiphon_operator.observed import Fleet, NodeState, ObservedNode, ObservedPool

OUTAGE_SHARE: Final = 0.55
OUTAGE_NODES: Final = 3
TOGETHER_S: Final = 15.0
"""Nodes that fall silent together are found so within this time: a kubelet reports every 10 s, and the control plane
looks every 5 s. The same holds for their return."""


@dataclass(frozen=True)
class Outage:
    """So many nodes are not ready that none of them is taken for lost."""

    not_ready: int
    nodes: int


def outage(nodes: Sequence[ObservedNode]) -> Outage | None:
    silent = sum(not node.ready for node in nodes)
    most = silent >= OUTAGE_NODES and silent >= OUTAGE_SHARE * len(nodes)
    return Outage(silent, len(nodes)) if most or 0 < silent == len(nodes) else None


def judged(fleet: Fleet, now: float) -> Fleet:
    """The fleet with the pods of lost nodes marked so; those of other nodes that are not ready stay NotReady."""
    lost = lost_nodes(fleet.nodes, now)
    return replace(fleet, pools=tuple(_judged(pool, lost) for pool in fleet.pools)) if lost else fleet


def lost_nodes(nodes: Sequence[ObservedNode], now: float) -> frozenset[str]:
    """Those that fell silent alone; those that did so together, once it is clear that they are few."""
    if outage(nodes) is not None:
        return frozenset()
    silent = _silent(nodes)
    lost = silent if judged_at(nodes, now) is None else _fell_silent_alone(silent)
    return frozenset(node.name for node in lost)


def judged_at(nodes: Sequence[ObservedNode], now: float) -> float | None:
    """When it is clear how many nodes are lost; None: it is, or only the next change can tell."""
    # The condition's times are by the clocks of others: one from the future must not hold things up for long.
    recent = [node.since for node in nodes if abs(now - node.since) < TOGETHER_S]
    silent = _silent(nodes)
    if not recent or outage(nodes) is not None or _fell_silent_alone(silent) == silent:
        return None
    return max(recent) + TOGETHER_S


def _silent(nodes: Sequence[ObservedNode]) -> list[ObservedNode]:
    """In the order in which they fell silent."""
    return sorted((node for node in nodes if not node.ready), key=lambda node: node.since)


def _fell_silent_alone(silent: list[ObservedNode]) -> list[ObservedNode]:
    """Those before which no other had done so for a while."""
    return silent[:1] + [node for before, node in pairwise(silent) if node.since - before.since >= TOGETHER_S]


def _judged(observed: ObservedPool, lost: frozenset[str]) -> ObservedPool:
    pods = tuple(
        replace(pod, node_state=NodeState.LOST) if pod.node_state is NodeState.NOT_READY and pod.node in lost else pod
        for pod in observed.pods
    )
    return replace(observed, pods=pods)
