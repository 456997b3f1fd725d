"""What is known and decided of one pool in a round: the input of its actions, its status and its events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from antiphon_crds.transceiver_pool import TransceiverPool
from antiphon_operator.node_loss import Outage, outage
from antiphon_operator.observed import ChildKey, Fleet, Manifest, ObservedPod, ObservedPool, Refusal, TableBlockState
from antiphon_operator.pool.autoscaler import Scaling
from antiphon_operator.pool.census import Census, take
from antiphon_operator.pool.crash_loop import CrashLoop, crash_loop
from antiphon_operator.pool.disruption import budget_name
from antiphon_operator.pool.pods import PodTemplate, pod_template
from antiphon_operator.pool.rollout import Bounds, births, bounds, departures
from antiphon_operator.pool.scaling import scaling
from antiphon_operator.relay.families import families
from antiphon_operator.relay.names import FleetNames
from antiphon_operator.relay.refused import refused
from antiphon_operator.routes.route_ids import pool_of


@dataclass(frozen=True)
class PoolView:
    pool: TransceiverPool
    status: Manifest
    """As it is stored."""
    template: PodTemplate | None
    """None: it is not known yet what sockets pods can bind."""
    census: Census
    scaling: Scaling
    bounds: Bounds
    crash_loop: CrashLoop
    births: int
    """Pods that are missing, those with a reservation included."""
    births_now: int
    """So many of them may be made at this moment."""
    departures: tuple[ObservedPod, ...]
    states: Mapping[str, TableBlockState]
    """By pod, as the tables are stored."""
    refusals: tuple[Refusal, ...]
    """Of the pool's pods and other children, of any RouteTable, and of a Secret without which pods cannot start."""
    outage: Outage | None
    """Of the nodes; None: those that are silent are lost."""
    now: float


def view(
    fleet: Fleet,
    observed: ObservedPool,
    states: Mapping[str, TableBlockState],
    unwanted: frozenset[str],
    now: float,
) -> PoolView:
    pool, known = observed.pool, families(fleet)
    template = None if known is None else pod_template(fleet, pool, known)
    revision = None if template is None else template.revision
    census = take(observed.pods, pool.metadata.name, revision, unwanted)
    scaled = scaling(pool, observed.status, census.live, now)
    bound = bounds(scaled.desired, pool.spec.update)
    loop = crash_loop(census, revision, now)
    missing = births(census, bound)
    refusals = tuple(one for one in fleet.refusals if _concerns(one, fleet, pool))
    return PoolView(
        pool=pool,
        status=observed.status,
        template=template,
        census=census,
        scaling=scaled,
        bounds=bound,
        crash_loop=loop,
        births=missing,
        births_now=_allowed(missing, template, loop, refusals),
        departures=departures(census, bound, pool.spec.sessions_per_pod, states),
        states=states,
        refusals=refusals,
        outage=outage(fleet.nodes),
        now=now,
    )


def _allowed(wanted: int, template: PodTemplate | None, loop: CrashLoop, refusals: tuple[Refusal, ...]) -> int:
    if template is None:
        return 0
    if any(one.kind == "Secret" for one in refusals):
        return 0
    if loop.births is not None:
        wanted = min(wanted, loop.births)
    # Where pods were refused in the last round, one shows whether they still are; a name that is taken is one pod's.
    return min(wanted, 1) if any(one.kind == "Pod" and not one.is_foreign for one in refusals) else wanted


def _concerns(refusal: Refusal, fleet: Fleet, pool: TransceiverPool) -> bool:
    name, names = pool.metadata.name, FleetNames(fleet.relay.metadata.name)
    match refusal.kind:
        case "RouteTable":
            return True
        case "Pod":
            return pool_of(refusal.name) == name
        case "Secret":
            return any(refused(fleet, ChildKey("Secret", secret)) == refusal for secret in (names.keys, names.control))
        case "NetworkPolicy":
            return refusal.name == name
        case kind:
            return (kind, refusal.name) == ("PodDisruptionBudget", budget_name(pool))
