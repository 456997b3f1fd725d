"""The process: puts the parts together, serves until it is drained, and takes them apart in order."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from aiohttp import web

from antiphon_transceiver._extension import Endpoint
from antiphon_transceiver.control_api import ControlApi
from antiphon_transceiver.dtls import Certificates
from antiphon_transceiver.live_call import Surroundings
from antiphon_transceiver.media import Pacer
from antiphon_transceiver.metrics import Metrics, Snapshot
from antiphon_transceiver.pod_calls import PodCalls, WatchedFiles
from antiphon_transceiver.settings import Settings
from antiphon_wire.control import EndReason
from antiphon_wire.environment import Address, SettingError
from antiphon_wire.key_ring import KeyRing
from antiphon_wire.route_table import RouteTable
from antiphon_wire.watched_file import WatchedFile

logger = logging.getLogger(__name__)

_HTTP_FAREWELL_S = 1.0

T = TypeVar("T")


async def run_pod(settings: Settings, token: str) -> None:
    """Returns when the pod is drained; raises SettingError where what it was told cannot be done."""
    files = WatchedFiles(
        keys=_watch("ANTIPHON_KEYS_FILE", settings.keys_file, KeyRing.from_json),
        table=_watch("ANTIPHON_ROUTES_FILE", settings.routes_file, RouteTable.from_json, RouteTable.accepts),
    )
    endpoint = Endpoint(str(settings.hop_address), setup_window_s=settings.setup_window_s, consent_s=settings.consent_s)
    hop = _start(endpoint, settings.hop_address)
    pacer = Pacer()
    metrics = Metrics()
    calls = PodCalls(settings, files, Surroundings(endpoint, Certificates(), pacer, settings.longest_call_s), metrics)
    metrics.watch(lambda: Snapshot(calls.capacity, calls.live_records(), endpoint.counters(), pacer.statistics()))
    api = ControlApi(calls, metrics, settings.pod, token)
    try:
        async with _listening(api.application(), settings.http_address) as http, asyncio.TaskGroup() as background:
            tasks = [
                background.create_task(pacer.run()),
                background.create_task(_follow_keys(files.keys)),
                background.create_task(_follow_relays(files.table, endpoint)),
            ]
            logger.info("serving", extra={"fields": {"pod": settings.pod, "http": http, "hop": hop}})
            await _serve(calls, settings.drain_deadline_s)
            for task in tasks:
                task.cancel()
    finally:
        endpoint.stop()
    logger.info("stopped", extra={"fields": {"pod": settings.pod}})


async def _serve(calls: PodCalls, drain_deadline_s: float) -> None:
    """Until the drain that a signal or the control API began is over."""
    calls.attend()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _interrupt, calls)
    await calls.draining.wait()
    logger.info("draining", extra={"fields": {"live": calls.capacity.live, "deadline_s": drain_deadline_s}})
    try:
        async with asyncio.timeout(drain_deadline_s):
            await calls.drained.wait()
    except TimeoutError:
        calls.end_all(EndReason.DRAIN_DEADLINE)
    await calls.gone()


def _interrupt(calls: PodCalls) -> None:
    """The first signal drains; a second one does not wait for the deadline."""
    if calls.draining.is_set():
        calls.end_all(EndReason.DRAIN_DEADLINE)
    else:
        calls.drain()


def _watch(
    variable: str, path: Path, parse: Callable[[str], T], refuses: Callable[[T, T], str | None] | None = None
) -> WatchedFile[T]:
    try:
        return WatchedFile(path, parse, refuses)
    except OSError as error:
        raise SettingError(variable, f"cannot be read ({error.strerror})", "/etc/antiphon/…") from error
    except ValueError as error:
        raise SettingError(variable, f"names a file that is wrong: {error}", "/etc/antiphon/…") from error


def _start(endpoint: Endpoint, address: Address) -> str:
    try:
        return endpoint.start()
    except OSError as error:
        raise SettingError(
            "ANTIPHON_HOP_ADDRESS", f"cannot be bound ({address}: {error.strerror})", "127.0.0.1:7200"
        ) from error


@asynccontextmanager
async def _listening(application: web.Application, address: Address) -> AsyncIterator[str]:
    """Serves HTTP; yields the bound address."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=_HTTP_FAREWELL_S)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, address.host, address.port).start()
        except OSError as error:
            raise SettingError(
                "ANTIPHON_HTTP_ADDRESS", f"cannot be bound ({address}: {error.strerror})", "127.0.0.1:7300"
            ) from error
        host, port = runner.addresses[0][:2]
        yield str(Address(host, port))
    finally:
        await runner.cleanup()


async def _follow_keys(keys: WatchedFile[KeyRing]) -> None:
    async for ring in keys.changes():
        logger.info("keys changed", extra={"fields": {"count": len(ring.specs())}})


async def _follow_relays(table: WatchedFile[RouteTable], endpoint: Endpoint) -> None:
    _tell_relays(table.current, endpoint)
    async for newer in table.changes():
        _tell_relays(newer, endpoint)
        logger.info(
            "route table changed", extra={"fields": {"generation": newer.generation, "relays": len(newer.relays)}}
        )


def _tell_relays(table: RouteTable, endpoint: Endpoint) -> None:
    endpoint.set_relays([(relay.hop, relay.workers) for relay in table.relays])
