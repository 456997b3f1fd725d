"""How many pods keep the wanted number of calls free. What it remembers is in the pool's status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from antiphon_crds.transceiver_pool import FreeCapacity, Share
from antiphon_operator.observed import ObservedPod


@dataclass(frozen=True)
class ScaleDown:
    """A smaller number has been enough since `since`, and at most `replicas` were needed meanwhile."""

    since: float
    replicas: int


class Limit(StrEnum):
    """Reasons of the condition ScalingLimited."""

    WITHIN = "WithinLimits"
    AT_MAX = "AtMaxReplicas"
    AT_MIN = "AtMinReplicas"


@dataclass(frozen=True)
class Scaling:
    desired: int
    limit: Limit = Limit.WITHIN
    scale_down: ScaleDown | None = None
    """To be remembered; None: nothing is about to shrink."""
    requeue_after_s: float | None = None


def autoscaled(
    pods: Sequence[ObservedPod], settings: FreeCapacity, per_pod: int, before: Scaling, now: float
) -> Scaling:
    """The wanted number, given the one before: more at once, fewer after the stabilization window.

    A pod that is overloaded counts as full. One that may have calls and does not answer is taken as empty where more
    pods are the question and as full where fewer are: what is not known moves nothing.
    """
    known = sum(pod.load.taken for pod in pods if pod.load is not None)
    unknown = per_pod * sum(pod.load is None and pod.routes_published for pod in pods)
    # At least this many are needed, and surely no more than that many.
    least, most = needed(known, settings.target, per_pod), needed(known + unknown, settings.target, per_pod)
    current = _clamped(before.desired, settings)
    if _clamped(most, settings) >= current:
        wanted = Scaling(max(current, _clamped(least, settings)))
    else:
        wanted = _shrinking(current, before.scale_down, _clamped(most, settings), settings, now)
    if wanted.desired == settings.max_replicas < least:
        return replace(wanted, limit=Limit.AT_MAX)
    if wanted.desired == settings.min_replicas > most:
        return replace(wanted, limit=Limit.AT_MIN)
    return wanted


def needed(calls: int, target: Share, per_pod: int) -> int:
    """The smallest number of pods that hold the calls and leave the target free."""
    if not target.is_percent:
        return -(-(calls + target.value) // per_pod)
    # calls <= pods * per_pod * (1 - target), in whole numbers.
    return -(-100 * calls // (per_pod * max(1, 100 - target.value)))


def _shrinking(current: int, earlier: ScaleDown | None, wanted: int, settings: FreeCapacity, now: float) -> Scaling:
    window_s = settings.scale_down_stabilization_seconds
    if earlier is None or earlier.replicas >= current:
        earlier = ScaleDown(now, wanted)
    needed_meanwhile = max(earlier.replicas, wanted)
    left_s = earlier.since + window_s - now
    if left_s > 0:
        return Scaling(current, scale_down=ScaleDown(earlier.since, needed_meanwhile), requeue_after_s=left_s)
    if wanted < needed_meanwhile:
        return Scaling(needed_meanwhile, scale_down=ScaleDown(now, wanted), requeue_after_s=window_s)
    return Scaling(wanted)


def _clamped(pods: int, settings: FreeCapacity) -> int:
    return max(settings.min_replicas, min(settings.max_replicas, pods))
