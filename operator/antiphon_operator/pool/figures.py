"""Calls and capacity as the status has them: not live, so that a status is not written for every call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from antiphon_crds.overlay import Json
from antiphon_operator.conditions import moment, timestamp
from antiphon_operator.observed import Manifest
from antiphon_operator.pool.census import Census, is_available

REFRESHED_EVERY_S: Final = 30.0
AT_ONCE_SHARE: Final = 0.05
"""Of the capacity: a change that is larger is written at once."""


@dataclass(frozen=True)
class Figures:
    calls: int
    capacity: int
    """Of the pods that take calls and have said what they hold."""
    free: int
    measured_at: float

    def as_status(self) -> dict[str, Json]:
        return {
            "calls": self.calls,
            "capacity": self.capacity,
            "free": self.free,
            "measuredTime": timestamp(self.measured_at),
        }


@dataclass(frozen=True)
class Reading:
    """The figures to write: those that are stored, or new ones."""

    figures: Figures
    is_new: bool
    requeue_after_s: float | None = None
    """When those of now may be written."""


def reading(census: Census, status: Manifest, now: float) -> Reading:
    measured, before = _measured(census, now), _stored(status)
    if before is None:
        return Reading(measured, is_new=True)
    if not _have_answered(census):
        return Reading(before, is_new=False)
    moved = max(
        abs(measured.calls - before.calls),
        abs(measured.capacity - before.capacity),
        abs(measured.free - before.free),
    )
    left_s = before.measured_at + REFRESHED_EVERY_S - now
    if moved == 0:
        return Reading(before, is_new=False)
    if left_s <= 0 or moved > AT_ONCE_SHARE * max(before.capacity, measured.capacity):
        return Reading(measured, is_new=True)
    return Reading(before, is_new=False, requeue_after_s=left_s)


def _have_answered(census: Census) -> bool:
    """At least half of them: just after an operator's start the others are still to be asked."""
    available = [pod for pod in census.live if is_available(pod)]
    return 2 * sum(pod.load is not None for pod in available) >= len(available)


def _measured(census: Census, now: float) -> Figures:
    loads = [pod.load for pod in census.live if pod.load is not None and is_available(pod)]
    everywhere = [pod.load.live for pod in (*census.live, *census.draining) if pod.load is not None]
    return Figures(
        calls=sum(everywhere),
        capacity=sum(load.capacity for load in loads),
        free=sum(load.free for load in loads),
        measured_at=now,
    )


def _stored(status: Manifest) -> Figures | None:
    at, numbers = moment(status.get("measuredTime")), [status.get(name) for name in ("calls", "capacity", "free")]
    calls, capacity, free = (number if isinstance(number, int) else None for number in numbers)
    if at is None or calls is None or capacity is None or free is None:
        return None
    return Figures(calls, capacity, free, at)


def counted(calls: int, noun: str = "call") -> str:
    return f"{calls} {noun}" if calls == 1 else f"{calls} {noun}s"


def names(pods: Iterable[str], most: int = 3) -> str:
    """The first few, and how many more."""
    listed = sorted(pods)
    more = len(listed) - most
    return ", ".join(listed[:most]) + (f" and {more} more" if more > 0 else "")
