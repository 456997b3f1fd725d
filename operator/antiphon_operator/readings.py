"""What is there, read at a scrape. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from antiphon_operator.fleets import FleetKey, Fleets, KnownPool
from antiphon_operator.kinds import VOICE_RELAY
from antiphon_operator.metrics import Reading
from antiphon_operator.observed import ObservedPod
from antiphon_operator.parsing.fields import Fields
from antiphon_operator.pool.scaling import free_target
from antiphon_operator.relay.key_secret import read_secret
from antiphon_operator.relay.names import FleetNames

_OF_RESOURCE: Final = ("kind", "namespace", "name")
_OF_FLEET: Final = ("namespace", "voicerelay")
_OF_POOL: Final = (*_OF_FLEET, "pool")
_Labels: TypeAlias = tuple[str, str, str]
"""Of a pool."""
_POD_STATES: Final = ("Pending", "Ready", "NotReady", "Draining", "Ended")


def readings(fleets: Fleets, ages: Iterable[tuple[str, float]], last_good_at: Callable[[], float]) -> Iterator[Reading]:
    yield from _resources(fleets)
    yield from _pools(fleets)
    yield from _relays(fleets)
    yield from _keys(fleets)
    yield Reading(
        "antiphon_operator_watch_age_seconds",
        "Since the API server last said anything about a kind.",
        ("kind",),
        tuple(((kind,), age_s) for kind, age_s in ages),
    )
    yield Reading(
        "antiphon_operator_last_good_round_timestamp_seconds",
        "When a fleet was last reconciled without a failure; now, where there is none.",
        (),
        (((), last_good_at()),),
    )


def _resources(fleets: Fleets) -> Iterator[Reading]:
    for condition in ("Ready", "Stalled"):
        yield Reading(
            f"antiphon_operator_resource_{condition.lower()}",
            f"1: the resource's condition {condition} is True.",
            _OF_RESOURCE,
            tuple(
                ((kind, name.namespace, name.name), float(_is_true(status, condition)))
                for kind, name, status in fleets.statuses()
            ),
        )


def _is_true(status: Mapping[str, object], condition: str) -> bool:
    conditions = Fields(status).items("conditions")
    return any(one.word("type") == condition and one.word("status") == "True" for one in conditions)


def _pools(fleets: Fleets) -> Iterator[Reading]:
    pools = {(one.fleet.namespace, one.fleet.relay, one.pool.metadata.name): one for one in fleets.pools()}
    yield _pods(fleets, pools)
    yield Reading(
        "antiphon_operator_pods_desired",
        "What the pool's scaler wants.",
        _OF_POOL,
        tuple((labels, float(Fields(one.status).integer("desiredReplicas"))) for labels, one in pools.items()),
    )
    yield Reading(
        "antiphon_operator_calls_free",
        "Free calls of the pods that take any, as the pool's status has them.",
        _OF_POOL,
        tuple((labels, float(Fields(one.status).integer("free"))) for labels, one in pools.items()),
    )
    targets = {labels: _free_target(one) for labels, one in pools.items()}
    yield Reading(
        "antiphon_operator_calls_free_target",
        "Calls to be kept free, of a pool that is scaled by its free capacity.",
        _OF_POOL,
        tuple((labels, float(target)) for labels, target in targets.items() if target is not None),
    )
    yield Reading(
        "antiphon_operator_drain_cut_calls",
        "Calls that were left when their pod's drain deadline came.",
        _OF_POOL,
        tuple((labels, float(one.cut_calls)) for labels, one in pools.items()),
        counts=True,
    )


def _free_target(known: KnownPool) -> int | None:
    return free_target(known.pool, Fields(known.status).integer("capacity"))


def _pods(fleets: Fleets, pools: Iterable[_Labels]) -> Reading:
    pods: Counter[tuple[_Labels, str]] = Counter()
    for key, record in fleets.pods():
        if record.pool:
            pods[(key.namespace, key.relay, record.pool), _state(record.pod)] += 1
    return Reading(
        "antiphon_operator_pods",
        "Transceiver pods by what they do.",
        (*_OF_POOL, "state"),
        tuple(((*labels, state), float(pods[labels, state])) for labels in pools for state in _POD_STATES),
    )


def _relays(fleets: Fleets) -> Iterator[Reading]:
    relays = [
        ((name.namespace, name.name), Fields(status).within("relays"))
        for kind, name, status in fleets.statuses()
        if kind == VOICE_RELAY.name and "relays" in status
    ]
    for metric, documentation, counted in (
        ("relays", "Relays that serve.", "available"),
        ("relays_desired", "Relays that the VoiceRelay asks for.", "desired"),
    ):
        values = tuple((labels, float(found.integer(counted))) for labels, found in relays)
        yield Reading(f"antiphon_operator_{metric}", documentation, _OF_FLEET, values)


def _keys(fleets: Fleets) -> Iterator[Reading]:
    newest, due = [], []
    for labels in [(name.namespace, name.name) for kind, name, _ in fleets.statuses() if kind == VOICE_RELAY.name]:
        key = FleetKey(*labels)
        secret = fleets.child(key, "Secret", FleetNames(key.relay).keys)
        stored = None if secret is None else read_secret(secret)
        if stored is not None and stored.ring.newest is not None:
            newest.append((labels, float(stored.ring.newest.mint_from)))
        if stored is not None and stored.next_turn is not None:
            due.append((labels, stored.next_turn))
    yield Reading(
        "antiphon_operator_key_newest_timestamp_seconds",
        "When the newest key of the fleet begins to make tickets.",
        _OF_FLEET,
        tuple(newest),
    )
    yield Reading(
        "antiphon_operator_key_next_rotation_timestamp_seconds",
        "When the fleet's keys have to be turned next.",
        _OF_FLEET,
        tuple(due),
    )


def _state(pod: ObservedPod) -> str:
    if pod.phase in ("Succeeded", "Failed"):
        return "Ended"
    if pod.deadline is not None:
        return "Draining"
    if pod.phase != "Running":
        return "Pending"
    return "Ready" if pod.ready else "NotReady"
