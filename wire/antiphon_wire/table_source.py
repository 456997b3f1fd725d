"""Where the route table comes from, with one face for a file and for a cluster."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from antiphon_wire.awaited_file import AwaitedFile
from antiphon_wire.cluster.cluster_tables import ClusterTables
from antiphon_wire.fleet_table import FleetTable, WatchState
from antiphon_wire.route_table import RouteTable
from antiphon_wire.table_setting import ClusterTable, TableFile, TableSetting


class TableSource(Protocol):
    """The last good table: one that is bad, or drops most of the routes, changes nothing."""

    @property
    def current(self) -> FleetTable | None:
        """None until there is one."""

    @property
    def age_s(self) -> float:
        """Since the table in force was taken."""

    @property
    def refused(self) -> int:
        """How many changes were not taken."""

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
    def __init__(self, path: Path) -> None:
        self._file = AwaitedFile(path, _read, _refuses)

    @property
    def current(self) -> FleetTable | None:
        return self._file.latest.value

    @property
    def age_s(self) -> float:
        return self._file.latest.age_s

    @property
    def refused(self) -> int:
        return self._file.refused

    @property
    def watch(self) -> None:
        return None

    def load(self) -> None:
        """Reads the file for whoever does not want to wait for it. Raises OSError or ValueError."""
        self._file.load()

    def changes(self, known: FleetTable | None = None) -> AsyncIterator[FleetTable]:
        return self._file.latest.changes(known)

    async def run(self) -> None:
        await self._file.run()


def _read(text: str) -> FleetTable:
    return FleetTable(RouteTable.from_json(text))


def _refuses(current: FleetTable, newer: FleetTable) -> str | None:
    return current.routes.accepts(newer.routes)
