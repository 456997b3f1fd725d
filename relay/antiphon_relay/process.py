"""A relay's life: bind, serve, drain, end.

Every import before the bind lengthens the silence after a crash, and the larger packages take longer to import than the
rest of the start. So what packets do not wait for (HTTP, metrics, the cluster's client) is imported after it, and
Redis only where it is used.
"""

from __future__ import annotations

import asyncio
import importlib
import secrets
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from antiphon_relay._extension import Config, Relay
from antiphon_relay.drain import HEARD_WITHIN_MS, Drain
from antiphon_relay.packets import Packets
from antiphon_relay.readiness import Readiness
from antiphon_relay.route_watch import RouteWatch
from antiphon_relay.settings import Settings
from antiphon_wire.fleet_table import FleetTable
from antiphon_wire.logs import log
from antiphon_wire.table_setting import ClusterTable

if TYPE_CHECKING:
    from antiphon_relay.flow_cache import FlowCache

CACHE_TTL_IN_IDLE_TIMES: Final = 3
DRAIN_LOOK_S: Final = 0.1
FIRST_PACKET_LOOK_S: Final = 0.02
LONGEST_LOOK_S: Final = 1.0
RESTART_AFTER_S: Final = 1.0


class RelayProcess:
    """Everything that one relay consists of; `serve` returns when it has ended."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._routes = RouteWatch(settings.tables, settings.keys_file)
        self._readiness = Readiness(settings.hop, needs_place=isinstance(settings.tables, ClusterTable))
        self._packets: Packets | None = None
        self._terminations = 0
        self._told_to_end = asyncio.Event()

    async def serve(self) -> None:
        self._heed_signals()
        table = self._routes.tables.current
        async with AsyncExitStack() as parts:
            if table is None:
                # Without routes there is nobody to serve, but what is lacking can be asked.
                await parts.enter_async_context(self._surroundings())
                table = await self._first_table()
                if table is None:
                    return
                packets = await parts.enter_async_context(self._forwarding(table))
            else:
                packets = await parts.enter_async_context(self._forwarding(table))
                await parts.enter_async_context(self._surroundings())
            await self._told_to_end.wait()
            await self._drain(packets)
        log.info("ended")

    @asynccontextmanager
    async def _forwarding(self, table: FleetTable) -> AsyncIterator[Packets]:
        """Serves packets, with every later table and key."""
        cache = flow_cache_of(self._settings, table.routes.cluster_id)
        if cache is not None:
            await cache.connect()
        relay = Relay(
            config_of(self._settings), table.routes.to_json(), self._routes.keys.specs(), secrets.randbits(64)
        )
        bound = relay.start()
        fields = {"listen": ",".join(bound.listen), "hop": ",".join(bound.hop), "unix_ms": bound.unix_ms}
        log.info("bound", extra={"fields": fields})
        self._packets = Packets(relay, cache)
        self._readiness.table_taken(table.routes)
        follow = partial(self._routes.follow, relay, self._readiness, table)
        work = [restarted("following routes", follow), self._note_first_packet(relay, bound.unix_ms)]
        if cache is not None:
            work.append(restarted("flow cache", partial(cache.serve, relay)))
        try:
            async with in_background(*work):
                yield self._packets
        finally:
            relay.stop()

    @asynccontextmanager
    async def _surroundings(self) -> AsyncIterator[None]:
        """What packets do not wait for: the watch of routes, and HTTP."""
        # In a thread: the loop has flows to look up meanwhile.
        await asyncio.to_thread(importlib.import_module, "antiphon_relay.health")
        from aiohttp import web

        from antiphon_relay.health import health_app
        from antiphon_relay.metrics import RelayCollector

        tables = self._routes.tables
        collector = RelayCollector(lambda: self._packets, tables, self._settings.max_flows)
        app = health_app(alive=self._alive, lacks=lambda: self._readiness.lacks, collector=collector)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            async with in_background(restarted("watching routes", tables.run)):
                await web.TCPSite(runner, self._settings.http.host, self._settings.http.port).start()
                yield
        finally:
            await runner.cleanup()

    async def _first_table(self) -> FleetTable | None:
        """None: told to end before there was one."""
        log.info("waiting for the first route table")
        first = asyncio.create_task(self._routes.first_table())
        told = asyncio.create_task(self._told_to_end.wait())
        await asyncio.wait({first, told}, return_when=asyncio.FIRST_COMPLETED)
        for task in (first, told):
            task.cancel()
        return self._routes.tables.current

    def _alive(self) -> bool:
        return self._packets is None or self._packets.relay.alive()

    async def _drain(self, packets: Packets) -> None:
        relay = packets.relay
        takeover = packets.cache is not None and packets.cache.up
        drain = Drain(self._settings.drain_s, self._settings.grace_s, takeover)
        self._readiness.draining = not drain.stays_ready
        log.info("draining", extra={"fields": {"flows": relay.flows(), "takeover": takeover}})
        started_s = time.monotonic()
        while self._terminations < 2:
            if drain.is_over(time.monotonic() - started_s, relay.live_flows(HEARD_WITHIN_MS)):
                return
            await asyncio.sleep(DRAIN_LOOK_S)

    async def _note_first_packet(self, relay: Relay, bound_unix_ms: int) -> None:
        # The packet path has noted the time, so that looking late tells it late and no worse.
        look_s = FIRST_PACKET_LOOK_S
        while (first := relay.first_forwarded_unix_ms()) is None:
            await asyncio.sleep(look_s)
            look_s = min(look_s * 2, LONGEST_LOOK_S)
        fields = {"unix_ms": first, "after_bind_ms": first - bound_unix_ms}
        log.info("first packet forwarded", extra={"fields": fields})

    def _heed_signals(self) -> None:
        def terminate() -> None:
            self._terminations += 1
            self._told_to_end.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, terminate)


@asynccontextmanager
async def in_background(*work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def restarted(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Work that packets do not depend on: an error is logged, and it starts again."""
    while True:
        try:
            await work()
        except Exception:  # noqa: BLE001  # a task's root
            log.exception("task failed", extra={"fields": {"task": name}})
        await asyncio.sleep(RESTART_AFTER_S)


def config_of(settings: Settings) -> Config:
    return Config(
        listen=[str(address) for address in settings.listen],
        hop=str(settings.hop),
        workers=settings.workers,
        max_flows=settings.max_flows,
        flow_idle_s=settings.flow_idle_s,
        new_flows_per_prefix=settings.new_flows_per_prefix,
        longest_call_s=settings.longest_call_s,
        skew_s=settings.clock_skew_s,
        refresh_s=None if settings.redis_url is None else settings.flow_idle_s,
    )


def flow_cache_of(settings: Settings, cluster_id: int) -> FlowCache | None:
    if settings.redis_url is None:
        return None
    from antiphon_relay.flow_cache import FlowCache

    ttl_s = settings.flow_idle_s * CACHE_TTL_IN_IDLE_TIMES
    return FlowCache(settings.redis_url, cluster_id=cluster_id, ttl_s=ttl_s)
