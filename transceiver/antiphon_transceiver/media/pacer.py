"""One 20 ms clock for all calls of a process."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

logger = logging.getLogger(__name__)

TICK_S = 0.020

_MOST_CAUGHT_UP = 3
"""Ticks made up for at once. After a longer stall the listeners' buffers are empty anyway, and a burst of old frames
would only make every one of them play late for the rest of the speech."""

_LATE_S = 0.005


class Paced(Protocol):
    def tick(self, number: int, now: float) -> None:
        """Tick `number` is due. Numbers only go up, and leave out the ticks that were skipped."""

    def tick_failed(self) -> None:
        """Its tick raised, which has been logged; it is paced no longer. Must not raise."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What is to be done at one awakening."""

    first: int
    last: int
    """Ticks first … last are due; none if last < first."""
    skipped: int
    wake_at: float


@dataclass(frozen=True, slots=True)
class PacerStatistics:
    ticks: int
    late: int
    """Ticks that came more than 5 ms after their time."""
    skipped: int
    worst_lateness_ms: float


class Schedule:
    """Tick n is due at start + n · 20 ms, whatever happened before it: no drift. Pure."""

    def __init__(self, start: float) -> None:
        self._start = start
        self._next = 0

    def due_at(self, number: float) -> float:
        return self._start + number * TICK_S

    def number_at(self, now: float) -> float:
        return (now - self._start) / TICK_S

    def turn(self, now: float) -> Turn:
        # A hair of tolerance, so that a timer that is on time to the last bit does not count as early.
        latest = int(self.number_at(now) + 1e-6)
        first = max(self._next, latest - _MOST_CAUGHT_UP + 1)
        skipped, self._next = first - self._next, max(self._next, latest + 1)
        return Turn(first, latest, skipped, self.due_at(self._next))


class Pacer:
    def __init__(
        self, clock: Callable[[], float] = time.monotonic, unix_clock: Callable[[], float] = time.time
    ) -> None:
        self._clock = clock
        # Reports name times by one clock that never leaps; where it stands on the calendar is settled once.
        self._unix_offset = unix_clock() - clock()
        self._schedule = Schedule(clock())
        self._members: dict[Paced, None] = {}
        self._ticks = self._late = self._skipped = 0
        self._worst_lateness_s = 0.0

    def now(self) -> float:
        return self._clock()

    def unix_time(self, now: float) -> float:
        return now + self._unix_offset

    def tick_number(self, now: float) -> float:
        return self._schedule.number_at(now)

    def join(self, member: Paced) -> None:
        self._members[member] = None

    def leave(self, member: Paced) -> None:
        self._members.pop(member, None)

    async def run(self) -> None:
        """Until it is cancelled."""
        # What was due before anybody kept the time was nobody's, and is not late.
        self._schedule.turn(self._clock())
        while True:
            wake_at = self.turn()
            await asyncio.sleep(max(0.0, wake_at - self._clock()))

    def turn(self) -> float:
        """Does what is due; returns when the next tick is."""
        now = self._clock()
        turn = self._schedule.turn(now)
        self._skipped += turn.skipped
        for number in range(turn.first, turn.last + 1):
            self._count(now - self._schedule.due_at(number))
            for member in tuple(self._members):
                self._tick(member, number)
        return turn.wake_at

    def statistics(self) -> PacerStatistics:
        return PacerStatistics(self._ticks, self._late, self._skipped, round(self._worst_lateness_s * 1000, 3))

    def _count(self, lateness_s: float) -> None:
        self._ticks += 1
        self._late += lateness_s > _LATE_S
        self._worst_lateness_s = max(self._worst_lateness_s, lateness_s)

    def _tick(self, member: Paced, number: int) -> None:
        if member not in self._members:
            return
        try:
            member.tick(number, self._clock())
        except Exception:
            # The root of every call's downlink: one call's fault must not end the others'.
            self.leave(member)
            logger.exception("a call's tick failed")
            member.tick_failed()
