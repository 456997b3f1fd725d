"""A cluster told to people, or to programs. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from antiphon_cli.cluster.ailments import ailments, is_ready, leads, operator_ailments, refusals
from antiphon_cli.cluster.own_kinds import Conditions, TransceiverPool
from antiphon_cli.cluster.pod_rows import PodRow, relay_rows, transceiver_rows
from antiphon_cli.cluster.reading import NotReadError, Refused, items
from antiphon_cli.cluster.records import Event
from antiphon_cli.cluster.snapshot import Fleet, Operator, Snapshot, fleets
from antiphon_cli.cluster.words import HOUR, counted, lasting

T = TypeVar("T")

ROWS = 20
"""More pods than that are counted, not shown; -o json has them all."""
WARNINGS = 5
RECENT_S = HOUR


def all_is_well(snapshot: Snapshot) -> bool:
    """Something is there, every resource is Ready, and an operator leads where that can be seen.

    Conditions that only inform, such as that a pool is full, are told and change nothing of that.
    """
    relays, pools = snapshot.relays, snapshot.pools
    if isinstance(relays, Refused) or isinstance(pools, Refused) or not relays.value:
        return False
    ready = [*map(is_ready, relays.value), *map(is_ready, pools.value)]
    return all(ready) and not any(operator_ailments(snapshot))


def lines(snapshot: Snapshot) -> Iterator[str]:
    yield f"context {snapshot.context}, {snapshot.where if snapshot.namespace else 'all namespaces'}"
    yield from _operator_lines(snapshot)
    for fleet in fleets(snapshot):
        yield ""
        yield from _fleet_lines(fleet)
    wrong = tuple(ailments(snapshot))
    if wrong:
        yield "\nWrong:"
    for ailment in wrong:
        yield f"  {ailment.subject}: {ailment.said}"
        yield f"    look: {ailment.look}"
    yield from _warning_lines(snapshot)
    unread = refusals(snapshot)
    if unread:
        yield "\nNot read:"
    yield from (f"  {sentence}" for sentence in unread)


def document(snapshot: Snapshot) -> dict[str, object]:
    """For `-o json`."""
    return {
        "context": snapshot.context,
        "namespace": snapshot.namespace,
        "ok": all_is_well(snapshot),
        "operators": [_operator_document(operator, snapshot.at) for operator in items(snapshot.operators)],
        "voiceRelays": [_fleet_document(fleet) for fleet in fleets(snapshot)],
        "wrong": [
            {"subject": ailment.subject, "message": ailment.said, "look": ailment.look}
            for ailment in ailments(snapshot)
        ],
        "warnings": [
            {"kind": event.kind, "name": str(event.about), "reason": event.reason, "message": event.message}
            for event in _recent(snapshot)
        ],
        "notRead": list(refusals(snapshot)),
    }


def _operator_lines(snapshot: Snapshot) -> Iterator[str]:
    for operator in items(snapshot.operators):
        workload, lease = operator.workload, operator.lease
        said = f"Operator {workload.name}   {workload.available}/{workload.desired} pods"
        if leads(operator, snapshot.at) and lease is not None and lease.renewed_at is not None:
            waiting = max(workload.available - 1, 0)
            age = lasting(snapshot.at - lease.renewed_at)
            said += f"   {lease.holder} leads (renewed {age} ago), {waiting} on standby"
        else:
            said += "   none leads"
        yield said


def _fleet_lines(fleet: Fleet) -> Iterator[str]:
    relay = fleet.relay
    said = [f"VoiceRelay {relay.name}", _state(relay.conditions, is_ready=is_ready(relay))]
    said += [relay.endpoint or "no address", f"relays {relay.relays_available}/{relay.relays_desired}"]
    said += [f"calls {relay.calls}"]
    said += [] if relay.key_epoch is None else [f"key epoch {relay.key_epoch}"]
    yield "   ".join(said)
    yield from _rows(_attempt(lambda: relay_rows(fleet)))
    for pool in _attempt(lambda: fleet.pools):
        yield from _pool_lines(fleet, pool)


def _pool_lines(fleet: Fleet, pool: TransceiverPool) -> Iterator[str]:
    said = [f"TransceiverPool {pool.name}", _state(pool.conditions, is_ready=is_ready(pool))]
    pods = f"{counted(pool.replicas, 'pod')} (want {pool.desired})"
    said += [f"{pods}, {pool.draining} draining" if pool.draining else pods]
    said += [f"calls {pool.calls}", f"free {pool.free} of {pool.capacity}"]
    yield "   ".join(said)
    backend = pool.conditions.of("BackendReachable")
    yield f"  backend {pool.backend}   {backend.reason if backend else 'NotProbed'}"
    yield from _rows(_attempt(lambda: transceiver_rows(fleet, pool)))


def _rows(rows: Sequence[PodRow]) -> Iterator[str]:
    yield from (f"  {row.text()}" for row in rows[:ROWS])
    if len(rows) > ROWS:
        yield f"  and {len(rows) - ROWS} more; -o json has them all"


def _warning_lines(snapshot: Snapshot) -> Iterator[str]:
    recent = _recent(snapshot)
    if recent:
        yield "\nWarnings of the last hour:"
    for event in recent[:WARNINGS]:
        ago = lasting(snapshot.at - event.at)
        yield f"  {event.kind} {event.about}: {event.reason}: {event.message} ({ago} ago)"


def _recent(snapshot: Snapshot) -> tuple[Event, ...]:
    """Of what is a fleet's, latest first."""
    events = [event for fleet in fleets(snapshot) for event in _attempt(partial(_events, fleet))]
    recent = [event for event in events if event.warning and snapshot.at - event.at < RECENT_S]
    return tuple(sorted(recent, key=lambda event: -event.at))


def _state(conditions: Conditions, *, is_ready: bool) -> str:
    ready = conditions.ready
    if is_ready:
        return "Ready"
    return f"Not ready ({'OldStatus' if ready.is_true else ready.reason})"


def _operator_document(operator: Operator, at: float) -> dict[str, object]:
    lease = operator.lease
    return {
        "name": str(operator.workload.name),
        "desired": operator.workload.desired,
        "available": operator.workload.available,
        "leader": lease.holder if lease is not None and leads(operator, at) else None,
        "watches": list(operator.namespaces),
    }


def _fleet_document(fleet: Fleet) -> dict[str, object]:
    relay = fleet.relay
    return {
        "namespace": relay.name.namespace,
        "name": relay.name.name,
        "ready": is_ready(relay),
        "reason": relay.conditions.ready.reason,
        "endpoint": relay.endpoint or None,
        "relays": {"desired": relay.relays_desired, "available": relay.relays_available},
        "calls": relay.calls,
        "keyEpoch": relay.key_epoch,
        "conditions": _conditions_document(relay.conditions),
        "pods": [row.document() for row in _attempt(lambda: relay_rows(fleet))],
        "pools": [_pool_document(fleet, pool) for pool in _attempt(lambda: fleet.pools)],
    }


def _pool_document(fleet: Fleet, pool: TransceiverPool) -> dict[str, object]:
    return {
        "name": pool.name.name,
        "ready": is_ready(pool),
        "reason": pool.conditions.ready.reason,
        "backend": pool.backend,
        "scaling": pool.scaling_mode,
        "desired": pool.desired,
        "replicas": pool.replicas,
        "available": pool.available,
        "draining": pool.draining,
        "calls": pool.calls,
        "capacity": pool.capacity,
        "free": pool.free,
        "conditions": _conditions_document(pool.conditions),
        "pods": [row.document() for row in _attempt(lambda: transceiver_rows(fleet, pool))],
    }


def _conditions_document(conditions: Conditions) -> list[dict[str, str]]:
    return [
        {
            "type": condition.type,
            "status": condition.status,
            "reason": condition.reason,
            "message": condition.message,
        }
        for condition in conditions.all
    ]


def _events(fleet: Fleet) -> tuple[Event, ...]:
    return fleet.events


def _attempt(items: Callable[[], tuple[T, ...]]) -> tuple[T, ...]:
    """None of what could not be read; `refusals` says that it was not."""
    try:
        return items()
    except NotReadError:
        return ()
