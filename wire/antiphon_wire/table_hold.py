"""Whether a newer table replaces the one in force at once, later, or not. Pure: the time is passed in.

A table that leaves most of the pods out is either a mistake of its writer's, which would cut their calls, or the truth,
which came late: to a reader that was cut off for longer than lost blocks are kept. The two look alike at first, so such
a table is held back; a mistake is mended in minutes, and the truth stays.
"""

from dataclasses import dataclass
from typing import Final

from antiphon_wire.fleet_table import FleetTable
from antiphon_wire.route_table import Held, HoldReason

HOLD_S: Final = 600.0
"""How long it has to stay. The operator plans each fleet anew at least every 5 minutes, so it has come by twice, and
who is paged for the hold has had a moment; all the while, calls of pods that only the held table names fail here."""


@dataclass(frozen=True)
class Waiting:
    """A table that is held back."""

    table: FleetTable
    since: float
    held: Held


@dataclass(frozen=True)
class Standing:
    """What a reader has, and what waits to replace it."""

    current: FleetTable | None = None
    waiting: Waiting | None = None

    def offered(self, newer: FleetTable, now: float) -> tuple["Standing", Held | None]:
        """After the writer wrote `newer`; and why it is not taken now."""
        held = None if self.current is None else self.current.routes.accepts(newer.routes)
        if held is None:
            return Standing(newer), None
        if held.reason is not HoldReason.MASS_REMOVAL:
            return Standing(self.current), held
        # A fleet changes all the time: what goes on from the table that waits has waited with it. What leaves most of
        # that one's pods out too has not been there long enough to be believed.
        waiting = self.waiting
        goes_on = waiting is not None and waiting.table.routes.accepts(newer.routes) is None
        since = waiting.since if waiting is not None and goes_on else now
        return Standing(self.current, Waiting(newer, since, held)), held

    def looked(self, now: float, *, in_date: bool) -> "Standing":
        """As time goes by; `in_date`: what waits is what the writer says now, as far as anybody can know."""
        waiting = self.waiting
        if waiting is None:
            return self
        if not in_date:
            return Standing(self.current, Waiting(waiting.table, now, waiting.held))
        return Standing(waiting.table) if now - waiting.since >= HOLD_S else self
