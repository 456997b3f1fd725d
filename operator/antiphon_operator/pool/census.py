"""The pods of a pool, sorted by what is to become of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from antiphon_operator.observed import NodeState, ObservedPod, TableBlockState
from antiphon_operator.routes.block_life import is_draining
from antiphon_operator.routes.route_ids import pod_name


@dataclass(frozen=True)
class Census:
    """Every pod of the pool is in exactly one of the four."""

    current: tuple[ObservedPod, ...]
    """As the pool would make them now, on a node that stays, or of which nothing is heard."""
    outgoing: tuple[ObservedPod, ...]
    """Outdated, or on a node that goes: each has to be replaced."""
    draining: tuple[ObservedPod, ...]
    """They only finish their calls; they count for nothing."""
    ended: tuple[ObservedPod, ...]
    """Failed, or ended in order."""
    unwanted: frozenset[str] = frozenset()
    """Outgoing ones that must never serve: made for a block that was lost before."""

    @property
    def live(self) -> tuple[ObservedPod, ...]:
        return self.current + self.outgoing

    @property
    def available(self) -> int:
        return sum(is_available(pod) for pod in self.live)


def take(
    pods: Iterable[ObservedPod], pool: str, revision: str | None, unwanted: frozenset[str] = frozenset()
) -> Census:
    """Pods that only carry the pool's labels but were not made by us are left out.

    `revision` is None while it is not known yet: then no pod is outdated.
    """
    current, outgoing, draining, ended = [], [], [], []
    for pod in pods:
        if pod.is_disowned or pod.first_route is None or pod.name != pod_name(pool, pod.first_route):
            continue
        if pod.phase in ("Failed", "Succeeded"):
            ended.append(pod)
        elif is_draining(pod):
            draining.append(pod)
        elif (
            pod.node_state in (NodeState.CORDONED, NodeState.LOST)
            or (revision is not None and pod.revision != revision)
            or pod.name in unwanted
        ):
            outgoing.append(pod)
        else:
            current.append(pod)
    return Census(tuple(current), tuple(outgoing), tuple(draining), tuple(ended), unwanted)


def is_available(pod: ObservedPod) -> bool:
    """It takes calls. On a cordoned node too: its calls are safe there until it is replaced."""
    return pod.ready and pod.node_state in (NodeState.USABLE, NodeState.CORDONED) and not is_draining(pod)


def calls_at_most(pod: ObservedPod, capacity: int) -> int:
    """Its live calls; a pod that may have calls and does not say how many counts as full."""
    if pod.load is not None:
        return pod.load.live
    return capacity if pod.routes_published else 0


def is_published(pod: ObservedPod, states: Mapping[str, TableBlockState]) -> bool:
    """Whether the stored tables offer the pod to new calls."""
    return states.get(pod.name) is TableBlockState.ACTIVE
