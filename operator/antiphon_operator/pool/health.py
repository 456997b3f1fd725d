"""The conditions of a pool that make it ready or not: its pods, its routes, its backend."""

from __future__ import annotations

from collections import Counter
from typing import Final

from antiphon_crds.transceiver_pool import BackendType
from antiphon_operator.conditions import Condition, fails, holds, stored, unknown
from antiphon_operator.finding import PATIENCE_S, Finding
from antiphon_operator.node_loss import OUTAGE_NODES, OUTAGE_SHARE
from antiphon_operator.observed import NodeState, ObservedPod
from antiphon_operator.pods_reason import IMAGE_TROUBLE, PodsReason, reason_of_refusal
from antiphon_operator.pool.census import is_available
from antiphon_operator.pool.figures import counted
from antiphon_operator.pool.reason import BackendReason, RoutesReason
from antiphon_operator.pool.view import PoolView
from antiphon_wire.control import BackendState

PODS: Final = "PodsAvailable"
ROUTES: Final = "RoutesPublished"
BACKEND: Final = "BackendReachable"
_CONFIG_TROUBLE: Final = frozenset({"CreateContainerConfigError", "CreateContainerError"})
_BACKEND_REASONS: Final = {
    BackendState.REACHABLE: BackendReason.REACHABLE,
    BackendState.UNREACHABLE: BackendReason.BACKEND_UNREACHABLE,
    BackendState.UNAUTHORIZED: BackendReason.BACKEND_UNAUTHORIZED,
    BackendState.CERTIFICATE_INVALID: BackendReason.CERTIFICATE_INVALID,
    BackendState.NOT_PROBED: BackendReason.NOT_PROBED,
}
_BACKEND_CURES: Final = {
    BackendReason.BACKEND_UNREACHABLE: "check `spec.backend.realtime.url` and that the server runs",
    BackendReason.BACKEND_UNAUTHORIZED: "put a key that the server takes into `spec.backend.realtime.apiKeySecretRef`",
    BackendReason.CERTIFICATE_INVALID: "give the server a certificate for the name in `spec.backend.realtime.url`",
}


def pods_available(view: PoolView, trouble: Finding | None) -> Condition:
    """A pool serves while any pod takes calls; what keeps others from it is in the message."""
    desired, available = view.bounds.desired, view.census.available
    if desired == 0:
        return holds(PODS, PodsReason.ALL_AVAILABLE, "no pods are wanted")
    some = f"{available} of {counted(desired, 'pod')} take calls"
    message = f"{some}: {trouble.condition.message}" if trouble else some
    if available >= desired:
        return holds(PODS, PodsReason.ALL_AVAILABLE, message)
    if available:
        return holds(PODS, PodsReason.SOME_UNAVAILABLE, message)
    return fails(PODS, trouble.condition.reason if trouble else PodsReason.NONE_AVAILABLE, message)


def trouble(view: PoolView) -> Finding | None:
    """The first thing that keeps pods from taking calls, the certain ones before those that may pass."""
    return _without_secret(view) or _refused(view) or _out_of_sight(view) or _failing_pods(view) or _crashing(view)


def routes_published(view: PoolView, *, exhausted: bool) -> Finding:
    if exhausted:
        message = "no more blocks of route ids fit into a route table: move pools to another VoiceRelay"
        return Finding(fails(ROUTES, RoutesReason.ROUTE_IDS_EXHAUSTED, message), is_stalled=True)
    refused = [one for one in view.refusals if one.kind == "RouteTable"]
    if refused:
        return Finding(fails(ROUTES, RoutesReason.LAGGING, refused[0].sentence), is_stalled=True)
    return Finding(holds(ROUTES, RoutesReason.UP_TO_DATE, "the route tables name every pod that serves"))


def backend_reachable(view: PoolView) -> Finding:
    """False only where no pod reaches it: then no call can be made."""
    if view.pool.spec.backend.type is BackendType.ECHO:
        return Finding(holds(BACKEND, BackendReason.REACHABLE, "callers hear themselves; there is no backend"))
    found = Counter(pod.load.backend for pod in view.census.live if pod.load is not None)
    probed = sum(found.values()) - found[BackendState.NOT_PROBED]
    if probed == 0 and view.bounds.desired == 0:
        return Finding(holds(BACKEND, BackendReason.NOT_PROBED, "no pods are wanted, so none has tried"))
    if not found and (kept := stored(view.status, BACKEND)) is not None:
        # An operator that has just started does not know better than the one before.
        return Finding(kept, is_stalled=kept.reason == BackendReason.BACKEND_UNAUTHORIZED)
    if probed == 0:
        return Finding(unknown(BACKEND, BackendReason.NOT_PROBED, "no pod has tried to reach it yet"))
    reached = found[BackendState.REACHABLE]
    share = f"{reached} of {counted(probed, 'pod')} reach it"
    if reached == probed:
        return Finding(holds(BACKEND, BackendReason.REACHABLE, share))
    worst = max(
        (state for state in found if state not in (BackendState.REACHABLE, BackendState.NOT_PROBED)),
        key=lambda state: (found[state], state.value),
    )
    reason = _BACKEND_REASONS[worst]
    message = f"{share} ({reason}): {_BACKEND_CURES[reason]}"
    if reached:
        return Finding(holds(BACKEND, BackendReason.REACHABLE, message))
    return Finding(fails(BACKEND, reason, message), is_stalled=reason is BackendReason.BACKEND_UNAUTHORIZED)


def children(view: PoolView) -> Finding | None:
    """What the pool has beside pods and routes, and does not need for calls: refused, it takes a person."""
    refused = next((one for one in view.refusals if one.kind in ("NetworkPolicy", "PodDisruptionBudget")), None)
    if refused is None:
        return None
    return Finding(holds(PODS, PodsReason.WRITE_REFUSED, refused.sentence), is_stalled=True)


def _without_secret(view: PoolView) -> Finding | None:
    refused = next((one for one in view.refusals if one.kind == "Secret"), None)
    if refused is None:
        return None
    return Finding(fails(PODS, PodsReason.WRITE_REFUSED, f"no pods are made: {refused.sentence}"), is_stalled=True)


def _refused(view: PoolView) -> Finding | None:
    refused = next((one for one in view.refusals if one.kind == "Pod"), None)
    if refused is None:
        return None
    if refused.is_foreign:
        return Finding(fails(PODS, PodsReason.PODS_REFUSED, refused.sentence), is_stalled=True)
    reason = reason_of_refusal(refused.message)
    if reason is PodsReason.QUOTA_EXCEEDED:
        # It passes when others free what they hold.
        return Finding(fails(PODS, reason, refused.message))
    cure = "; change `spec.template`, or the namespace's label" if reason is PodsReason.POD_SECURITY_FORBIDDEN else ""
    return Finding(fails(PODS, reason, f"the API server refuses pods: {refused.message}{cure}"), is_stalled=True)


def _out_of_sight(view: PoolView) -> Finding | None:
    pods = sum(pod.node_state is NodeState.NOT_READY for pod in view.census.live)
    if view.outage is None or pods == 0:
        return None
    message = (
        f"{view.outage.not_ready} of {counted(view.outage.nodes, 'node')} not ready at once: {counted(pods, 'pod')} on "
        "them may still have calls, and none is replaced; see `kubectl get nodes`. Delete a Node that will not come "
        "back, and its pods are replaced. Mind the others: when a node is ready, and of those left fewer than "
        f"{OUTAGE_NODES} or {OUTAGE_SHARE:.0%} are not, these count as lost, and their pods are replaced too"
    )
    return Finding(fails(PODS, PodsReason.NODES_NOT_READY, message))


def _failing_pods(view: PoolView) -> Finding | None:
    for pod in sorted(view.census.current, key=lambda pod: pod.created_at):
        if is_available(pod):
            continue
        if pod.waiting_reason in IMAGE_TROUBLE:
            since = pod.created_at + PATIENCE_S
            message = f"{pod.name} cannot pull its image: {pod.waiting_message or pod.waiting_reason}"
            condition = fails(PODS, PodsReason.IMAGE_PULL_FAILED, message)
            return Finding(condition, view.now >= since, since if view.now < since else None)
        if pod.waiting_reason in _CONFIG_TROUBLE:
            return _misconfigured(pod)
        if pod.unschedulable is not None:
            return Finding(fails(PODS, PodsReason.UNSCHEDULABLE, f"no node takes {pod.name}: {pod.unschedulable}"))
    return None


def _misconfigured(pod: ObservedPod) -> Finding:
    said = pod.waiting_message or pod.waiting_reason or ""
    is_secret = "secret" in said.lower()
    reason = PodsReason.SECRET_MISSING if is_secret else PodsReason.NONE_AVAILABLE
    return Finding(fails(PODS, reason, f"{pod.name} cannot start: {said}"), is_stalled=is_secret)


def _crashing(view: PoolView) -> Finding | None:
    latest = view.crash_loop.latest
    if latest is None:
        return None
    why = latest.ended_because or "no reason given"
    message = (
        f"{latest.name} failed soon after its start ({why}), attempt {view.crash_loop.attempts}: "
        f"kubectl -n {view.pool.metadata.namespace} logs {latest.name}"
    )
    return Finding(fails(PODS, PodsReason.CRASH_LOOPING, message))
