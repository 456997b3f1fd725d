"""RelaysAvailable and SignalingAvailable: whether pods serve, and what keeps the others from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from antiphon_crds.voice_relay import WorkloadKind
from antiphon_operator.conditions import fails, holds
from antiphon_operator.finding import PATIENCE_S, Finding
from antiphon_operator.observed import ChildKey, Fleet, NodeState, ObservedPod
from antiphon_operator.pods_reason import IMAGE_TROUBLE, PodsReason, reason_of_refusal
from antiphon_operator.relay.names import FleetNames
from antiphon_operator.relay.relay_workload import desired_replicas
from antiphon_operator.relay.workload_state import WorkloadState, workload_state

_WAITING: Final[Mapping[str, PodsReason | None]] = {
    **dict.fromkeys(IMAGE_TROUBLE, PodsReason.IMAGE_PULL_FAILED),
    "CreateContainerConfigError": PodsReason.SECRET_MISSING,
    "CrashLoopBackOff": PodsReason.CRASH_LOOPING,
}
_STALLING: Final = (PodsReason.IMAGE_PULL_FAILED, PodsReason.SECRET_MISSING)
"""What only a person mends; a relay that crashes may come up by itself."""


@dataclass(frozen=True)
class _Trouble:
    reason: PodsReason | None
    """None: one that has no word of its own."""
    message: str
    is_stalled: bool = False
    look_again_at: float | None = None


def relays_state(fleet: Fleet) -> WorkloadState:
    kind = fleet.relay.spec.workload.kind
    manifest = fleet.children.get(ChildKey(kind.value, FleetNames(fleet.relay.metadata.name).relay))
    return workload_state(manifest, desired_replicas(fleet) if kind is WorkloadKind.DEPLOYMENT else 0)


def signaling_state(fleet: Fleet) -> WorkloadState:
    manifest = fleet.children.get(ChildKey("Deployment", FleetNames(fleet.relay.metadata.name).signaling))
    return workload_state(manifest, fleet.relay.spec.signaling.replicas)


def relays_available(fleet: Fleet, now: float) -> Finding:
    """True while one relay serves: that is what calls need. Its reason says how many do, or what is wrong."""
    state = relays_state(fleet)
    # While one workload follows another, the old one's relays serve.
    is_served = state.available > 0 or any(pod.ready and pod.deleted_at is None for pod in fleet.relay_pods)
    kind = fleet.relay.spec.workload.kind
    where = _where(fleet, kind, "relay")
    if kind is WorkloadKind.DAEMON_SET and state.desired == 0 and not state.is_rolling:
        where = "no node is one that `template.spec.nodeSelector` and `tolerations` ask for"
    trouble = _refused(state, where) or _pods_trouble(fleet.relay_pods, fleet.relay.metadata.namespace, now)
    return _finding("RelaysAvailable", _Serving("relay", state, is_served, where), trouble)


def signaling_available(fleet: Fleet) -> Finding:
    """Like `relays_available`; what keeps its pods from serving is known as far as the Deployment says it."""
    state = signaling_state(fleet)
    where = _where(fleet, WorkloadKind.DEPLOYMENT, "signaling")
    return _finding(
        "SignalingAvailable", _Serving("signaling pod", state, state.available > 0, where), _refused(state, where)
    )


@dataclass(frozen=True)
class _Serving:
    noun: str
    state: WorkloadState
    is_served: bool
    where: str

    @property
    def count(self) -> str:
        plural = "" if self.state.desired == 1 else "s"
        return f"{self.state.available} of {self.state.desired} {self.noun}{plural}"


def _finding(kind: str, serving: _Serving, trouble: _Trouble | None) -> Finding:
    state = serving.state
    if state.available >= state.desired > 0 and trouble is None:
        return Finding(holds(kind, PodsReason.ALL_AVAILABLE, f"{serving.count} serve"))
    tell, usual, otherwise = (
        (holds, PodsReason.SOME_UNAVAILABLE, "the others have not become ready yet")
        if serving.is_served
        else (fails, PodsReason.NONE_AVAILABLE, serving.where)
    )
    trouble = trouble or _Trouble(None, otherwise)
    condition = tell(kind, trouble.reason or usual, f"{serving.count} serve: {trouble.message}")
    return Finding(condition, trouble.is_stalled, trouble.look_again_at)


def _refused(state: WorkloadState, where: str) -> _Trouble | None:
    if state.refusal is None:
        return None
    reason = reason_of_refusal(state.refusal)
    if reason is PodsReason.POD_SECURITY_FORBIDDEN:
        cure = (
            "the namespace's Pod Security level forbids them. Host network needs the label "
            "pod-security.kubernetes.io/enforce=privileged; otherwise set another `exposure.type`, or take out of "
            "`template` what is forbidden"
        )
        return _Trouble(reason, f"{cure} ({state.refusal})", is_stalled=True)
    if reason is PodsReason.QUOTA_EXCEEDED:
        # It passes when others free what they hold.
        return _Trouble(reason, state.refusal)
    return _Trouble(reason, f"{state.refusal}; {where}", is_stalled=True)


def _pods_trouble(pods: Iterable[ObservedPod], namespace: str, now: float) -> _Trouble | None:
    """Of the first pod that has any, those that take a person first."""
    troubles = [trouble for pod in pods if pod.deleted_at is None and (trouble := _pod_trouble(pod, namespace, now))]
    return min(troubles, key=lambda trouble: not trouble.is_stalled, default=None)


def _pod_trouble(pod: ObservedPod, namespace: str, now: float) -> _Trouble | None:
    if pod.unschedulable is not None:
        return _Trouble(PodsReason.UNSCHEDULABLE, f"pod {pod.name} finds no node: {pod.unschedulable}")
    if pod.node_state is NodeState.NOT_READY and not pod.ready:
        message = f"pod {pod.name} is on node {pod.node}, which is not ready; see: kubectl describe node {pod.node}"
        return _Trouble(PodsReason.NODES_NOT_READY, message)
    if pod.waiting_reason is None or pod.waiting_reason not in _WAITING:
        return None
    reason = _WAITING[pod.waiting_reason]
    said = pod.waiting_message or pod.waiting_reason
    if reason is PodsReason.SECRET_MISSING and "secret" not in said.lower():
        reason = None
    message = f"pod {pod.name}: {said}; see: kubectl -n {namespace} describe pod {pod.name}"
    if reason not in _STALLING:
        return _Trouble(reason, message)
    patient_until = pod.created_at + PATIENCE_S
    is_stalled = now >= patient_until
    return _Trouble(reason, message, is_stalled, None if is_stalled else patient_until)


def _where(fleet: Fleet, kind: WorkloadKind, component: str) -> str:
    relay = fleet.relay.metadata
    chosen = f"antiphon.dev/relay={relay.name},app.kubernetes.io/component={component}"
    return f"see: kubectl -n {relay.namespace} describe {kind.lower()}s,pods -l {chosen}"
