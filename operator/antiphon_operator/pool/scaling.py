"""How many pods a pool is to have, whoever decides it."""

from __future__ import annotations

from collections.abc import Sequence

from antiphon_crds.overlay import Json
from antiphon_crds.transceiver_pool import ScalingMode, TransceiverPool
from antiphon_operator.conditions import moment, timestamp
from antiphon_operator.observed import Manifest, ObservedPod
from antiphon_operator.pool.autoscaler import ScaleDown, Scaling, autoscaled


def scaling(pool: TransceiverPool, status: Manifest, pods: Sequence[ObservedPod], now: float) -> Scaling:
    """`pods` are those that stay or are to be replaced; calls of draining pods end where they are."""
    spec = pool.spec
    if spec.scaling.mode is not ScalingMode.FREE_CAPACITY:
        return Scaling(spec.replicas)
    before = remembered(status) or Scaling(len(pods))
    return autoscaled(pods, spec.scaling.free_capacity, calls_per_pod(pods, spec.sessions_per_pod), before, now)


def calls_per_pod(pods: Sequence[ObservedPod], most: int) -> int:
    """What the pool allows, or fewer: what the pods that have answered found that they carry."""
    found = [pod.load.capacity for pod in pods if pod.load is not None]
    return max(1, min(most, sum(found) // len(found))) if found else most


def free_target(pool: TransceiverPool, capacity: int) -> int | None:
    """How many calls are to be kept free; None: somebody else scales the pool."""
    scaling = pool.spec.scaling
    return scaling.free_capacity.target.of(capacity) if scaling.mode is ScalingMode.FREE_CAPACITY else None


def remembered(status: Manifest) -> Scaling | None:
    """What the last round wanted; None: there was none."""
    desired = status.get("desiredReplicas")
    if not isinstance(desired, int):
        return None
    stored = status.get("scaleDown")
    if not isinstance(stored, dict):
        return Scaling(desired)
    since, replicas = moment(stored.get("startTime")), stored.get("replicas")
    if since is None or not isinstance(replicas, int):
        return Scaling(desired)
    return Scaling(desired, scale_down=ScaleDown(since, replicas))


def stored_scale_down(scale_down: ScaleDown) -> dict[str, Json]:
    return {"startTime": timestamp(scale_down.since), "replicas": scale_down.replicas}
