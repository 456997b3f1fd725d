"""`/livez`, `/readyz` and `/metrics`."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from antiphon_operator.metrics import CONTENT_TYPE, Metrics


def health_app(stuck: Callable[[], str | None], waiting: Callable[[], str | None], metrics: Metrics) -> web.Application:
    """`stuck` says what does not go on, `waiting` what is not there yet; None where all is well."""

    async def livez(_: web.Request) -> web.Response:
        return _answer("alive", stuck())

    async def readyz(_: web.Request) -> web.Response:
        return _answer("ready", waiting())

    async def show_metrics(_: web.Request) -> web.Response:
        return web.Response(body=metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    app = web.Application()
    app.add_routes([web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", show_metrics)])
    return app


def _answer(good: str, trouble: str | None) -> web.Response:
    return web.Response(text=f"{good}\n") if trouble is None else web.Response(status=503, text=f"{trouble}\n")
