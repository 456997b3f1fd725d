"""What surrounds every request: its id, the origin check, and an answer even when our own code fails."""

from __future__ import annotations

import logging
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from antiphon_signaling.errors import ErrorCode, Refusal
from antiphon_signaling.metrics import Metrics
from antiphon_signaling.origins import OriginPolicy, preflight_headers, response_headers

logger = logging.getLogger(__name__)


class RequestEdge:
    """ASGI middleware, outermost of ours."""

    def __init__(self, app: ASGIApp, *, origins: OriginPolicy, metrics: Metrics) -> None:
        self._app = app
        self._origins = origins
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = f"req_{secrets.token_hex(12)}"
        scope["antiphon.request_id"] = request_id
        origin = Headers(scope=scope).get("origin")
        reply = _Reply(send, request_id, origin)
        if scope["method"] == "HEAD":
            # RFC 9110 section 9.3.2: HEAD is answered as GET is; the server, which has its own scope, omits the body.
            scope = {**scope, "method": "GET"}
        try:
            await self._answer(scope, receive, reply, origin)
        except Exception:
            logger.exception("request failed", extra={"fields": {"request": request_id}})
            self._metrics.refused(ErrorCode.SIGNALING_FAILED)
            if not reply.started:
                message = f"An error inside the signaling service. Its log has it under {request_id}."
                failure = Refusal(ErrorCode.SIGNALING_FAILED, message)
                await _response(failure)(scope, receive, reply)

    async def _answer(self, scope: Scope, receive: Receive, reply: _Reply, origin: str | None) -> None:
        if origin is None:
            await self._app(scope, receive, reply)
            return
        headers = Headers(scope=scope)
        if not self._origins.allows(origin, host=headers.get("host", ""), reads=scope["method"] == "GET"):
            reply.allow_origin = False
            self._metrics.refused(ErrorCode.ORIGIN_NOT_ALLOWED)
            fields = {"request": scope["antiphon.request_id"], "origin": origin[:200]}
            logger.warning("origin refused", extra={"fields": fields})
            refusal = Refusal(ErrorCode.ORIGIN_NOT_ALLOWED, self._origins.refusal(origin), param="origin")
            await _response(refusal)(scope, receive, reply)
        elif scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            requested = headers.get("access-control-request-headers", "")
            await Response(status_code=204, headers=dict(preflight_headers(origin, requested)))(scope, receive, reply)
        else:
            await self._app(scope, receive, reply)


class _Reply:
    """The `send` of one request, which adds the headers that every answer has."""

    def __init__(self, send: Send, request_id: str, origin: str | None) -> None:
        self._send = send
        self._request_id = request_id
        self._origin = origin
        self.allow_origin = origin is not None
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = self._request_id
            headers.add_vary_header("Origin")
            if self._origin is not None and self.allow_origin:
                for name, value in response_headers(self._origin):
                    headers[name] = value
        await self._send(message)


def _response(refusal: Refusal) -> Response:
    return Response(refusal.body, refusal.status, refusal.headers, "application/json")
