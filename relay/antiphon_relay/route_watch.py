"""The watched route table and keys, and their way into the packet path."""

import asyncio
from pathlib import Path

from antiphon_relay._extension import Relay
from antiphon_relay.readiness import Readiness
from antiphon_wire import KeyRing
from antiphon_wire.fleet_table import FleetTable
from antiphon_wire.logs import log
from antiphon_wire.table_setting import TableSetting
from antiphon_wire.table_source import FileTables, TableSource, table_source
from antiphon_wire.watched_file import WatchedFile


class RouteWatch:
    """The last good route table and key ring: what does not parse or drops most routes changes nothing."""

    def __init__(self, tables: TableSetting, keys_file: Path) -> None:
        """Raises OSError or ValueError for a file; a cluster's table may come later."""
        self.tables: TableSource = table_source(tables)
        if isinstance(self.tables, FileTables):
            self.tables.load()
        self._rings = WatchedFile(keys_file, KeyRing.from_json)

    @property
    def keys(self) -> KeyRing:
        return self._rings.current

    async def first_table(self) -> FleetTable:
        return await anext(self.tables.changes())

    async def follow(self, relay: Relay, readiness: Readiness, known: FleetTable) -> None:
        """Hands every change to the packet path, which has `known`, for as long as the relay runs."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_tables(relay, readiness, known))
            tasks.create_task(self._follow_keys(relay))

    async def _follow_tables(self, relay: Relay, readiness: Readiness, known: FleetTable) -> None:
        async for table in self.tables.changes(known):
            relay.set_table(table.routes.to_json())
            readiness.table_taken(table.routes)
            fields = {"generation": table.routes.generation, "blocks": len(table.routes.blocks)}
            log.info("route table taken", extra={"fields": fields})

    async def _follow_keys(self, relay: Relay) -> None:
        async for keys in self._rings.changes():
            relay.set_keys(keys.specs())
            log.info("keys taken", extra={"fields": {"count": len(keys.specs())}})
