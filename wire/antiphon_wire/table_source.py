"""Where the route table comes from, with one face for a file and for a cluster."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from time import monotonic
from typing import Protocol

from antiphon_wire.awaited_file import AwaitedFile
from antiphon_wire.cluster.cluster_tables import ClusterTables
from antiphon_wire.fleet_table import FleetTable, WatchState
from antiphon_wire.route_table import RouteTable
from antiphon_wire.table_in_force import LOOK_S, TableInForce
from antiphon_wire.table_setting import ClusterTable, TableFile, TableSetting


class TableSource(Protocol):
    """The last good table: one that is bad changes nothing, and one that drops most of the routes is held back."""

    @property
    def current(self) -> FleetTable | None:
        """None until there is one."""

    @property
    def age_s(self) -> float:
        """Since the table in force was taken."""

    @property
    def refused(self) -> int:
        """How many changes were not taken, or not at once."""

    @property
    def taken_late(self) -> int:
        """How many tables were held back, stayed, and were taken after all."""

    @property
    def holds_back(self) -> bool:
        """Whether a table is held back now."""

    @property
    def watch(self) -> WatchState | None:
        """None where nothing is watched over a network."""

    def changes(self, known: FleetTable | None = None) -> AsyncIterator[FleetTable]:
        """Every table but the one that the reader knows; of those that follow faster than they are taken, the last."""

    async def run(self) -> None:
        """Follows what others write; never ends but by being cancelled."""


def table_source(setting: TableSetting, *, with_blocks: bool = True) -> TableSource:
    """Reads no file of others; a cluster's table is there at once where it was cached.

    Without blocks, a cluster's tables have none: what changes there most is then not even parsed.
    """
    match setting:
        case TableFile(path):
            return FileTables(path)
        case ClusterTable():
            return ClusterTables(setting, with_blocks=with_blocks)


class FileTables:
    def __init__(self, path: Path, clock: Callable[[], float] = monotonic) -> None:
        self._file = AwaitedFile(path, _read)
        self._table = TableInForce(str(path), clock)
        self._offered: FleetTable | None = None

    @property
    def current(self) -> FleetTable | None:
        return self._table.latest.value

    @property
    def age_s(self) -> float:
        return self._table.latest.age_s

    @property
    def refused(self) -> int:
        return self._file.refused + self._table.refused

    @property
    def taken_late(self) -> int:
        return self._table.taken_late

    @property
    def holds_back(self) -> bool:
        return self._table.holds_back

    @property
    def watch(self) -> None:
        return None

    def load(self) -> None:
        """Reads the file for whoever does not want to wait for it. Raises OSError or ValueError."""
        self._file.load()
        if self._file.latest.value is not None:
            self._offer(self._file.latest.value)

    def changes(self, known: FleetTable | None = None) -> AsyncIterator[FleetTable]:
        return self._table.latest.changes(known)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._file.run())
            tasks.create_task(self._look())
            async for table in self._file.latest.changes(self._offered):
                self._offer(table)

    def _offer(self, table: FleetTable) -> None:
        self._offered = table
        self._table.offer(table)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            # What was read and not offered yet may end the hold.
            self._table.look(in_date=self._file.in_date and self._file.latest.value is self._offered)


def _read(text: str) -> FleetTable:
    return FleetTable(RouteTable.from_json(text))
