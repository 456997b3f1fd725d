"""The operator's process: what it starts, in which order, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Coroutine, Iterable
from contextlib import AsyncExitStack
from time import time
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from antiphon_operator.apply import Executor
from antiphon_operator.capacity_poll import CapacityPoll
from antiphon_operator.cluster import ApiError, Cluster
from antiphon_operator.events import EventRecorder
from antiphon_operator.fleets import FleetKey, Fleets
from antiphon_operator.handlers import operator_registry, run_kopf
from antiphon_operator.health import health_app
from antiphon_operator.kinds import ROUTE_TABLE, TRANSCEIVER_POOL, VOICE_RELAY
from antiphon_operator.leadership import Leadership
from antiphon_operator.metrics import Metrics
from antiphon_operator.readings import readings
from antiphon_operator.reconciler import Reconciler
from antiphon_operator.resolver import Resolver
from antiphon_operator.settings import Settings
from antiphon_operator.watches import Watches
from antiphon_wire.cluster.access import ClusterAccess
from antiphon_wire.cluster.connection import connect

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient

logger = logging.getLogger(__name__)

LOST_LEASE: Final = 3
"""The exit code where another replica took the Lease."""
LOOK_FOR_KINDS_S: Final = 2.0
SAY_AGAIN_AFTER: Final = 15
"""Looks between two log lines that say the same."""
KOPF_ENDS_S: Final = 10.0


class OperatorProcess:
    """Built within the event loop; `serve` is called once."""

    def __init__(self, settings: Settings, access: ClusterAccess, client: ApiClient) -> None:
        self._settings = settings
        self._access = access
        self._metrics = Metrics()
        self._cluster = Cluster(client, self._metrics, settings.lease.request_timeout_s)
        self._fleets = Fleets(
            settings.images, settings.namespace, self._metrics, self._mark, settings.monitoring_namespaces
        )
        self._watches = Watches(client, self._cluster, self._fleets, settings.watch_namespaces)
        place = (settings.namespace, settings.lease_name)
        self._leadership = Leadership(self._cluster, place, settings.identity, settings.lease, self._gained)
        leads = self._leadership.leads
        events = EventRecorder(self._cluster, settings.identity)
        executor = Executor(self._cluster, events, self._metrics, leads, self._watches)
        self._reconciler = Reconciler(self._fleets, Resolver(self._mark), executor, self._metrics, leads)
        self._metrics.leads_while(leads)
        self._metrics.read_at_scrape(lambda: readings(self._fleets, self._watches.ages(), self._last_good_at))
        self._waiting_for: str | None = "the API server"
        self._stop = asyncio.Event()

    async def serve(self) -> None:
        """Until SIGTERM or SIGINT; raises what a part failed with."""
        self._take_signals()
        async with AsyncExitStack() as stack:
            runner = web.AppRunner(health_app(self._stuck, lambda: self._waiting_for, self._metrics), access_log=None)
            stack.push_async_callback(runner.cleanup)
            await runner.setup()
            address = self._settings.http_address
            await web.TCPSite(runner, address.host, address.port).start()
            await self._until_stopped()
        logger.info("stopped")

    async def _until_stopped(self) -> None:
        """Runs every part until one ends, which they do only when they are told to or fail."""
        kopf_stop = asyncio.Event()
        stopping = asyncio.create_task(self._stop.wait())
        parts = [asyncio.create_task(part) for part in self._parts()]
        kopf = asyncio.create_task(self._run_kopf(kopf_stop))
        lost = asyncio.create_task(self._leadership.lost.wait())
        done, _ = await asyncio.wait({stopping, lost, kopf, *parts}, return_when=asyncio.FIRST_COMPLETED)
        if lost in done:
            # Plans may be under way that were made in good faith; nothing of this process may act on them.
            logger.error("the lease was lost: this process ends at once, and a new one stands by")
            os._exit(LOST_LEASE)
        logger.info("stopping")
        await self._reconciler.stop()
        await _cancel(parts)
        await self._leadership.release()
        kopf_stop.set()
        if self._watches.synced.is_set():
            await asyncio.wait({kopf}, timeout=KOPF_ENDS_S)
        await _cancel([stopping, lost, kopf])
        for task in done - {stopping}:
            task.result()

    def _parts(self) -> tuple[Coroutine[None, None, None], ...]:
        poll = CapacityPoll(self._fleets, self._metrics, self._settings.capacity_poll_s)
        return self._watch_then_lead(), poll.run()

    async def _watch_then_lead(self) -> None:
        """A replica that has not seen everything yet must not lead; one that stands by has."""
        await self._kinds_are_served()
        self._waiting_for = "the first lists"
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watches.run())
            await self._watches.synced.wait()
            self._waiting_for = None
            logger.info("watching", extra={"fields": {"fleets": len(self._fleets.keys())}})
            self._reconciler.start()
            tasks.create_task(self._leadership.run())

    async def _kinds_are_served(self) -> None:
        looks = 0
        while missing := await self._missing():
            self._waiting_for = missing
            if looks % SAY_AGAIN_AFTER == 0:
                logger.warning("waiting", extra={"fields": {"for": missing}})
            looks += 1
            await asyncio.sleep(LOOK_FOR_KINDS_S)

    async def _missing(self) -> str | None:
        try:
            for kind in (VOICE_RELAY, TRANSCEIVER_POOL, ROUTE_TABLE):
                if not await self._cluster.serves(kind):
                    return (
                        f"the CustomResourceDefinition of {kind.name}: install the chart with crds.install=true, "
                        "or `kubectl apply --server-side -f crds.yaml`"
                    )
        except ApiError as error:
            return f"the API server ({error})"
        return None

    async def _run_kopf(self, stop: asyncio.Event) -> None:
        await self._watches.synced.wait()
        registry = operator_registry(self._watches, self._access)
        await run_kopf(registry, self._settings, stop, self._take_signals)

    def _take_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)

    def _mark(self, key: FleetKey) -> None:
        self._reconciler.mark(key)

    def _gained(self) -> None:
        self._reconciler.mark_all()

    def _last_good_at(self) -> float:
        """Nothing to do is good as well."""
        return self._reconciler.last_good_at if self._fleets.keys() else time()

    def _stuck(self) -> str | None:
        watch, fleet = self._watches.stuck, self._reconciler.stuck
        if watch is not None:
            return f"the watch of {watch} is silent"
        return None if fleet is None else f"the round of {fleet} does not end"


async def run_operator(settings: Settings, access: ClusterAccess) -> None:
    async with await connect(access) as client:
        # Every watch holds a connection; with many namespaces they would use up a bounded pool, and nothing else moved.
        client.rest_client.maxsize = 0
        await OperatorProcess(settings, access, client).serve()


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    waited = list(tasks)
    for task in waited:
        task.cancel()
    await asyncio.gather(*waited, return_exceptions=True)
