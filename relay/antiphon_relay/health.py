"""`/livez`, `/readyz` and `/metrics`."""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector


def health_app(*, alive: Callable[[], bool], ready: Callable[[], bool], collector: Collector) -> web.Application:
    """Readiness depends on nothing shared: it is the switch that moves live flows."""
    registry = CollectorRegistry()
    registry.register(collector)

    async def livez(_: web.Request) -> web.Response:
        return web.Response(text="alive\n") if alive() else web.Response(status=503, text="a worker is stuck\n")

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(text="ready\n") if ready() else web.Response(status=503, text="draining\n")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    return app
