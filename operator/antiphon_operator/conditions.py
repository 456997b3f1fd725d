"""Conditions of a resource's status (metav1.Condition), and the patch that writes a status where it changed.

`kstatus` reads them: Reconciling and Stalled are there only while they are True; Stalled says that a person must act.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from antiphon_crds.documents import API_VERSION
from antiphon_crds.overlay import Json
from antiphon_operator.actions import Patch, Subresource
from antiphon_operator.observed import Manifest


class Truth(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True)
class Condition:
    type: str
    status: Truth
    reason: str
    """One CamelCase word of a closed enum."""
    message: str


@dataclass(frozen=True)
class Subject:
    """The resource whose status it is."""

    kind: str
    namespace: str
    name: str
    generation: int


def holds(kind: str, reason: str, message: str = "") -> Condition:
    return Condition(kind, Truth.TRUE, reason, message)


def fails(kind: str, reason: str, message: str) -> Condition:
    return Condition(kind, Truth.FALSE, reason, message)


def unknown(kind: str, reason: str, message: str) -> Condition:
    return Condition(kind, Truth.UNKNOWN, reason, message)


def ready(required: Sequence[Condition], serving: str) -> Condition:
    """Ready: the first of the required conditions that does not hold, in its own words; else reason Serving."""
    for condition in required:
        if condition.status is not Truth.TRUE:
            return Condition("Ready", condition.status, condition.reason, condition.message)
    return holds("Ready", "Serving", serving)


def written(conditions: Sequence[Condition], before: Manifest, generation: int, now: float) -> list[Json]:
    """The list as it is stored; `before` is the status that is there.

    A condition whose status is what it was keeps its lastTransitionTime. One that is not named any more goes.
    """
    since = _transitions(before)
    return [
        {
            "type": condition.type,
            "status": condition.status.value,
            "reason": str(condition.reason),
            "message": condition.message,
            "observedGeneration": generation,
            "lastTransitionTime": since.get((condition.type, condition.status.value)) or timestamp(now),
        }
        for condition in conditions
    ]


def find(status: Manifest, kind: str) -> Mapping[str, Json]:
    """The stored condition of that type, or an empty mapping."""
    listed = status.get("conditions")
    items = listed if isinstance(listed, list) else []
    return next((item for item in items if isinstance(item, dict) and item.get("type") == kind), {})


def stored(status: Manifest, kind: str) -> Condition | None:
    """The stored condition of that type as a value."""
    found = find(status, kind)
    truth, reason, message = found.get("status"), found.get("reason"), found.get("message")
    if not (isinstance(truth, str) and truth in set(Truth) and isinstance(reason, str) and isinstance(message, str)):
        return None
    return Condition(kind, Truth(truth), reason, message)


def status_patch(subject: Subject, before: Manifest, after: Manifest) -> tuple[Patch, ...]:
    """What makes the stored status `before` into `after`: nothing where they are equal."""
    change = merge_patch(before, after)
    if not change:
        return ()
    body: Manifest = {"status": change}
    return (Patch(API_VERSION, subject.kind, subject.namespace, subject.name, body, Subresource.STATUS),)


def merge_patch(before: Manifest, after: Manifest) -> dict[str, Json]:
    """The smallest JSON merge patch (RFC 7386) from one to the other; a list is one value."""
    change: dict[str, Json] = {key: None for key in before if key not in after}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            if inner := merge_patch(old, value):
                change[key] = inner
        elif key not in before or old != value:
            change[key] = value
    return change


def timestamp(at: float) -> str:
    """Unix seconds as metav1.Time: whole seconds, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: Json) -> float | None:
    """A stored metav1.Time as Unix seconds; None where there is none."""
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def _transitions(status: Manifest) -> dict[tuple[str, str], str]:
    listed = status.get("conditions")
    return {
        (kind, truth): since
        for item in (listed if isinstance(listed, list) else [])
        if isinstance(item, dict)
        if isinstance(kind := item.get("type"), str)
        and isinstance(truth := item.get("status"), str)
        and isinstance(since := item.get("lastTransitionTime"), str)
    }
