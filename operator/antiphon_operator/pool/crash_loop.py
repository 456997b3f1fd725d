"""How fast pods are made anew when they fail soon after their birth.

Failed pods stay for a while: they are what a crash loop is known by, also to an operator that has just started, and
their logs are what a person needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from antiphon_operator.observed import ObservedPod
from antiphon_operator.pool.census import Census

YOUNG_S: Final = 600.0
"""A pod that fails before this age has failed from its start; it is also how long it is kept."""
KEPT: Final = 5
"""Pods that are kept, the latest to fail."""
FIRST_WAIT_S: Final = 10.0
"""Doubled with every further attempt that fails, so at most FIRST_WAIT_S * 2 ** (KEPT - 1)."""


@dataclass(frozen=True)
class CrashLoop:
    """What failures allow."""

    births: int | None = None
    """At most that many at this moment; None: as many as there should be."""
    attempts: int = 0
    """Times that pods were made and failed, since any became ready."""
    latest: ObservedPod | None = None
    """The pod that failed last."""
    kept: frozenset[str] = frozenset()
    """Ended pods that are not deleted yet."""
    requeue_after_s: float | None = None


def crash_loop(census: Census, revision: str | None, now: float) -> CrashLoop:
    """Failures of another revision count for nothing: the next attempt is a new one."""
    failed = sorted((pod for pod in census.ended if _failed_young(pod, now)), key=_ended_at, reverse=True)[:KEPT]
    kept = frozenset(pod.name for pod in failed)
    expires_in_s = min((_ended_at(pod) + YOUNG_S - now for pod in failed), default=None)
    guilty = [pod for pod in failed if pod.revision == revision]
    if not guilty or _has_recovered(census, guilty[0]):
        return CrashLoop(kept=kept, requeue_after_s=expires_in_s)
    attempts = _attempts(guilty)
    wait_s = _ended_at(guilty[0]) + FIRST_WAIT_S * 2 ** (attempts - 1) - now
    tried = any(not pod.ready for pod in census.current)
    births = 0 if tried or wait_s > 0 else 1
    waits = [wait for wait in (wait_s, expires_in_s) if wait is not None and wait > 0]
    return CrashLoop(births, attempts, guilty[0], kept, min(waits, default=None))


def _failed_young(pod: ObservedPod, now: float) -> bool:
    ended_at = _ended_at(pod)
    # A program that ends in order before it ever served is none of ours: a command was laid over it.
    failed = pod.phase == "Failed" or (pod.phase == "Succeeded" and not pod.routes_published)
    return failed and pod.deleted_at is None and ended_at - pod.created_at < YOUNG_S > now - ended_at


def _has_recovered(census: Census, latest: ObservedPod) -> bool:
    """Whether a pod that was made after the latest failure serves."""
    return any(pod.ready and pod.created_at >= _ended_at(latest) for pod in census.current)


def _attempts(failed: Sequence[ObservedPod]) -> int:
    """Pods that were made before any of the others had failed are one attempt."""
    attempts, ended_at = 0, float("-inf")
    for pod in sorted(failed, key=lambda pod: pod.created_at):
        if pod.created_at >= ended_at:
            attempts += 1
            ended_at = _ended_at(pod)
    return attempts


def _ended_at(pod: ObservedPod) -> float:
    return pod.created_at if pod.ended_at is None else pod.ended_at
