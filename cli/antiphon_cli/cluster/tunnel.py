"""A port of this machine that leads to a Service over HTTP, by the API server's proxy."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from aiohttp import web

from antiphon_cli.cluster.api_server import Answer, ApiServer
from antiphon_cli.cluster.document import Document
from antiphon_cli.cluster.gather import CORE
from antiphon_cli.cluster.own_kinds import Name
from antiphon_cli.cluster.reading import NotReadError

REQUEST_HEADERS = ("Accept", "Content-Type")
RESPONSE_HEADERS = ("Content-Type", "Location", "Retry-After")
ANSWER_TIMEOUT_S = 15.0
HTTP_PORT = "http"


@asynccontextmanager
async def tunnel(api: ApiServer, service: Name, *, tls: bool) -> AsyncIterator[str]:
    """Yields its URL, while it is open; only this machine can connect to it."""
    scheme = "https:" if tls else ""
    prefix = f"{CORE}/namespaces/{service.namespace}/services/{scheme}{service.name}:{HTTP_PORT}/proxy"

    async def pass_on(request: web.Request) -> web.Response:
        headers = {"Content-Type": "application/octet-stream"}
        headers |= {name: request.headers[name] for name in REQUEST_HEADERS if name in request.headers}
        target = f"{prefix}{request.rel_url.raw_path_qs}"
        try:
            answer = await api.passed_on(
                request.method, target, headers, await request.read(), timeout_s=ANSWER_TIMEOUT_S
            )
        except NotReadError as error:
            unreached = {"code": error.reason.value, "message": str(error)}
            return web.json_response({"error": unreached}, status=HTTPStatus.BAD_GATEWAY)
        kept = {name: answer.headers[name] for name in RESPONSE_HEADERS if name in answer.headers}
        if "Location" in kept:
            # The proxy makes it a path of the API server's.
            kept["Location"] = kept["Location"].removeprefix(prefix)
        own_refusal = api_refusal(answer)
        if own_refusal is not None:
            return web.json_response({"error": own_refusal}, status=answer.status)
        return web.Response(status=answer.status, headers=kept, body=answer.body)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", pass_on)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def api_refusal(answer: Answer) -> dict[str, str] | None:
    """What the API server itself says instead of the Service, in the shape in which signaling says errors."""
    try:
        said = Document(json.loads(answer.body)) if answer.status >= HTTPStatus.BAD_REQUEST else Document(None)
    except ValueError:
        return None
    if said.text("kind") != "Status":
        return None
    return {"code": said.text("reason"), "message": said.text("message")}
