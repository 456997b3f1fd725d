"""The watched files, and their way into the packet path."""

import asyncio
import time
from pathlib import Path

from antiphon_relay._extension import Relay
from antiphon_wire import KeyRing, RouteTable
from antiphon_wire.logs import log
from antiphon_wire.watched_file import WatchedFile


class RouteWatch:
    """The last good route table and key ring: what does not parse or drops most routes changes nothing."""

    def __init__(self, routes_file: Path, keys_file: Path) -> None:
        self._tables = WatchedFile(routes_file, RouteTable.from_json, RouteTable.accepts)
        self._rings = WatchedFile(keys_file, KeyRing.from_json)
        self._table_since_s = time.monotonic()

    @property
    def table(self) -> RouteTable:
        return self._tables.current

    @property
    def keys(self) -> KeyRing:
        return self._rings.current

    @property
    def held(self) -> int:
        """Changes of the table's file that were not taken."""
        return self._tables.refused

    @property
    def table_age_s(self) -> float:
        return time.monotonic() - self._table_since_s

    async def follow(self, relay: Relay) -> None:
        """Hands every change to the packet path, for as long as the relay runs."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_tables(relay))
            tasks.create_task(self._follow_keys(relay))

    async def _follow_tables(self, relay: Relay) -> None:
        async for table in self._tables.changes():
            relay.set_table(table.to_json())
            self._table_since_s = time.monotonic()
            fields = {"generation": table.generation, "blocks": len(table.blocks)}
            log.info("route table taken", extra={"fields": fields})

    async def _follow_keys(self, relay: Relay) -> None:
        async for keys in self._rings.changes():
            relay.set_keys(keys.specs())
            log.info("keys taken", extra={"fields": {"count": len(keys.specs())}})
