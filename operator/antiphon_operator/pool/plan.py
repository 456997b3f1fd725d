"""What a round does to the pods of one pool."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from antiphon_crds.overlay import Json
from antiphon_operator.actions import Action, Create, CutCalls, Delete, Patch, Plan, Subresource
from antiphon_operator.conditions import timestamp
from antiphon_operator.drift import applied
from antiphon_operator.observed import ChildKey, Fleet, Manifest, ObservedPod, TableBlock
from antiphon_operator.pool.census import is_published
from antiphon_operator.pool.disruption import busy_budget, busy_patches, calls_cut, drain_ends_at, is_cut_off
from antiphon_operator.pool.events import events
from antiphon_operator.pool.network_policy import network_policy
from antiphon_operator.pool.status import report
from antiphon_operator.pool.view import PoolView
from antiphon_operator.transceiver_pod import ROUTES_GATE

REFUSED_AGAIN_S: Final = 10.0
"""Between two tries of what the API server refuses."""


@dataclass(frozen=True)
class Reservations:
    """What the ledger has for a pool's births."""

    used: tuple[TableBlock, ...]
    """Stored ones whose pod is made now."""
    missing: int
    """More that are to be drawn."""
    unused: tuple[TableBlock, ...]
    """Stored ones that nobody needs any more."""


def reservations(view: PoolView, waiting: Sequence[TableBlock]) -> Reservations:
    """`waiting` are the stored reservations of the pool that have no pod."""
    return Reservations(
        used=tuple(waiting[: view.births_now]),
        missing=max(0, view.births_now - len(waiting)),
        unused=tuple(waiting[view.births :]),
    )


def takes_out(view: PoolView) -> bool:
    """Whether pods leave that the stored tables still offer to new calls: their deletion follows when they do not."""
    return any(is_published(pod, view.states) for pod in view.departures)


def plan_pool(fleet: Fleet, view: PoolView, births: Iterable[TableBlock], *, exhausted: bool) -> Plan:
    """Everything but the tables. A pod that the stored tables offer to new calls is not deleted yet."""
    census, loop = view.census, view.crash_loop
    leaving = [pod for pod in view.departures if not is_published(pod, view.states)]
    ended = [pod for pod in census.ended if pod.name not in loop.kept and pod.deleted_at is None]
    told = report(view, exhausted=exhausted)
    return Plan(
        children=_children(fleet, view),
        pods=(
            *_created(view, births),
            *(_deleted(view, pod) for pod in (*leaving, *ended)),
            *_opened(fleet, view),
            *busy_patches(view.pool, (*census.live, *census.draining), view.now),
        ),
        statuses=told.patch(view),
        events=events(view, told.conditions, leaving, ended),
        requeue_after_s=_earliest([told.requeue_after_s, *_waits(view)]),
        cut=_cut(view),
    )


def _children(fleet: Fleet, view: PoolView) -> tuple[Action, ...]:
    return tuple(
        action
        for manifest in (network_policy(fleet, view.pool), busy_budget(view.pool))
        for action in applied(manifest, fleet.children.get(_key(manifest)))
    )


def _key(manifest: Mapping[str, Json]) -> ChildKey:
    metadata = manifest["metadata"]
    return ChildKey(str(manifest["kind"]), str(metadata["name"]) if isinstance(metadata, dict) else "")


def _created(view: PoolView, births: Iterable[TableBlock]) -> tuple[Action, ...]:
    template = view.template
    return () if template is None else tuple(Create(template.pod(block)) for block in births)


def _deleted(view: PoolView, pod: ObservedPod) -> Delete:
    return Delete("v1", "Pod", view.pool.metadata.namespace, pod.name, pod.uid)


def _opened(fleet: Fleet, view: PoolView) -> tuple[Patch, ...]:
    """Readiness gates of pods that stand in the stored tables."""
    body: Manifest = {
        "status": {
            "conditions": [
                {
                    "type": ROUTES_GATE,
                    "status": "True",
                    "reason": "UpToDate",
                    "message": f"in the route tables of {fleet.relay.metadata.name}",
                    "lastTransitionTime": timestamp(view.now),
                }
            ]
        }
    }
    namespace = view.pool.metadata.namespace
    return tuple(
        Patch("v1", "Pod", namespace, pod.name, body, Subresource.STATUS, strategic=True)
        for pod in view.census.live
        if not pod.routes_published and is_published(pod, view.states)
    )


def _waits(view: PoolView) -> list[float | None]:
    ends = [drain_ends_at(pod) - view.now for pod in view.census.draining if pod.busy]
    refused = REFUSED_AGAIN_S if view.refusals else None
    return [*(end_s for end_s in ends if 0 < end_s < float("inf")), refused]


def _cut(view: PoolView) -> tuple[CutCalls, ...]:
    pool = view.pool.metadata.name
    return tuple(CutCalls(pool, pod.name, calls_cut(pod)) for pod in view.census.draining if is_cut_off(pod, view.now))


def _earliest(waits: Iterable[float | None]) -> float | None:
    return min((wait for wait in waits if wait is not None), default=None)
