"""`/livez`, `/readyz` and `/metrics`."""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector


def health_app(*, alive: Callable[[], bool], lacks: Callable[[], str | None], collector: Collector) -> web.Application:
    """`lacks` says why the relay is not ready, if it is not."""
    registry = CollectorRegistry()
    registry.register(collector)

    async def livez(_: web.Request) -> web.Response:
        return web.Response(text="alive\n") if alive() else web.Response(status=503, text="a worker is stuck\n")

    async def readyz(_: web.Request) -> web.Response:
        why = lacks()
        return web.Response(text="ready\n") if why is None else web.Response(status=503, text=f"{why}\n")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    return app
