"""The table that a source's readers have, with what is counted and logged when another one is to replace it."""

from collections.abc import Callable
from time import monotonic
from typing import Final

from antiphon_wire.fleet_table import FleetTable
from antiphon_wire.latest import Latest
from antiphon_wire.logs import log
from antiphon_wire.table_hold import HOLD_S, Standing

LOOK_S: Final = 1.0
"""Between two looks at a table that is held back."""


class TableInForce:
    def __init__(self, name: str, clock: Callable[[], float] = monotonic) -> None:
        """`name`: what logs call it. The clock is read for the hold."""
        self.latest: Latest[FleetTable] = Latest()
        self.refused = 0
        """Changes that were not taken, or not at once."""
        self.taken_late = 0
        """Tables that were held back, stayed, and were taken after all."""
        self._name = name
        self._clock = clock
        self._standing = Standing()

    @property
    def holds_back(self) -> bool:
        """Whether a table waits now."""
        return self._standing.waiting is not None

    def offer(self, table: FleetTable) -> bool:
        """Whether it was taken."""
        before = self._standing.waiting
        self._standing, held = self._standing.offered(table, self._clock())
        waiting = self._standing.waiting
        if held is None:
            if before is not None:
                log.info("route table taken, none is held back any more", extra={"fields": {"table": self._name}})
            self.latest.set(table)
            return True
        self.refused += 1
        if waiting is None:
            self._warn("route table not taken, the last good one stays", held.said)
        elif before is None or before.since != waiting.since:
            wait = f"route table held back for {HOLD_S:g} s, and taken then if it stays so"
            self._warn(wait, held.said)
        return False

    def look(self, *, in_date: bool) -> bool:
        """Every `LOOK_S`; whether a table that was held back was taken. `in_date`: as `Standing.looked` has it."""
        waiting = self._standing.waiting
        self._standing = self._standing.looked(self._clock(), in_date=in_date)
        taken = self._standing.current
        if waiting is None or taken is not waiting.table:
            return False
        self.taken_late += 1
        self._warn("route table taken after all: it stayed what its writer says", waiting.held.said)
        self.latest.set(taken)
        return True

    def _warn(self, message: str, why: str) -> None:
        log.warning(message, extra={"fields": {"table": self._name, "why": why}})
