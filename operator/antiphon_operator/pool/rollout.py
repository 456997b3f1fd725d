"""How many pods are born and which go, towards the wanted number and the present revision, within bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from antiphon_crds.transceiver_pool import Update
from antiphon_operator.observed import NodeState, ObservedPod, TableBlockState
from antiphon_operator.pool.census import Census, calls_at_most, is_available, is_published


@dataclass(frozen=True)
class Bounds:
    desired: int
    most: int
    """Pods at once, those that drain and those on lost nodes not counted."""
    least_available: int
    """Pods that take calls, where there are that many already."""


def bounds(desired: int, update: Update) -> Bounds:
    surge, unavailable = update.max_surge.of(desired), update.max_unavailable.of(desired)
    if surge == 0 and unavailable == 0:
        # A share of a small number may be nothing on both sides; then nothing could ever be replaced.
        surge = 1
    return Bounds(desired, desired + surge, max(0, desired - unavailable))


def births(census: Census, bounds: Bounds) -> int:
    """Pods to be made, reservations that wait for theirs included.

    A pod on a lost node holds no place: it may never come back. If it does, one of the pods is too many and goes.
    """
    counted = sum(pod.node_state is not NodeState.LOST for pod in census.live)
    return max(0, min(bounds.desired - len(census.current), bounds.most - counted))


def departures(
    census: Census, bounds: Bounds, capacity: int, states: Mapping[str, TableBlockState]
) -> tuple[ObservedPod, ...]:
    """Pods to be deleted. To delete a pod is to drain it; still the emptiest goes first.

    In order: those that must never serve; those that do not serve and are to be replaced; those above the wanted
    number, the outgoing before the current; those that are replaced by now. One of whose node nothing is heard may
    well serve: it keeps its place, and stays.
    """
    order = _Order(capacity, states)
    spare = census.available - bounds.least_available
    going = [pod for pod in census.outgoing if pod.name in census.unwanted]
    for pod in sorted((pod for pod in census.outgoing if pod.name not in census.unwanted), key=order):
        if is_available(pod):
            if spare > 0:
                spare -= 1
                going.append(pod)
        elif pod.node_state is not NodeState.LOST or spare >= 0:
            # What a lost node holds may yet come back: it goes when others have taken its place.
            going.append(pod)
    # Those that do not serve come first, so as many as are wanted go on serving, if there are so many.
    going += sorted(census.current, key=order)[: max(0, len(census.current) - bounds.desired)]
    return tuple(pod for pod in going if pod.node_state is not NodeState.NOT_READY)


@dataclass(frozen=True)
class _Order:
    """Which of two pods goes first."""

    capacity: int
    states: Mapping[str, TableBlockState]

    def __call__(self, pod: ObservedPod) -> tuple[bool, bool, int, float, str]:
        return (
            is_available(pod),
            # It was chosen in an earlier round, which took it out of the table.
            is_published(pod, self.states),
            calls_at_most(pod, self.capacity),
            -pod.created_at,
            pod.name,
        )
