"""A pool's status: written where it changed, complete from the first sight on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from antiphon_crds.overlay import Json
from antiphon_crds.transceiver_pool import TransceiverPool
from antiphon_operator import __version__
from antiphon_operator.actions import Patch
from antiphon_operator.conditions import Condition, Subject, fails, holds, ready, status_patch, unknown, written
from antiphon_operator.finding import Finding
from antiphon_operator.labels import POOL_LABEL
from antiphon_operator.observed import Manifest, ObservedPool
from antiphon_operator.pool import health, progress
from antiphon_operator.pool.figures import Figures, counted, reading
from antiphon_operator.pool.reason import RoutesReason
from antiphon_operator.pool.scaling import stored_scale_down
from antiphon_operator.pool.view import PoolView


@dataclass(frozen=True)
class Report:
    """The status that a pool is to have."""

    status: dict[str, Json]
    conditions: tuple[Condition, ...]
    requeue_after_s: float | None

    def patch(self, view: PoolView) -> tuple[Patch, ...]:
        return status_patch(subject(view.pool), view.status, self.status)


def report(view: PoolView, *, exhausted: bool) -> Report:
    figures = reading(view.census, view.status, view.now)
    trouble = health.trouble(view)
    routes, backend = health.routes_published(view, exhausted=exhausted), health.backend_reachable(view)
    findings = [finding for finding in (trouble, routes, backend, health.children(view)) if finding is not None]
    required = (health.pods_available(view, trouble), routes.condition, backend.condition)
    conditions = (
        ready(required, _serving(view, figures.figures)),
        *required,
        progress.capacity_available(view, figures.figures),
        progress.scaling_limited(view),
        progress.updated(view),
        progress.draining(view, figures),
        # Whoever waits for the one gives up at the other.
        *(_stalled(findings) or progress.reconciling(view)),
    )
    again = [finding.look_again_at - view.now for finding in findings if finding.look_again_at is not None]
    waits = [*again, figures.requeue_after_s, view.scaling.requeue_after_s, view.crash_loop.requeue_after_s]
    return Report(
        {**_numbers(view), **figures.figures.as_status(), "conditions": _stored(view, conditions)},
        conditions,
        min((wait for wait in waits if wait is not None), default=None),
    )


def _serving(view: PoolView, figures: Figures) -> str:
    return f"{counted(view.census.available, 'pod')}, {figures.free} of {figures.capacity} calls free"


def _stalled(findings: Iterable[Finding]) -> tuple[Condition, ...]:
    """In the words of the first thing that takes a person."""
    said = (holds("Stalled", one.condition.reason, one.condition.message) for one in findings if one.is_stalled)
    return tuple(said)[:1]


def orphan_patch(observed: ObservedPool, now: float) -> tuple[Patch, ...]:
    """Of a pool whose VoiceRelay does not exist: nothing is known of it and nothing is done with it."""
    pool = observed.pool
    missing = f"there is no VoiceRelay {pool.spec.relay_ref} in namespace {pool.metadata.namespace}"
    reason = RoutesReason.RELAY_MISSING
    unsure = (health.PODS, health.BACKEND, progress.CAPACITY, progress.LIMITED, progress.UPDATED, progress.DRAINING)
    conditions = (
        fails("Ready", reason, missing),
        fails(health.ROUTES, reason, missing),
        *(unknown(kind, reason, missing) for kind in unsure),
    )
    after: Manifest = {
        **observed.status,
        **_identity(pool),
        "conditions": written(conditions, observed.status, pool.metadata.generation, now),
    }
    return status_patch(subject(pool), observed.status, after)


def subject(pool: TransceiverPool) -> Subject:
    metadata = pool.metadata
    return Subject("TransceiverPool", metadata.namespace, metadata.name, metadata.generation)


def _numbers(view: PoolView) -> dict[str, Json]:
    census = view.census
    numbers: dict[str, Json] = {
        **_identity(view.pool),
        "desiredReplicas": view.bounds.desired,
        "replicas": len(census.live),
        "availableReplicas": census.available,
        "updatedReplicas": len(census.current),
        "drainingReplicas": len(census.draining),
    }
    if view.scaling.scale_down is not None:
        numbers["scaleDown"] = stored_scale_down(view.scaling.scale_down)
    return numbers


def _identity(pool: TransceiverPool) -> dict[str, Json]:
    return {
        "observedGeneration": pool.metadata.generation,
        "selector": f"{POOL_LABEL}={pool.metadata.name}",
        "version": __version__,
    }


def _stored(view: PoolView, conditions: Iterable[Condition]) -> list[Json]:
    return written(tuple(conditions), view.status, view.pool.metadata.generation, view.now)
