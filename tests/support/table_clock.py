"""The clock of a table source, which a test moves; it knows how often it was read."""

import asyncio
import time

from antiphon_wire.table_in_force import LOOK_S

PATIENCE_S = 30 * LOOK_S


class TableClock:
    def __init__(self) -> None:
        self.now = 1234.5
        self.reads = 0

    def __call__(self) -> float:
        self.reads += 1
        return self.now

    async def looked_at(self) -> None:
        """Returns when the source has looked at the table that waits. Nothing may be offered to it meanwhile."""
        reads, deadline = self.reads, time.monotonic() + PATIENCE_S
        while self.reads == reads:
            assert time.monotonic() < deadline, f"nobody looked within {PATIENCE_S} s"
            await asyncio.sleep(0.01)
