"""How far a Deployment or DaemonSet has got, as its status says."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon_crds.overlay import Json
from antiphon_operator.observed import Manifest


@dataclass(frozen=True)
class WorkloadState:
    desired: int
    available: int = 0
    updated: int = 0
    is_rolling: bool = True
    """Its pods are not all there as they are wanted now, or its controller has not looked yet."""
    refusal: str | None = None
    """Why no pod could be made, in the API server's words."""


def workload_state(manifest: Manifest | None, desired: int) -> WorkloadState:
    """`desired`: what is wanted of a Deployment; a DaemonSet's follows from the nodes."""
    if manifest is None:
        return WorkloadState(desired)
    status = _mapping(manifest.get("status"))
    if manifest.get("kind") == "DaemonSet":
        desired = _count(status, "desiredNumberScheduled")
        available, updated = _count(status, "numberAvailable"), _count(status, "updatedNumberScheduled")
        total = desired
    else:
        available, updated = _count(status, "availableReplicas"), _count(status, "updatedReplicas")
        total = _count(status, "replicas")
    seen = _count(status, "observedGeneration") >= _count(_mapping(manifest.get("metadata")), "generation")
    is_rolling = not seen or updated < desired or total > desired or available < desired
    return WorkloadState(desired, min(available, desired), min(updated, desired), is_rolling, _refusal(status))


def _refusal(status: dict[str, Json]) -> str | None:
    conditions = status.get("conditions")
    for condition in conditions if isinstance(conditions, list) else []:
        if isinstance(condition, dict) and condition.get("type") == "ReplicaFailure":
            return str(condition.get("message", "")) if condition.get("status") == "True" else None
    return None


def _count(mapping: dict[str, Json], key: str) -> int:
    value = mapping.get(key)
    return value if isinstance(value, int) else 0


def _mapping(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}
