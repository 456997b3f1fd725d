"""What keeps others from ending pods that have calls: a label, a PodDisruptionBudget over it, an annotation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from antiphon_crds.overlay import Json
from antiphon_crds.transceiver_pool import TransceiverPool
from antiphon_operator.actions import Patch
from antiphon_operator.observed import ObservedPod
from antiphon_operator.pool.pods import KILL_MARGIN_S, SAFE_TO_EVICT, child_metadata, selector
from antiphon_operator.transceiver_pod import BUSY_LABEL

MORE_THAN_ANY: Final = 1_000_000
"""Fewer busy pods than this must not be evicted, so none may. An integer: a share would count the pool's other pods."""


def budget_name(pool: TransceiverPool) -> str:
    return f"{pool.metadata.name}-busy"


def busy_budget(pool: TransceiverPool) -> dict[str, Json]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": child_metadata(pool, budget_name(pool)),
        "spec": {
            "minAvailable": MORE_THAN_ANY,
            "selector": {"matchLabels": {**selector(pool), BUSY_LABEL: "true"}},
            # A pod that is not ready can still have calls.
            "unhealthyPodEvictionPolicy": "IfHealthyBudget",
        },
    }


def busy_patches(pool: TransceiverPool, pods: Iterable[ObservedPod], now: float) -> tuple[Patch, ...]:
    """For the pods whose label does not say what they do. One that does not answer keeps its label."""
    return tuple(
        _labelled(pool, pod, busy=busy) for pod in pods if (busy := is_busy(pod, now)) is not None and busy != pod.busy
    )


def is_busy(pod: ObservedPod, now: float) -> bool | None:
    """Whether it has calls; None: it does not say. At its drain deadline it has ended them."""
    if pod.deadline is not None and now >= drain_ends_at(pod):
        return False
    return None if pod.load is None else pod.load.live > 0


def is_cut_off(pod: ObservedPod, now: float) -> bool:
    """Whether calls were left at its deadline. The label is taken off in the same round, so it is found once."""
    return pod.busy and now >= drain_ends_at(pod)


def calls_cut(pod: ObservedPod) -> int:
    """At least one, where it did not say how many."""
    return 1 if pod.load is None else pod.load.live


def drain_ends_at(pod: ObservedPod) -> float:
    """When a pod whose deletion was asked for ends the calls that are left; infinity: it was not."""
    if pod.deadline is None or pod.deleted_at is None:
        return float("inf")
    ends_at = pod.deadline - KILL_MARGIN_S
    # Who deletes with a shorter grace period than the pod's own has it killed while it drains.
    return ends_at if ends_at > pod.deleted_at else pod.deadline


def _labelled(pool: TransceiverPool, pod: ObservedPod, *, busy: bool) -> Patch:
    body: dict[str, Json] = {
        "metadata": {
            "labels": {BUSY_LABEL: "true" if busy else None},
            "annotations": {SAFE_TO_EVICT: "false" if busy else "true"},
        }
    }
    return Patch("v1", "Pod", pool.metadata.namespace, pod.name, body)
