"""The process: puts the parts together, serves until it is drained, and takes them apart in order."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from aiohttp import web

from antiphon_transceiver._extension import Endpoint
from antiphon_transceiver.backends import keep_probed
from antiphon_transceiver.capacity import Capacity
from antiphon_transceiver.control_api import ControlApi
from antiphon_transceiver.dtls import Certificates
from antiphon_transceiver.live_call import Surroundings
from antiphon_transceiver.media import EngineStatistics, MediaEngine
from antiphon_transceiver.metrics import Metrics, Snapshot
from antiphon_transceiver.overload import CpuAllowance, OverloadWatch, Throttling, rehearse
from antiphon_transceiver.pod_calls import Followed, PodCalls
from antiphon_transceiver.settings import Settings
from antiphon_transceiver.takeover.takeovers import Takeovers
from antiphon_wire.control import EndReason
from antiphon_wire.environment import Address, SettingError
from antiphon_wire.key_ring import KeyRing
from antiphon_wire.table_source import FileTables, TableSource, table_source
from antiphon_wire.watched_file import WatchedFile

logger = logging.getLogger(__name__)

_HTTP_FAREWELL_S = 1.0

T = TypeVar("T")


async def run_pod(settings: Settings, token: str) -> None:
    """Returns when the pod is drained; raises SettingError where what it was told cannot be done."""
    keys = _read("ANTIPHON_KEYS_FILE", lambda: WatchedFile(settings.keys_file, KeyRing.from_json))
    export_keys = _export_keys(settings)
    tables = _tables(settings)
    allowance = CpuAllowance.of_this_process()
    measured = rehearse(settings.capacity, settings.media, settings.backend.kind, cpus=allowance.cpus())
    endpoint = Endpoint(str(settings.hop_address), setup_window_s=settings.setup_window_s, consent_s=settings.consent_s)
    hop = _start(endpoint, settings.hop_address)
    engine = _started_engine(endpoint, settings)
    metrics = Metrics()
    surroundings = Surroundings(endpoint, Certificates(), engine, settings.longest_call_s)
    capacity = Capacity.of(settings.capacity.most, measured)
    calls = PodCalls(settings, capacity, Followed(keys, tables), surroundings, metrics)
    takeovers = _takeovers(settings, export_keys, tables, engine, calls)
    watch = OverloadWatch(settings.overload, allowance, lambda: EngineStatistics.of(engine.counters()), calls)
    metrics.watch(lambda: _snapshot(calls, surroundings, tables, allowance.throttling(), takeovers))
    api = ControlApi(calls, metrics, takeovers, settings.pod, token)
    # Before anybody can see that it runs, and tell it to stop.
    _heed_signals(calls)
    try:
        async with _listening(api.application(), settings.http_address) as http, asyncio.TaskGroup() as background:
            tasks = [
                background.create_task(_follow_keys(keys, "keys changed")),
                background.create_task(tables.run()),
                background.create_task(_follow_relays(tables, endpoint)),
                background.create_task(keep_probed(settings.backend, calls.backend)),
                background.create_task(watch.run()),
                *_exporting(takeovers, background),
            ]
            logger.info("serving", extra={"fields": {"pod": settings.pod, "http": http, "hop": hop}})
            await _serve(calls, settings.drain_deadline_s)
            for task in tasks:
                task.cancel()
        if takeovers is not None:
            await takeovers.close()
    finally:
        engine.stop()
        endpoint.stop()
    logger.info("stopped", extra={"fields": {"pod": settings.pod}})


async def _serve(calls: PodCalls, drain_deadline_s: float) -> None:
    """Until the drain that a signal or the control API began is over."""
    calls.attend()
    await calls.draining.wait()
    logger.info("draining", extra={"fields": {"live": calls.capacity.live, "deadline_s": drain_deadline_s}})
    try:
        async with asyncio.timeout(drain_deadline_s):
            await calls.drained.wait()
    except TimeoutError:
        calls.end_all(EndReason.DRAIN_DEADLINE)
    await calls.gone()


def _heed_signals(calls: PodCalls) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _interrupt, calls)


def _interrupt(calls: PodCalls) -> None:
    """The first signal drains; a second one does not wait for the deadline."""
    if calls.draining.is_set():
        calls.end_all(EndReason.DRAIN_DEADLINE)
    else:
        calls.drain()


def _snapshot(
    calls: PodCalls,
    surroundings: Surroundings,
    tables: TableSource,
    throttling: Throttling,
    takeovers: Takeovers | None,
) -> Snapshot:
    return Snapshot(
        capacity=calls.capacity,
        live=calls.live_records(),
        endpoint=surroundings.endpoint.counters(),
        engine=EngineStatistics.of(surroundings.engine.counters()),
        throttling=throttling,
        backend=calls.backend.state,
        tables=tables,
        takeovers=takeovers,
    )


def _tables(settings: Settings) -> TableSource:
    # Whether a route is still ours is asked only where calls are written down.
    tables = table_source(settings.tables, with_blocks=settings.exports is not None)
    if isinstance(tables, FileTables):
        _read("ANTIPHON_ROUTES_FILE", tables.load)
    return tables


def _export_keys(settings: Settings) -> WatchedFile[KeyRing] | None:
    if settings.exports is None:
        return None
    file = settings.exports.keys_file
    return _read("ANTIPHON_EXPORT_KEYS_FILE", lambda: WatchedFile(file, KeyRing.from_json))


def _takeovers(
    settings: Settings, keys: WatchedFile[KeyRing] | None, tables: TableSource, engine: MediaEngine, calls: PodCalls
) -> Takeovers | None:
    if settings.exports is None or keys is None:
        return None
    takeovers = Takeovers.of(settings.exports, keys, tables, engine, pod=settings.pod, media=settings.media)
    calls.export_to(takeovers.exports)
    return takeovers


def _exporting(takeovers: Takeovers | None, background: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
    if takeovers is None:
        return []
    return [
        background.create_task(takeovers.exports.run()),
        background.create_task(_follow_keys(takeovers.keys, "export keys changed")),
    ]


def _read(variable: str, read: Callable[[], T]) -> T:
    """Reads what a variable names; raises SettingError."""
    try:
        return read()
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


def _started_engine(endpoint: Endpoint, settings: Settings) -> MediaEngine:
    engine = MediaEngine(endpoint, workers=settings.media.workers, chunk_ms=settings.media.chunk_ms)
    engine.start()
    return engine


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


async def _follow_keys(keys: WatchedFile[KeyRing], change: str) -> None:
    async for ring in keys.changes():
        logger.info(change, extra={"fields": {"count": len(ring.specs())}})


async def _follow_relays(tables: TableSource, endpoint: Endpoint) -> None:
    async for table in tables.changes():
        relays = table.routes.relays
        endpoint.set_relays([(relay.hop, relay.workers) for relay in relays])
        fields = {"generation": table.routes.generation, "relays": len(relays)}
        logger.info("route table taken", extra={"fields": fields})
