"""The pod's HTTP: the control API for signaling (bearer token), and health and metrics for the cluster."""

import asyncio
import hmac
import logging
from collections.abc import Coroutine

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from antiphon_transceiver.backends import BackendUnreachable
from antiphon_transceiver.capacity import CallRefusedError, Refusal
from antiphon_transceiver.control_messages import (
    Json,
    RequestError,
    call_body,
    capacity_body,
    created_body,
    handed_over_body,
    parse_hand_over,
    parse_later_offer,
    parse_new_call,
    parse_take_over,
    renegotiated_body,
    taken_over_body,
)
from antiphon_transceiver.metrics import Metrics
from antiphon_transceiver.pod_calls import PodCalls
from antiphon_transceiver.renegotiation import RestartTooSoonError
from antiphon_transceiver.sdp import OfferError, OfferFault
from antiphon_transceiver.takeover.registry import RegistryAwayError
from antiphon_transceiver.takeover.takeovers import Takeovers
from antiphon_wire.control import RESTART_INTERVAL_S, ControlErrorCode

logger = logging.getLogger(__name__)

LARGEST_BODY = 512 * 1024
"""An offer of 64 KiB with every character escaped, and a session beside it."""

_API = "/v1/"
_STATUS = {OfferFault.TOO_LARGE: 413, OfferFault.CHANGES_CALL: 409}
_REFUSALS = {
    Refusal.NO_CAPACITY: "This transceiver takes no more calls.",
    Refusal.DRAINING: "This transceiver is draining and takes no new calls.",
    Refusal.NOT_READY: "This transceiver is not ready to take calls; its /readyz says why.",
}


class ControlApi:
    def __init__(self, calls: PodCalls, metrics: Metrics, takeovers: Takeovers | None, pod: str, token: str) -> None:
        self._calls = calls
        self._metrics = metrics
        self._takeovers = takeovers
        self._pod = pod
        self._token = token.encode()

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._contain, self._authorize], client_max_size=LARGEST_BODY)
        app.add_routes(
            [
                web.post("/v1/calls", self._create),
                web.get("/v1/calls", self._list),
                web.get("/v1/calls/{id}", self._show),
                web.patch("/v1/calls/{id}", self._renegotiate),
                web.delete("/v1/calls/{id}", self._delete),
                web.post("/v1/takeovers", self._take_over),
                web.post("/v1/handovers", self._hand_over),
                web.get("/v1/capacity", self._capacity),
                web.post("/v1/drain", self._drain),
                web.get("/livez", self._live),
                web.get("/readyz", self._ready),
                web.get("/metrics", self._exposition),
            ]
        )
        return app

    @web.middleware
    async def _contain(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The root of every request: what breaks in one is said in the API's own words."""
        try:
            return await handler(request)
        except web.HTTPException:
            raise
        except Exception:
            logger.exception("a request failed", extra={"fields": {"method": request.method}})
            self._metrics.request_failed()
            return _error(500, ControlErrorCode.INTERNAL_ERROR, "The pod failed at this request; its log says how.")

    @web.middleware
    async def _authorize(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(_API):
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            given = token.strip().encode("utf-8", "replace")
            if scheme.lower() != "bearer" or not hmac.compare_digest(given, self._token):
                return _error(
                    401, ControlErrorCode.UNAUTHORIZED, "Send the control token: Authorization: Bearer <token>."
                )
        return await handler(request)

    async def _create(self, request: web.Request) -> web.Response:
        return await self._or_refusal(self._created(request))

    async def _created(self, request: web.Request) -> web.Response:
        new_call = parse_new_call(await request.read())
        answered = await self._calls.create(new_call.offer, new_call.request)
        free = self._calls.capacity.free
        return _json(201, created_body(answered.record, answered.answer, self._pod, free))

    async def _renegotiate(self, request: web.Request) -> web.Response:
        return await self._or_refusal(self._renegotiated(request))

    async def _renegotiated(self, request: web.Request) -> web.Response:
        call_id = request.match_info["id"]
        answered = self._calls.renegotiate(call_id, parse_later_offer(await request.read()))
        if answered is not None:
            return _json(200, renegotiated_body(answered.record, answered.answer, self._pod))
        record = self._calls.record(call_id)
        return _unknown() if record is None else _json(410, call_body(record, self._pod))

    async def _take_over(self, request: web.Request) -> web.Response:
        return await self._or_unavailable(self._taken_over(request))

    async def _taken_over(self, request: web.Request) -> web.Response:
        wanted = parse_take_over(await request.read())
        if self._calls.capacity.draining:
            return self._refuse(503, ControlErrorCode.DRAINING, _REFUSALS[Refusal.DRAINING], free=0)
        if not self._calls.has_table:
            return self._refuse(503, ControlErrorCode.NOT_READY, _REFUSALS[Refusal.NOT_READY], free=0)
        heir = self._registered().heir
        # A client of ours that goes away must not leave calls half-way between two pods.
        taken = await asyncio.shield(heir.take_over(wanted.pod, wanted.routes, self._calls))
        return _json(200, taken_over_body(taken, self._calls.capacity.free))

    async def _hand_over(self, request: web.Request) -> web.Response:
        return await self._or_unavailable(self._handed_over(request))

    async def _handed_over(self, request: web.Request) -> web.Response:
        routes = parse_hand_over(await request.read())
        handing = self._calls.hand_over(routes, self._registered().exports)
        return _json(200, handed_over_body(await asyncio.shield(handing)))

    def _registered(self) -> Takeovers:
        """Raises RegistryAwayError where there is no registry."""
        if self._takeovers is None:
            raise RegistryAwayError
        return self._takeovers

    async def _or_unavailable(self, answering: Coroutine[object, object, web.Response]) -> web.Response:
        try:
            return await answering
        except web.HTTPRequestEntityTooLarge:
            message = f"The body is larger than {LARGEST_BODY} bytes."
            return _error(413, ControlErrorCode.REQUEST_MALFORMED, message)
        except RequestError as error:
            return _error(400, ControlErrorCode.REQUEST_MALFORMED, str(error))
        except RegistryAwayError:
            known = "The registry of calls does not answer." if self._takeovers else "No registry of calls is set."
            return _error(503, ControlErrorCode.REGISTRY_UNAVAILABLE, known)

    async def _or_refusal(self, answering: Coroutine[object, object, web.Response]) -> web.Response:
        try:
            return await answering
        except web.HTTPRequestEntityTooLarge:
            return self._refuse(413, OfferFault.TOO_LARGE.value, f"The body is larger than {LARGEST_BODY} bytes.")
        except RequestError as error:
            return self._refuse(400, ControlErrorCode.REQUEST_MALFORMED, str(error))
        except OfferError as error:
            return self._refuse(_STATUS.get(error.fault, 400), error.fault.value, error.message)
        except RestartTooSoonError:
            message = f"The call restarted ICE less than {RESTART_INTERVAL_S} s ago."
            return self._refuse(429, ControlErrorCode.RESTART_TOO_SOON, message)
        except CallRefusedError as error:
            return self._refuse(503, error.refusal.value, _REFUSALS[error.refusal], free=0)
        except BackendUnreachable as error:
            return self._refuse(502, ControlErrorCode.BACKEND_UNREACHABLE, str(error))

    async def _list(self, _request: web.Request) -> web.Response:
        return _json(200, {"calls": [call_body(record, self._pod) for record in self._calls.records()]})

    async def _show(self, request: web.Request) -> web.Response:
        record = self._calls.record(request.match_info["id"])
        return _unknown() if record is None else _json(200, call_body(record, self._pod))

    async def _delete(self, request: web.Request) -> web.Response:
        record = self._calls.hang_up(request.match_info["id"])
        return _unknown() if record is None else _json(200, call_body(record, self._pod))

    async def _capacity(self, _request: web.Request) -> web.Response:
        return _json(200, self._capacity_body())

    async def _drain(self, _request: web.Request) -> web.Response:
        self._calls.drain()
        return _json(202, self._capacity_body())

    async def _live(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _ready(self, _request: web.Request) -> web.Response:
        if self._calls.capacity.draining:
            return web.Response(status=503, text="draining\n")
        lacks = self._calls.lacks
        if lacks is not None:
            return web.Response(status=503, text=f"{lacks}\n")
        return web.Response(text="ready\n")

    async def _exposition(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=self._metrics.exposition(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    def _capacity_body(self) -> Json:
        return capacity_body(self._calls.capacity, self._pod, self._calls.backend.state)

    def _refuse(self, status: int, code: ControlErrorCode, message: str, **more: int) -> web.Response:
        self._metrics.offer_refused(code)
        return _error(status, code, message, **more)


def _unknown() -> web.Response:
    return _error(404, ControlErrorCode.CALL_UNKNOWN, "No such call on this pod, or it ended too long ago.")


def _error(status: int, code: str, message: str, **more: int) -> web.Response:
    return _json(status, {"error": {"code": code, "message": message}, **more})


def _json(status: int, body: Json) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json")
