"""`/v1/realtime/calls` as OpenAI's API reference has it, so that existing SDKs work by changing the base URL."""

from __future__ import annotations

import asyncio
import logging

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from antiphon_signaling.calls import Calls, Placed
from antiphon_signaling.errors import RefusedError, ended
from antiphon_signaling.metrics import Metrics
from antiphon_signaling.offer_body import read_later_offer, read_offer
from antiphon_signaling.pod_answers import CallReport

logger = logging.getLogger(__name__)

_NO_STORE = {"cache-control": "no-store"}


def realtime_router(calls: Calls, metrics: Metrics, *, offer_timeout_s: float) -> APIRouter:
    router = APIRouter(prefix="/v1/realtime/calls")

    @router.post("")
    async def create(request: Request) -> Response:
        clock = asyncio.get_running_loop().time
        started = clock()
        offer = await read_offer(request, within_s=offer_timeout_s)
        read_s = clock() - started
        placed = await calls.create(offer)
        total_s = clock() - started
        metrics.created(placed.pool, total_s)
        _log_created(request, placed, total_s)
        timing = _server_timing(placed, read_s, total_s)
        headers = {"location": f"/v1/realtime/calls/{placed.created.call_id}", "server-timing": timing, **_NO_STORE}
        return Response(placed.created.answer, 201, headers, "application/sdp")

    # One route for both methods: a 405 lists those of one route.
    @router.api_route("/{call_id}", methods=["GET", "PATCH"])
    async def call(request: Request, call_id: str) -> Response:
        return await (renegotiate(request, call_id) if request.method == "PATCH" else state(call_id))

    async def state(call_id: str) -> Response:
        report = await calls.report(call_id)
        if report.reason is not None:
            raise RefusedError(ended(report.reason))
        return JSONResponse(_live_call(call_id, report), headers=_NO_STORE)

    async def renegotiate(request: Request, call_id: str) -> Response:
        answer = await calls.renegotiate(call_id, await read_later_offer(request, within_s=offer_timeout_s))
        return Response(answer, 200, _NO_STORE, "application/sdp")

    @router.post("/{call_id}/hangup")
    async def hang_up(call_id: str) -> Response:
        await calls.hang_up(call_id)
        return Response(status_code=200)

    return router


def _live_call(call_id: str, report: CallReport) -> dict[str, object]:
    return {
        "id": call_id,
        "object": "realtime.call",
        "state": report.state,
        "pod": report.pod,
        "age_s": report.age_s,
        "stats": report.stats,
    }


def _server_timing(placed: Placed, read_s: float, total_s: float) -> str:
    """W3C Server Timing: where the one round trip of the set-up went, in milliseconds."""
    stages = {
        "read": read_s * 1000,
        "place": placed.placing_s * 1000,
        "transceiver": placed.transceiver_s * 1000,
        "backend": placed.created.backend_ms,
        "answer": placed.created.answer_ms,
        "total": total_s * 1000,
    }
    return ", ".join(f"{name};dur={duration:.1f}" for name, duration in stages.items())


def _log_created(request: Request, placed: Placed, total_s: float) -> None:
    fields = {
        "request": request.scope["antiphon.request_id"],
        "call": placed.created.call_id,
        "pool": placed.pool,
        "pod": placed.created.pod,
        "tries": placed.tries,
        "ms": round(total_s * 1000, 1),
    }
    logger.info("call created", extra={"fields": fields})
