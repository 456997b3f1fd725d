"""What a cluster's own statuses say is wrong, and where to look. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from antiphon_cli.cluster.own_kinds import READY, Condition, Conditions, TransceiverPool, VoiceRelay
from antiphon_cli.cluster.reading import Known, Refused, items
from antiphon_cli.cluster.snapshot import Operator, Snapshot, orphans
from antiphon_cli.cluster.words import counted

BAD_WHEN_TRUE = frozenset({"Stalled", "ScalingLimited"})
WORK = frozenset({"Draining", "Reconciling", "Updated"})
"""They tell of work that goes on."""
AT_MINIMUM = "AtMinReplicas"
"""Reason of ScalingLimited: fewer pods would do, which is as it was asked for."""
SLACK_S = 2.0
"""A Lease's renewal is told in parts of a second, the server's clock in whole ones."""


@dataclass(frozen=True)
class Ailment:
    subject: str
    said: str
    look: str
    """The command that shows more."""


def is_ready(resource: VoiceRelay | TransceiverPool) -> bool:
    """As kstatus has it: what was said of an older spec is not said of this one."""
    return resource.conditions.ready.is_true and resource.observed_generation >= resource.generation


def leads(operator: Operator, at: float) -> bool:
    lease = operator.lease
    if lease is None or not lease.holder or lease.renewed_at is None:
        return False
    return at - lease.renewed_at <= lease.duration_s + SLACK_S


def ailments(snapshot: Snapshot) -> Iterator[Ailment]:
    yield from operator_ailments(snapshot)
    for relay in items(snapshot.relays):
        yield from _of_resource("VoiceRelay", "vrelay", relay)
    for pool in items(snapshot.pools):
        yield from _of_resource("TransceiverPool", "tpool", pool)
    if isinstance(snapshot.relays, Known) and isinstance(snapshot.pools, Known):
        for pool in orphans(snapshot):
            look = f"kubectl -n {pool.name.namespace} get vrelay"
            said = f"its spec.relayRef names {pool.relay}, and there is no such VoiceRelay"
            yield Ailment(f"TransceiverPool {pool.name}", said, look)


def refusals(snapshot: Snapshot) -> tuple[str, ...]:
    """What could not be read, each once; pods that did not answer together."""
    readings = (
        snapshot.relays,
        snapshot.pools,
        snapshot.tables,
        snapshot.pods,
        snapshot.workloads,
        snapshot.services,
        snapshot.operators,
        snapshot.events,
    )
    said = [reading.sentence for reading in readings if isinstance(reading, Refused)]
    silent = [reading.sentence for reading in snapshot.numbers.values() if isinstance(reading, Refused)]
    if silent:
        said.append(f"{counted(len(silent), 'pod')} did not tell their own figures, such as: {silent[0]}")
    return tuple(dict.fromkeys(said))


def operator_ailments(snapshot: Snapshot) -> Iterator[Ailment]:
    if isinstance(snapshot.operators, Refused):
        return
    operators = snapshot.operators.value
    look = "kubectl get deployments -A -l app.kubernetes.io/name=antiphon,app.kubernetes.io/component=operator"
    if not operators:
        yield Ailment("Operator", "there is none: statuses are not kept, and pods are not replaced", look)
    elif not any(leads(operator, snapshot.at) for operator in operators):
        yield Ailment("Operator", "none leads: statuses may be old, and pods are not replaced", look)
    elif unwatched := sorted(_unwatched(snapshot, operators)):
        said = f"none watches {', '.join(unwatched)}: statuses there are not kept, and pods are not replaced"
        yield Ailment("Operator", said, f"{look} -o yaml")


def _unwatched(snapshot: Snapshot, operators: tuple[Operator, ...]) -> set[str]:
    used = {relay.name.namespace for relay in items(snapshot.relays)}
    return {name for name in used if not any(operator.watches(name) for operator in operators)}


def _of_resource(kind: str, short: str, resource: VoiceRelay | TransceiverPool) -> Iterator[Ailment]:
    subject = f"{kind} {resource.name}"
    look = f"kubectl -n {resource.name.namespace} describe {short} {resource.name.name}"
    if resource.observed_generation < resource.generation and resource.observed_generation >= 0:
        said = f"the operator has not seen generation {resource.generation} of its spec yet"
        yield Ailment(subject, said, look)
    named = [_said(condition) for condition in _bad(resource.conditions)]
    if not named and not resource.conditions.ready.is_true:
        named = [_said(resource.conditions.ready)]
    yield from (Ailment(subject, said, look) for said in named)


def _bad(conditions: Conditions) -> Iterable[Condition]:
    for condition in conditions.all:
        if condition.type == READY or condition.type in WORK or condition.reason == AT_MINIMUM:
            continue
        if condition.is_true == (condition.type in BAD_WHEN_TRUE):
            yield condition


def _said(condition: Condition) -> str:
    return f"{condition.type} is {condition.status} ({condition.reason}): {condition.message}"
