"""What is said of a pool when its state changes; once, in the round that changes it."""

from __future__ import annotations

from collections.abc import Sequence

from antiphon_crds.documents import API_VERSION
from antiphon_crds.transceiver_pool import ScalingMode
from antiphon_operator.actions import Event, EventType
from antiphon_operator.conditions import Condition, Truth, find, timestamp
from antiphon_operator.observed import NodeState, ObservedPod
from antiphon_operator.pool import health
from antiphon_operator.pool.census import calls_at_most
from antiphon_operator.pool.disruption import is_cut_off
from antiphon_operator.pool.figures import counted
from antiphon_operator.pool.reason import EventReason
from antiphon_operator.pool.scaling import remembered
from antiphon_operator.pool.view import PoolView


def events(
    view: PoolView, conditions: Sequence[Condition], leaving: Sequence[ObservedPod], ended: Sequence[ObservedPod]
) -> tuple[Event, ...]:
    """`leaving` and `ended` are the pods that this round deletes."""
    return (*_scaled(view), *_backend(view, conditions), *_leaving(view, leaving), *_ended(view, ended), *_cut(view))


def _scaled(view: PoolView) -> tuple[Event, ...]:
    before, desired = remembered(view.status), view.bounds.desired
    if before is None or before.desired == desired:
        return ()
    more = desired > before.desired
    if view.pool.spec.scaling.mode is not ScalingMode.FREE_CAPACITY:
        why = "spec.replicas was changed"
    elif more:
        why = "too few calls were free"
    else:
        why = "fewer pods keep the target free"
    reason = EventReason.SCALED_UP if more else EventReason.SCALED_DOWN
    return (_event(view, EventType.NORMAL, reason, f"from {before.desired} to {counted(desired, 'pod')}: {why}"),)


def _backend(view: PoolView, conditions: Sequence[Condition]) -> tuple[Event, ...]:
    before = find(view.status, health.BACKEND).get("status")
    now = next((condition for condition in conditions if condition.type == health.BACKEND), None)
    if now is None:
        return ()
    if now.status is Truth.FALSE and before != Truth.FALSE.value:
        return (_event(view, EventType.WARNING, EventReason.BACKEND_LOST, f"{now.reason}: {now.message}"),)
    if now.status is Truth.TRUE and before == Truth.FALSE.value:
        return (_event(view, EventType.NORMAL, EventReason.BACKEND_BACK, now.message),)
    return ()


def _leaving(view: PoolView, pods: Sequence[ObservedPod]) -> tuple[Event, ...]:
    """Of pods with calls only: that an empty one goes concerns nobody."""
    until = timestamp(view.now + view.pool.spec.drain.deadline_seconds)
    return tuple(
        _event(
            view,
            EventType.NORMAL,
            EventReason.POD_DRAINING,
            f"{pod.name} drains ({_why(view, pod)}): {counted(calls)}, deadline {until}",
        )
        for pod in pods
        if (calls := calls_at_most(pod, view.pool.spec.sessions_per_pod))
    )


def _why(view: PoolView, pod: ObservedPod) -> str:
    if pod.node_state is not NodeState.USABLE:
        return f"its node is {pod.node_state.value.lower()}"
    if view.template is not None and pod.revision != view.template.revision:
        return "outdated"
    return "scaled down"


def _ended(view: PoolView, pods: Sequence[ObservedPod]) -> tuple[Event, ...]:
    return tuple(
        _event(
            view,
            EventType.WARNING,
            EventReason.POD_REPLACED,
            f"{pod.name} failed ({pod.ended_because or 'no reason given'})",
        )
        for pod in pods
        if pod.phase == "Failed" and pod.deleted_at is None
    )


def _cut(view: PoolView) -> tuple[Event, ...]:
    return tuple(
        _event(
            view,
            EventType.WARNING,
            EventReason.DRAIN_DEADLINE_REACHED,
            f"{pod.name} reached its drain deadline: {counted(pod.load.live) if pod.load else 'its calls'} ended",
        )
        for pod in view.census.draining
        if is_cut_off(pod, view.now)
    )


def _event(view: PoolView, kind: EventType, reason: EventReason, message: str) -> Event:
    subject = view.pool.metadata
    return Event(
        kind,
        reason,
        message,
        API_VERSION,
        "TransceiverPool",
        subject.namespace,
        subject.name,
        subject.uid,
    )
