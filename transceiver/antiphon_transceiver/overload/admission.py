"""Whether a pod takes calls, and whether it lets one go: a period's figures in, a decision out. Pure.

Each sign of overload has two marks. Above the first, the period is strained by it; at or below the second, it is calm.
In between nothing changes. Admission closes after CLOSES_AFTER strained periods in a row: a stall shorter than a period
lies in two at most and is not enough. It opens after OPENS_AFTER calm ones. The signs come in the order of their
weight: the first that a period shows is the reason that is given.

Calls are ended only for deadlines that were missed, never for a sign that they may be, and only when closing did not
help: after so many periods in a row, each begun with admission closed. Then one a period, as long as it goes on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from antiphon_transceiver.overload.period import Period

CLOSES_AFTER: Final = 3
OPENS_AFTER: Final = 5


class Sign(StrEnum):
    """Why admission is closed; the value is the metric's label."""

    MISSED = "missed"
    """Frames went out later than they are long, or not at all."""
    LATE = "late"
    """Frames went out more than 5 ms late: nobody hears it yet."""
    WORKERS_BEHIND = "workers_behind"
    """Packets waited more than 10 ms to be decoded."""
    LOOP_BEHIND = "loop_behind"
    """Sound waited for the event loop, which takes it to the backends."""
    THROTTLED = "throttled"
    """The kernel stopped the pod for its CPU limit."""
    CPU = "cpu"
    """Nearly all of the CPU that it may use is used, or all that its event loop can."""


@dataclass(frozen=True)
class Marks:
    figure: Callable[[Period], float]
    strained_above: float
    calm_at: float


MARKS: Final = {
    Sign.MISSED: Marks(lambda period: period.missed_share, strained_above=0.01, calm_at=0.002),
    Sign.LATE: Marks(lambda period: period.late_share, strained_above=0.2, calm_at=0.05),
    Sign.WORKERS_BEHIND: Marks(lambda period: period.long_wait_share, strained_above=0.2, calm_at=0.05),
    Sign.LOOP_BEHIND: Marks(lambda period: period.chunk_wait_ms, strained_above=60.0, calm_at=30.0),
    Sign.THROTTLED: Marks(lambda period: period.throttled_share, strained_above=0.3, calm_at=0.1),
    Sign.CPU: Marks(lambda period: period.cpu_share, strained_above=0.9, calm_at=0.8),
}


@dataclass(frozen=True)
class Admission:
    """As of a period's end."""

    closed: Sign | None = None
    """Why; the sign that closed it stands until it opens."""
    sheds: bool = False
    """The newest call is to be ended."""
    strained: int = 0
    """Periods in a row, as the next two."""
    calm: int = 0
    missing: int = 0
    """Deadlines were missed although admission was closed."""

    def after(self, period: Period, *, shed_after: int) -> "Admission":
        sign = strain(period)
        strained = 0 if sign is None else self.strained + 1
        calm = self.calm + 1 if is_calm(period) else 0
        missing = self.missing + 1 if sign is Sign.MISSED and self.closed is not None else 0
        return Admission(
            closed=self._closed(sign, strained, calm),
            sheds=0 < shed_after <= missing,
            strained=strained,
            calm=calm,
            missing=missing,
        )

    def _closed(self, sign: Sign | None, strained: int, calm: int) -> Sign | None:
        if self.closed is not None:
            return None if calm >= OPENS_AFTER else self.closed
        return sign if strained >= CLOSES_AFTER else None


def strain(period: Period) -> Sign | None:
    """The weightiest sign that it shows."""
    return next((sign for sign, marks in MARKS.items() if marks.figure(period) > marks.strained_above), None)


def is_calm(period: Period) -> bool:
    return all(marks.figure(period) <= marks.calm_at for marks in MARKS.values())
