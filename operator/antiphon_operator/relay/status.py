"""The status of a VoiceRelay, computed from what a call needs."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from antiphon_crds.overlay import Json
from antiphon_operator.actions import Event, EventType, Patch
from antiphon_operator.conditions import Condition, Subject, holds, ready, status_patch, written
from antiphon_operator.finding import Finding
from antiphon_operator.observed import ChildKey, Fleet
from antiphon_operator.pods_reason import PodsReason
from antiphon_operator.relay.addresses import Addresses, Endpoint
from antiphon_operator.relay.availability import relays_available, relays_state, signaling_available, signaling_state
from antiphon_operator.relay.call_count import call_count
from antiphon_operator.relay.event import event
from antiphon_operator.relay.keys import Keys
from antiphon_operator.relay.names import FleetNames
from antiphon_operator.relay.published_routes import route_count, routes_published
from antiphon_operator.relay.reason import AddressReason, KeysReason, ProgressReason
from antiphon_operator.relay.refused import unless_refused
from antiphon_operator.relay.signaling_service import signaling_url

VERSION: Final = version("antiphon-operator")


@dataclass(frozen=True)
class Status:
    patches: tuple[Patch, ...]
    events: tuple[Event, ...]
    look_again_at: tuple[float, ...]


@dataclass(frozen=True)
class _Health:
    assigned: Finding
    relays: Finding
    signaling: Finding
    keys: Finding
    routes: Finding
    resolved: Finding

    @property
    def needed(self) -> tuple[Finding, ...]:
        """What a call needs, so what Ready asks for, in this order."""
        return (self.assigned, self.relays, self.signaling, self.keys, self.routes)

    @property
    def all(self) -> tuple[Finding, ...]:
        return (*self.needed, self.resolved)


def planned_status(fleet: Fleet, addresses: Addresses, keys: Keys, now: float) -> Status:
    health = _health(fleet, addresses, keys, now)
    relay, before = fleet.relay.metadata, fleet.relay_status
    calls = call_count(_live_calls(fleet), before.get("calls"), now)
    after: dict[str, Json] = {
        "observedGeneration": relay.generation,
        **_address_fields(addresses.endpoints),
        "signalingURL": signaling_url(fleet),
        "relays": _relays(fleet),
        "pools": len(fleet.pools),
        "routes": route_count(fleet),
        "calls": calls.shown,
        "keyEpoch": keys.epoch,
        "version": VERSION,
        "conditions": written(_conditions(fleet, addresses, health), before, relay.generation, now),
    }
    moments = [*(finding.look_again_at for finding in health.all), calls.look_again_at]
    return Status(
        status_patch(Subject("VoiceRelay", relay.namespace, relay.name, relay.generation), before, after),
        _events(fleet, addresses.endpoints),
        tuple(moment for moment in moments if moment is not None),
    )


def _health(fleet: Fleet, addresses: Addresses, keys: Keys, now: float) -> _Health:
    names = FleetNames(fleet.relay.metadata.name)
    relays = relays_available(fleet, now)
    if not relays.is_well:
        workload = fleet.relay.spec.workload.kind.value
        needed = (ChildKey("Service", names.metrics), ChildKey(workload, names.relay))
        relays = unless_refused(relays, fleet, PodsReason.WRITE_REFUSED, *needed)
    signaling = (ChildKey("Service", names.signaling), ChildKey("Deployment", names.signaling))
    secrets = (ChildKey("Secret", names.keys), ChildKey("Secret", names.control))
    public = ChildKey("Service", names.relay)
    return _Health(
        assigned=unless_refused(addresses.assigned, fleet, AddressReason.WRITE_REFUSED, public),
        relays=relays,
        signaling=unless_refused(signaling_available(fleet), fleet, PodsReason.WRITE_REFUSED, *signaling),
        keys=unless_refused(keys.finding, fleet, KeysReason.WRITE_REFUSED, *secrets),
        routes=routes_published(fleet, tuple(str(endpoint) for endpoint in addresses.endpoints)),
        resolved=addresses.resolved,
    )


def _live_calls(fleet: Fleet) -> int:
    pods = [pod for pool in fleet.pools for pod in pool.pods] + list(fleet.stray_pods)
    return sum(pod.load.live for pod in pods if pod.load is not None)


def _conditions(fleet: Fleet, addresses: Addresses, health: _Health) -> list[Condition]:
    endpoint = next((str(endpoint) for endpoint in addresses.endpoints), "")
    serving = f"{endpoint}: {health.relays.condition.message}; {health.routes.condition.message}"
    summary = ready([finding.condition for finding in health.needed], serving)
    # kstatus looks at Stalled first, so one of the two is enough.
    progress = _stalled(fleet, health) or _reconciling(fleet, health)
    return [
        summary,
        *(finding.condition for finding in health.all),
        *([progress] if progress is not None else []),
    ]


def _stalled(fleet: Fleet, health: _Health) -> Condition | None:
    """A person must act, though calls may still work."""
    for finding in health.all:
        if finding.is_stalled:
            return holds("Stalled", finding.condition.reason, finding.condition.message)
    names = FleetNames(fleet.relay.metadata.name).all
    for refusal in fleet.refusals:
        if refusal.name in names or refusal.kind == "RouteTable":
            return holds("Stalled", ProgressReason.WRITE_REFUSED, refusal.sentence)
    return None


def _reconciling(fleet: Fleet, health: _Health) -> Condition | None:
    for finding in health.needed:
        if not finding.is_well:
            return holds("Reconciling", finding.condition.reason, finding.condition.message)
    for what, state in (("relays", relays_state(fleet)), ("signaling pods", signaling_state(fleet))):
        if state.is_rolling:
            message = f"{state.updated} of {state.desired} {what} are as wanted now, {state.available} serve"
            return holds("Reconciling", ProgressReason.ROLLING_OUT, message)
    return None


def _address_fields(endpoints: tuple[Endpoint, ...]) -> dict[str, Json]:
    if not endpoints:
        return {}
    listed: list[Json] = [
        {"ip": endpoint.ip, "port": endpoint.port, **({"region": endpoint.region} if endpoint.region else {})}
        for endpoint in endpoints
    ]
    return {"endpoint": str(endpoints[0]), "addresses": listed}


def _relays(fleet: Fleet) -> dict[str, Json]:
    state = relays_state(fleet)
    return {"desired": state.desired, "available": state.available, "updated": state.updated}


def _events(fleet: Fleet, endpoints: tuple[Endpoint, ...]) -> tuple[Event, ...]:
    if not endpoints or fleet.relay_status.get("endpoint") == str(endpoints[0]):
        return ()
    listed = ", ".join(str(endpoint) for endpoint in endpoints)
    return (event(fleet, EventType.NORMAL, "AddressAssigned", f"callers send to {listed}"),)
