"""The conditions of a pool that inform: its capacity, its scaling, its rollout, its drains."""

from __future__ import annotations

from typing import Final

from antiphon_operator.conditions import Condition, fails, find, holds, timestamp, unknown
from antiphon_operator.pool.autoscaler import Limit
from antiphon_operator.pool.disruption import drain_ends_at
from antiphon_operator.pool.figures import Figures, Reading, counted, names
from antiphon_operator.pool.reason import CapacityReason, DrainingReason, UpdatedReason
from antiphon_operator.pool.scaling import free_target
from antiphon_operator.pool.view import PoolView

CAPACITY: Final = "CapacityAvailable"
LIMITED: Final = "ScalingLimited"
UPDATED: Final = "Updated"
DRAINING: Final = "Draining"
RECONCILING: Final = "Reconciling"


def capacity_available(view: PoolView, figures: Figures) -> Condition:
    if figures.capacity == 0:
        return unknown(CAPACITY, CapacityReason.NOT_KNOWN, "no pod has said yet how many calls it holds")
    message = f"{figures.free} of {figures.capacity} calls free"
    if figures.free == 0:
        return fails(CAPACITY, CapacityReason.FULL, f"{message}: new calls are refused")
    target = free_target(view.pool, figures.capacity)
    if target is not None and figures.free < target:
        return holds(CAPACITY, CapacityReason.BELOW_TARGET, f"{message}; the target is {target}")
    return holds(CAPACITY, CapacityReason.AVAILABLE, message)


def scaling_limited(view: PoolView) -> Condition:
    settings = view.pool.spec.scaling.free_capacity
    match view.scaling.limit:
        case Limit.AT_MAX:
            message = f"more than maxReplicas ({settings.max_replicas}) are needed to keep the target free"
            return holds(LIMITED, Limit.AT_MAX, message)
        case Limit.AT_MIN:
            return holds(LIMITED, Limit.AT_MIN, f"fewer than minReplicas ({settings.min_replicas}) would do")
        case Limit.WITHIN:
            return fails(LIMITED, Limit.WITHIN, f"{counted(view.bounds.desired, 'pod')} wanted")


def updated(view: PoolView) -> Condition:
    left = len(view.census.outgoing)
    if left:
        message = f"{counted(left, 'pod')} to be replaced, {len(view.census.current)} as the spec wants them"
        return fails(UPDATED, UpdatedReason.ROLLING_OUT, message)
    return holds(UPDATED, UpdatedReason.COMPLETE, "every pod is as the spec wants it")


def draining(view: PoolView, reading: Reading) -> Condition:
    """How many calls are left is told as rarely as all figures."""
    pods = view.census.draining
    if not pods:
        return fails(DRAINING, DrainingReason.NONE_DRAINING, "no pod drains")
    before = find(view.status, DRAINING)
    said = before.get("message")
    if (
        not reading.is_new
        and before.get("status") == "True"
        and isinstance(said, str)
        and view.status.get("drainingReplicas") == len(pods)
    ):
        return holds(DRAINING, DrainingReason.PODS_DRAINING, said)
    calls = sum(pod.load.live for pod in pods if pod.load is not None)
    deadlines = [ends_at for pod in pods if (ends_at := drain_ends_at(pod)) != float("inf")]
    until = f", the last deadline is {timestamp(max(deadlines))}" if deadlines else ""
    message = f"{counted(calls)} left on {names(pod.name for pod in pods)}{until}"
    return holds(DRAINING, DrainingReason.PODS_DRAINING, message)


def reconciling(view: PoolView) -> tuple[Condition, ...]:
    """Only while something is under way; that pods drain is not."""
    census, desired = view.census, view.bounds.desired
    if census.outgoing:
        return (holds(RECONCILING, UpdatedReason.ROLLING_OUT, updated(view).message),)
    if len(census.current) != desired or census.available < desired:
        message = f"{census.available} of {counted(desired, 'pod')} take calls, {len(census.current)} are there"
        return (holds(RECONCILING, UpdatedReason.SCALING, message),)
    return ()
