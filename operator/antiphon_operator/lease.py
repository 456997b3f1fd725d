"""Who leads, decided from a Lease as it was read: no clock and no network in here.

Every replica judges the record's age by its own monotonic clock, from the moment it first saw the record as it is;
clocks of different machines are never compared. A leader may act until `Timing.renew_deadline_s` after it *sent* its
last successful renewal; its requests end within `request_timeout_s`; both together are less than `duration_s`, after
which another may take the Lease. So what an old leader sends has ended before a new one begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Timing:
    duration_s: int = 15
    """A record that has not changed for so long may be taken."""

    @property
    def renew_deadline_s(self) -> float:
        return self.duration_s * 0.6

    @property
    def request_timeout_s(self) -> float:
        """Half of the renew deadline: one request that hangs leaves time for another."""
        return self.renew_deadline_s / 2

    @property
    def retry_s(self) -> float:
        return self.duration_s / 7.5


@dataclass(frozen=True)
class Record:
    """What a Lease says."""

    holder: str
    """Empty: released."""
    resource_version: str
    transitions: int = 0


@dataclass(frozen=True)
class Sighting:
    record: Record
    since: float
    """When this process first saw the record as it is, by its monotonic clock."""


class Step(StrEnum):
    CREATE = "create"
    """There is no Lease."""
    TAKE = "take"
    """Released, or not renewed for its whole duration."""
    RENEW = "renew"
    """It is ours."""
    WAIT = "wait"
    """Another one leads."""


def sighted(before: Sighting | None, record: Record | None, now: float) -> Sighting | None:
    if record is None:
        return None
    if before is not None and before.record.resource_version == record.resource_version:
        return before
    return Sighting(record, now)


def next_step(identity: str, sighting: Sighting | None, now: float, timing: Timing) -> Step:
    if sighting is None:
        return Step.CREATE
    if sighting.record.holder == identity:
        return Step.RENEW
    if not sighting.record.holder or now - sighting.since >= timing.duration_s:
        return Step.TAKE
    return Step.WAIT


def transitions_after(identity: str, before: Record | None) -> int:
    """How often the Lease has changed hands, once `identity` holds it."""
    if before is None:
        return 0
    return before.transitions + (before.holder != identity)
