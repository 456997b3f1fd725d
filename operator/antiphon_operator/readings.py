"""Gauges of what is there, read at a scrape. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from antiphon_operator.fleets import FleetKey, Fleets
from antiphon_operator.metrics import Reading
from antiphon_operator.observed import ObservedPod
from antiphon_operator.parsing.fields import Fields

_OF_RESOURCE: Final = ("kind", "namespace", "name")
_OF_POOL: Final = ("namespace", "voicerelay", "pool")
_POD_STATES: Final = ("Pending", "Ready", "NotReady", "Draining", "Ended")


def readings(fleets: Fleets, ages: Iterable[tuple[str, float]], last_good_at: Callable[[], float]) -> Iterator[Reading]:
    yield from _resources(fleets)
    yield from _pools(fleets)
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
    pods: Counter[tuple[FleetKey, str, str]] = Counter()
    for key, record in fleets.pods():
        if record.pool:
            pods[key, record.pool, _state(record.pod)] += 1
    pools = tuple(fleets.pool_statuses())
    yield Reading(
        "antiphon_operator_pods",
        "Transceiver pods by what they do.",
        (*_OF_POOL, "state"),
        tuple(
            ((key.namespace, key.relay, pool, state), float(pods[key, pool, state]))
            for key, pool, _ in pools
            for state in _POD_STATES
        ),
    )
    yield Reading(
        "antiphon_operator_pods_desired",
        "What the pool's scaler wants.",
        _OF_POOL,
        tuple(
            ((key.namespace, key.relay, pool), float(Fields(status).integer("desiredReplicas")))
            for key, pool, status in pools
        ),
    )


def _state(pod: ObservedPod) -> str:
    if pod.phase in ("Succeeded", "Failed"):
        return "Ended"
    if pod.deadline is not None:
        return "Draining"
    if pod.phase != "Running":
        return "Pending"
    return "Ready" if pod.ready else "NotReady"
