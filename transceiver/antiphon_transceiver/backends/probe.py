"""Tells whether the backend is there while no call does, by a connection as a call makes it, closed at once."""

from __future__ import annotations

import asyncio
import logging
from time import monotonic

from antiphon_transceiver.backends.backend import BackendKind, BackendSettings, BackendUnreachable, CallRequest
from antiphon_transceiver.backends.health import BackendHealth
from antiphon_transceiver.backends.realtime import RealtimeBackend
from antiphon_wire.control import BackendState

logger = logging.getLogger(__name__)


async def keep_probed(settings: BackendSettings, health: BackendHealth) -> None:
    """Never ends, but where there is nothing to probe."""
    if settings.kind is not BackendKind.REALTIME or not settings.probe_s:
        return
    while True:
        wait_s = health.probe_due_in(monotonic(), settings.probe_s)
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        else:
            await _probe(settings, health)


async def _probe(settings: BackendSettings, health: BackendHealth) -> None:
    before, why = health.state, ""
    backend = RealtimeBackend(settings, CallRequest(model=health.model), health)
    try:
        await backend.connect()
    except BackendUnreachable as error:
        why = str(error)
    except Exception:
        logger.exception("a probe of the backend failed")
        health.failed(monotonic(), BackendState.UNREACHABLE)
    finally:
        await backend.close()
    if health.state is not before:
        level = logging.INFO if health.state is BackendState.REACHABLE else logging.WARNING
        logger.log(level, "backend probed", extra={"fields": {"state": health.state.value, "why": why}})
