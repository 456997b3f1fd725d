"""The fleet's RouteTables, watched and put together; the last good table stays, whatever becomes of the API server."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable
from time import monotonic
from typing import TYPE_CHECKING, Final

from antiphon_wire.cluster.backoff import Backoff
from antiphon_wire.cluster.object_store import Change, ChangeKind
from antiphon_wire.cluster.resource_kind import ResourceKind
from antiphon_wire.cluster.shards import Shard, ShardError, Shards, read_shard, shard_name
from antiphon_wire.cluster.table_cache import read_cache, write_cache
from antiphon_wire.fleet_table import FleetTable, WatchState
from antiphon_wire.logs import log
from antiphon_wire.route_table import RouteTableError
from antiphon_wire.table_in_force import LOOK_S, TableInForce
from antiphon_wire.table_setting import ClusterTable

if TYPE_CHECKING:
    from antiphon_wire.cluster.reflector import Reflector

CACHE_PAUSE_S: Final = 1.0
"""Between two writings of the cache: it is for the next start, and a fleet that scales changes all the time."""


class ClusterTables:
    """A TableSource. It is cheap to make: the client package is imported by `run`."""

    def __init__(
        self, setting: ClusterTable, *, with_blocks: bool = True, clock: Callable[[], float] = monotonic
    ) -> None:
        self._setting = setting
        self._with_blocks = with_blocks
        self._shards = Shards(setting.relay)
        self._shards_refused = 0
        self._table = TableInForce(setting.relay, clock)
        self._offered: tuple[Shard, ...] = ()
        self._assembly_due = False
        self._reflector: Reflector | None = None
        self._complaint = ""
        self._began_at = monotonic()
        for shard in read_cache(setting.cache) if setting.cache is not None else ():
            self._remember(shard)
        self._assemble()

    @property
    def current(self) -> FleetTable | None:
        return self._table.latest.value

    @property
    def age_s(self) -> float:
        return self._table.latest.age_s

    @property
    def refused(self) -> int:
        """Shards, and whole tables."""
        return self._shards_refused + self._table.refused

    @property
    def taken_late(self) -> int:
        return self._table.taken_late

    @property
    def holds_back(self) -> bool:
        return self._table.holds_back

    @property
    def watch(self) -> WatchState:
        reflector = self._reflector
        if reflector is None:
            return WatchState(monotonic() - self._began_at, {})
        return WatchState(reflector.age_s, {trouble.value: times for trouble, times in reflector.troubles.items()})

    def changes(self, known: FleetTable | None = None) -> AsyncIterator[FleetTable]:
        return self._table.latest.changes(known)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch())
            tasks.create_task(self._look())
            tasks.create_task(self._keep_cache())

    async def _watch(self) -> None:
        # In a thread, for it takes most of a second; the packets do not wait for it, but the event loop would.
        for module in ("connection", "reflector"):
            await asyncio.to_thread(importlib.import_module, f"antiphon_wire.cluster.{module}")
        backoff = Backoff()
        while True:
            try:
                await self._reflect()
            except Exception:  # noqa: BLE001 - a task's root
                log.exception("route tables are not watched")
            await asyncio.sleep(backoff.wait_s())

    async def _reflect(self) -> None:
        from antiphon_wire.cluster.connection import ConnectionConfigError, connect
        from antiphon_wire.cluster.reflector import Reflector

        try:
            client = await connect(self._setting.access)
        except ConnectionConfigError as error:
            self._complain(str(error))
            return
        async with client:
            self._reflector = Reflector(client, self._kind(), self._heard)
            try:
                await self._reflector.run()
            finally:
                # The next one's first list tells of everything that is there, and not of what was deleted until then.
                self._shards.unsay_all()

    def _complain(self, why: str) -> None:
        if why != self._complaint:
            log.warning("no way to the API server yet", extra={"fields": {"why": why}})
        self._complaint = why

    def _kind(self) -> ResourceKind:
        relay = self._setting.relay
        return ResourceKind(
            group="antiphon.dev",
            version="v1alpha1",
            plural="routetables",
            namespace=self._setting.namespace,
            label_selector=f"antiphon.dev/relay={relay}",
            field_selector="" if self._with_blocks else f"metadata.name={shard_name(relay, 0)}",
        )

    def _heard(self, change: Change | None) -> None:
        if change is None:
            return
        name = change.key.name
        self._shards.unsay(name)
        if change.kind is ChangeKind.DELETED:
            log.warning("route table deleted, its last content stays", extra={"fields": {"table": name}})
            return
        try:
            self._shards.take(read_shard(change.manifest, with_blocks=self._with_blocks))
        except ShardError as error:
            self._refuse(name, str(error))
        # What comes in one go, as a first list does, makes one table.
        if not self._assembly_due:
            self._assembly_due = True
            asyncio.get_running_loop().call_soon(self._assemble)

    def _remember(self, shard: Shard) -> None:
        try:
            self._shards.remember(shard)
        except ShardError as error:
            self._refuse(shard_name(shard.relay, shard.number), str(error))

    def _assemble(self) -> None:
        self._assembly_due = False
        known = self._shards.known
        if known == self._offered:
            return
        try:
            table = self._shards.assembled()
        except RouteTableError as error:
            self._refuse(self._setting.relay, str(error))
            return
        if table is None:
            return
        self._offered = known
        if self._table.offer(table):
            self._shards.in_force = known

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            if self._table.look(in_date=self._is_in_date()):
                self._shards.in_force = self._offered

    def _is_in_date(self) -> bool:
        """Whether the API server says just now what was offered last."""
        reflector = self._reflector
        heard = reflector is not None and reflector.in_date
        return heard and self._shards.are_said and self._shards.known == self._offered

    def _refuse(self, table: str, why: str) -> None:
        self._shards_refused += 1
        log.warning("route table not taken, the last good one stays", extra={"fields": {"table": table, "why": why}})

    async def _keep_cache(self) -> None:
        path = self._setting.cache
        if path is None:
            return
        async for _ in self.changes(self.current):
            try:
                await asyncio.to_thread(write_cache, path, self._shards.in_force)
            except OSError as error:
                log.warning("route table not cached", extra={"fields": {"file": path, "why": error.strerror}})
            await asyncio.sleep(CACHE_PAUSE_S)
