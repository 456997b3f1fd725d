"""The HTTP server's settings, in one place, and the bounds on connections and slow request heads that it lacks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from antiphon_signaling.connections import Connections
from antiphon_signaling.metrics import Metrics
from antiphon_signaling.settings import Settings

STOP_WITHIN_S = 10
"""For requests in flight when we are told to stop: a placement may take that long."""
KEEP_ALIVE_S = 75
"""A browser that read the page keeps its connection, so that the call's offer needs no new one."""

BACKLOG = 128
"""asyncio accepts as many at one go, and tries them all again when file descriptors have run out."""


def http_server(app: FastAPI, settings: Settings, metrics: Metrics) -> uvicorn.Server:
    tls = settings.tls
    connections = Connections(settings.connections_per_address)
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        log_level="warning",
        lifespan="off",
        ws="none",
        http=_bounded(settings.offer_timeout_s, connections, metrics),
        backlog=BACKLOG,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_WITHIN_S,
        ssl_certfile=tls.cert if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    return Server(config)


class Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are Ending's: uvicorn would stop listening at the first, before load balancers know of it."""
        yield


def _bounded(within_s: float, connections: Connections, metrics: Metrics) -> type[H11Protocol]:
    """uvicorn bounds an unfinished head's size (64 KiB) and the idle time between requests, but no head's time."""

    class Bounded(H11Protocol):
        _deadline: asyncio.TimerHandle | None = None
        _counted: str | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the base does
            super().connection_made(transport)
            bound = connections.opened(client := _host(self.client))
            if bound is None:
                self._counted = client
                self._watch()
            else:
                metrics.connection_refused(bound)
                transport.abort()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._unwatch()
            connections.closed(self._counted)
            self._counted = None
            super().connection_lost(exc)

        def _watch(self) -> None:
            awaits_head = self.cycle is None or self.cycle.response_complete
            if not awaits_head:
                self._unwatch()
            elif self._deadline is None:
                self._deadline = self.loop.call_later(within_s, self.transport.close)

        def _unwatch(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return Bounded


def _host(client: tuple[str, int] | None) -> str:
    return client[0] if client else ""
