"""Puts the parts together into the ASGI app, and keeps its background work running beside it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, Response

from antiphon_signaling import __version__
from antiphon_signaling.calls import Calls
from antiphon_signaling.capacity import CapacityBook
from antiphon_signaling.capacity_poll import poll_capacity
from antiphon_signaling.control_client import ControlClient
from antiphon_signaling.ending import Ending
from antiphon_signaling.errors import ErrorCode, Refusal, RefusedError
from antiphon_signaling.metrics import CONTENT_TYPE, Metrics
from antiphon_signaling.offer_body import LingeringResponse
from antiphon_signaling.page_files import page_router, read_page
from antiphon_signaling.realtime_api import realtime_router
from antiphon_signaling.request_edge import RequestEdge
from antiphon_signaling.routes import Routes
from antiphon_signaling.settings import Settings
from antiphon_wire.table_source import table_source

logger = logging.getLogger(__name__)


@asynccontextmanager
async def running_app(settings: Settings, token: str, metrics: Metrics, ending: Ending) -> AsyncIterator[FastAPI]:
    """The app, with routes and keys watched and pods asked for as long as the context is open."""
    routes = Routes(settings.keys_file, table_source(settings.tables))
    metrics.watch_files(routes)
    book = CapacityBook()
    # A task group, so that background work that fails ends the service instead of leaving it half alive.
    async with ControlClient.opened(token) as pods, asyncio.TaskGroup() as group:
        background = [
            group.create_task(routes.watch(), name="routes and keys"),
            group.create_task(poll_capacity(routes, book, pods, metrics), name="capacity"),
        ]
        try:
            app = _app(settings, routes, Calls(routes, book, pods, metrics), metrics)
            _add_health(app, routes, metrics, ending)
            yield app
        finally:
            for task in background:
                task.cancel()


def _app(settings: Settings, routes: Routes, calls: Calls, metrics: Metrics) -> FastAPI:
    app = FastAPI(
        title="Antiphon signaling",
        version=__version__,
        docs_url=None,  # it loads from a CDN
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        middleware=[Middleware(RequestEdge, origins=settings.allowed_origins, metrics=metrics)],
    )
    app.include_router(realtime_router(calls, metrics, offer_timeout_s=settings.offer_timeout_s))
    app.include_router(page_router(read_page(), routes, settings, __version__))
    _add_refusals(app, metrics)
    return app


def _add_health(app: FastAPI, routes: Routes, metrics: Metrics, ending: Ending) -> None:
    @app.get("/livez")
    async def livez() -> Response:
        return PlainTextResponse("ok\n")

    @app.get("/readyz")
    async def readyz() -> Response:
        if ending.begun:
            return PlainTextResponse("draining\n", 503)
        lacking = routes.lacking
        if lacking:
            return PlainTextResponse(f"not ready: no {' and no '.join(lacking)}\n", 503)
        return PlainTextResponse("ok\n")

    @app.get("/metrics")
    async def metrics_text() -> Response:
        return Response(metrics.text(), headers={"content-type": CONTENT_TYPE})


def _add_refusals(app: FastAPI, metrics: Metrics) -> None:
    def answer(request: Request, refusal: Refusal, headers: Mapping[str, str] = NO_HEADERS) -> Response:
        metrics.refused(refusal.code)
        fields = {"request": request.scope["antiphon.request_id"], "status": refusal.status, "code": refusal.code.value}
        logger.info("request refused", extra={"fields": fields})
        kind = LingeringResponse if refusal.code in _UNREAD else Response
        return kind(refusal.body, refusal.status, {**refusal.headers, **headers}, "application/json")

    @app.exception_handler(RefusedError)
    async def refused(request: Request, error: RefusedError) -> Response:
        return answer(request, error.refusal)

    @app.exception_handler(HTTPException)
    async def unrouted(request: Request, error: HTTPException) -> Response:
        if error.status_code == 405:
            refusal = Refusal(ErrorCode.METHOD_NOT_ALLOWED, f"{request.method} is not answered here.")
            return answer(request, refusal, {"allow": _allowed(error)})
        return answer(
            request, Refusal(ErrorCode.PATH_NOT_FOUND, "Nothing is served here. Calls are at /v1/realtime/calls.")
        )


def _allowed(error: HTTPException) -> str:
    """RFC 9110 section 15.5.6. HEAD is answered wherever GET is."""
    methods = {method.strip() for method in (error.headers or {}).get("Allow", "").split(",")} - {""}
    return ", ".join(sorted(methods | {"HEAD"} if "GET" in methods else methods))


NO_HEADERS: Mapping[str, str] = MappingProxyType({})

_UNREAD = frozenset({ErrorCode.OFFER_TOO_LARGE, ErrorCode.OFFER_TOO_SLOW, ErrorCode.UNSUPPORTED_MEDIA_TYPE})
"""Refused before the body was read to its end."""
