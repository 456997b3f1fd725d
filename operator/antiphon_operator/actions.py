"""What `plan` decides and `apply` executes, each a value. Nothing is left to decide in executing them.

The steps of a round run in this order, and a failed one ends the round, which is then planned anew from what is there:
children, tables, pods, statuses, events. So no pod exists whose routes were not written first.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from antiphon_operator.observed import Manifest


@dataclass(frozen=True)
class Create:
    """Where an object of that name is there, it is not touched: whose it is decides what comes next."""

    manifest: Manifest


@dataclass(frozen=True)
class Apply:
    """Server-side apply, forced where the object is ours: fields that others set are theirs until we name them."""

    manifest: Manifest


@dataclass(frozen=True)
class Replace:
    """On the condition of its metadata.resourceVersion: a conflict ends the round."""

    manifest: Manifest


@dataclass(frozen=True)
class Delete:
    """That it is gone already is success."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str | None = None
    """Only this object, not one that has its name by now."""
    grace_seconds: int | None = None


class Subresource(StrEnum):
    NONE = ""
    STATUS = "status"


@dataclass(frozen=True)
class Patch:
    """JSON merge patch (RFC 7386), or a strategic one for conditions of pods, whose list is keyed by type."""

    api_version: str
    kind: str
    namespace: str
    name: str
    body: Manifest
    subresource: Subresource = Subresource.NONE
    strategic: bool = False


class EventType(StrEnum):
    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True)
class Event:
    """Said once at a change of state, of the resource that a person looks at."""

    type: EventType
    reason: str
    message: str
    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


Action = Create | Apply | Replace | Delete | Patch


@dataclass(frozen=True)
class CutCalls:
    """Calls that were left on a pod at its drain deadline."""

    pool: str
    pod: str
    calls: int


@dataclass(frozen=True)
class Plan:
    children: tuple[Action, ...] = ()
    tables: tuple[Action, ...] = ()
    pods: tuple[Action, ...] = ()
    statuses: tuple[Action, ...] = ()
    events: tuple[Event, ...] = ()
    resolve: tuple[str, ...] = ()
    """Host names whose addresses the next round wants."""
    requeue_after_s: float | None = None
    """When time alone would change the plan; None: only an event can."""
    cut: tuple[CutCalls, ...] = ()
    """To be counted."""

    def __add__(self, other: Plan) -> Plan:
        waits = [wait for wait in (self.requeue_after_s, other.requeue_after_s) if wait is not None]
        return Plan(
            self.children + other.children,
            self.tables + other.tables,
            self.pods + other.pods,
            self.statuses + other.statuses,
            self.events + other.events,
            self.resolve + other.resolve,
            min(waits, default=None),
            self.cut + other.cut,
        )
