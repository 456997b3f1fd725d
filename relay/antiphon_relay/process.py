"""A relay's life: bind, serve, drain, end.

Every import before the bind lengthens the silence after a crash, and the larger packages take longer to import than the
rest of the start. So what packets do not wait for (HTTP, metrics) is imported after it, and Redis only where it is
used.
"""

from __future__ import annotations

import asyncio
import importlib
import secrets
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from antiphon_relay._extension import Bound, Config, Relay
from antiphon_relay.drain import HEARD_WITHIN_MS, Drain
from antiphon_relay.route_watch import RouteWatch
from antiphon_relay.settings import Settings
from antiphon_wire.logs import log

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
        self._routes = RouteWatch(settings.routes_file, settings.keys_file)
        self._cache = flow_cache_of(settings, self._routes.table.cluster_id)
        table, keys = self._routes.table.to_json(), self._routes.keys.specs()
        self._relay = Relay(config_of(settings), table, keys, secrets.randbits(64))
        self._ready = False
        self._terminations = 0
        self._told_to_end = asyncio.Event()

    async def serve(self) -> None:
        self._heed_signals()
        if self._cache is not None:
            await self._cache.connect()
        bound = self._relay.start()
        fields = {"listen": ",".join(bound.listen), "hop": ",".join(bound.hop), "unix_ms": bound.unix_ms}
        log.info("bound", extra={"fields": fields})
        try:
            async with self._background(bound), self._http():
                self._ready = True
                await self._told_to_end.wait()
                await self._drain()
        finally:
            self._relay.stop()
        log.info("ended")

    @asynccontextmanager
    async def _background(self, bound: Bound) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(restarted("watching files", lambda: self._routes.follow(self._relay))),
            asyncio.create_task(self._note_first_packet(bound.unix_ms)),
        ]
        if (cache := self._cache) is not None:
            tasks.append(asyncio.create_task(restarted("flow cache", lambda: cache.serve(self._relay))))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    @asynccontextmanager
    async def _http(self) -> AsyncIterator[None]:
        # In a thread: the loop has flows to look up meanwhile.
        await asyncio.to_thread(importlib.import_module, "antiphon_relay.health")
        from aiohttp import web

        from antiphon_relay.health import health_app
        from antiphon_relay.metrics import RelayCollector

        collector = RelayCollector(self._relay, self._routes, self._cache, self._settings.max_flows)
        app = health_app(alive=self._relay.alive, ready=lambda: self._ready, collector=collector)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._settings.http.host, self._settings.http.port).start()
            yield
        finally:
            await runner.cleanup()

    async def _drain(self) -> None:
        takeover = self._cache is not None and self._cache.up
        drain = Drain(self._settings.drain_s, self._settings.grace_s, takeover)
        self._ready = drain.stays_ready
        log.info("draining", extra={"fields": {"flows": self._relay.flows(), "takeover": takeover}})
        started_s = time.monotonic()
        while self._terminations < 2:
            if drain.is_over(time.monotonic() - started_s, self._relay.live_flows(HEARD_WITHIN_MS)):
                return
            await asyncio.sleep(DRAIN_LOOK_S)

    async def _note_first_packet(self, bound_unix_ms: int) -> None:
        # The packet path has noted the time, so that looking late tells it late and no worse.
        look_s = FIRST_PACKET_LOOK_S
        while (first := self._relay.first_forwarded_unix_ms()) is None:
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
