"""Creates, reports and ends calls, each by asking the one pod that owns it."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from antiphon_signaling.capacity import CapacityBook
from antiphon_signaling.control_client import ControlClient, PodFaultyError, PodUnreachableError
from antiphon_signaling.errors import ErrorCode, Refusal, RefusedError, ended
from antiphon_signaling.metrics import Metrics
from antiphon_signaling.offer import Offer
from antiphon_signaling.placement import Candidate, Outcome, candidates, exhausted, meaning, order, pool_for
from antiphon_signaling.pod_answers import CallReport, Created, PodRefusal
from antiphon_signaling.routes import Routes, call_not_found
from antiphon_wire import Block
from antiphon_wire.control import RESTART_INTERVAL_S, ControlErrorCode, EndReason

logger = logging.getLogger(__name__)

PLACEMENT_DEADLINE_S = 10.0
"""No further pod is tried after this long: the caller is better served by an answer that says when to come back."""


T = TypeVar("T")


@dataclass(frozen=True)
class Placed:
    created: Created
    pool: str
    tries: int
    placing_s: float
    """Spent on pods that did not take the call."""
    transceiver_s: float
    """Spent on the pod that did."""


class Calls:
    def __init__(self, routes: Routes, book: CapacityBook, pods: ControlClient, metrics: Metrics) -> None:
        self._routes = routes
        self._book = book
        self._pods = pods
        self._metrics = metrics
        self._rng = random.Random()  # noqa: S311 - spreads load; nothing secret depends on it

    async def create(self, offer: Offer) -> Placed:
        clock = asyncio.get_running_loop().time
        started = clock()
        table = self._routes.table
        pool = pool_for(table.pools, offer.model)
        model = offer.model or next(iter(pool.models), "")
        outcomes: list[Outcome] = []
        for candidate in order(candidates(table, pool.name, self._book), self._rng):
            asked = clock()
            if asked - started > PLACEMENT_DEADLINE_S:
                break
            answer = await self._try(candidate, offer, pool.name, model)
            if isinstance(answer, Created):
                return Placed(answer, pool.name, len(outcomes) + 1, asked - started, clock() - asked)
            outcomes.append(answer)
        raise RefusedError(exhausted(pool.name, outcomes))

    async def report(self, call_id: str) -> CallReport:
        block = self._routes.owner(call_id)
        if block is None:
            raise RefusedError(ended(EndReason.TRANSCEIVER_LOST))
        return await self._asked(block, call_id, self._pods.call)

    async def renegotiate(self, call_id: str, sdp: str) -> str:
        """The answer to a later offer of a live call, which may restart ICE and change nothing else."""
        block = self._routes.owner(call_id)
        if block is None:
            raise RefusedError(ended(EndReason.TRANSCEIVER_LOST))

        async def ask(control: str, call_id: str) -> str | PodRefusal | CallReport | None:
            return await self._pods.renegotiate(control, call_id, sdp)

        answer: str | PodRefusal | CallReport = await self._asked(block, call_id, ask)
        if isinstance(answer, CallReport):
            raise RefusedError(ended(answer.reason or EndReason.INTERNAL_ERROR))
        if isinstance(answer, PodRefusal):
            raise RefusedError(_refused_later(block.pod, answer))
        return answer

    async def hang_up(self, call_id: str) -> None:
        block = self._routes.owner(call_id)
        if block is not None:  # a call whose pod is gone has ended already
            await self._asked(block, call_id, self._pods.hang_up)

    async def _asked(self, block: Block, call_id: str, ask: Callable[[str, str], Awaitable[T | None]]) -> T:
        try:
            answer = await ask(block.control, call_id)
        except PodUnreachableError:
            if self._routes.owner(call_id) is None:  # the table learnt of it while we were asking
                raise RefusedError(ended(EndReason.TRANSCEIVER_LOST)) from None
            message = (
                f"The call's pod {block.pod} does not answer. Ask again in 1 s: then it is known whether it is lost."
            )
            raise RefusedError(Refusal(ErrorCode.TRANSCEIVER_FAILED, message, retry_after_s=1)) from None
        except PodFaultyError as error:
            raise RefusedError(_faulty(block.pod, error)) from None
        if answer is None:
            # A pod that was not asked for the call yet, or could not take it over.
            raise RefusedError(_moving() if self._routes.has_moved(call_id) else call_not_found())
        if isinstance(answer, CallReport) and answer.reason is EndReason.MOVED:
            raise RefusedError(_moving())
        return answer

    async def _try(self, candidate: Candidate, offer: Offer, pool: str, model: str) -> Created | Outcome:
        """One offer to one pod; raises when the fault is in the offer or behind every pod."""
        try:
            with self._book.offering(candidate.pod):
                answer = await self._pods.create(candidate.control, offer, model=model)
        except PodUnreachableError:
            return self._passed_over(candidate, Outcome.UNREACHABLE)
        except PodFaultyError as error:
            return self._passed_over(candidate, Outcome.FAULTY, str(error))
        if isinstance(answer, Created):
            self._book.heard(candidate.pod, answer.free)
            self._metrics.tried(Outcome.PLACED)
            return answer
        meant = meaning(answer.code, with_session=offer.session is not None)
        if isinstance(meant, Outcome):
            return self._passed_over(candidate, meant, answer.code)
        self._metrics.tried(Outcome.REFUSED)
        raise RefusedError(_passed_on(pool, candidate.pod, meant, answer.message))

    def _passed_over(self, candidate: Candidate, outcome: Outcome, why: str = "") -> Outcome:
        self._metrics.tried(outcome)
        if outcome in (Outcome.UNREACHABLE, Outcome.FAULTY):
            self._book.unreachable(candidate.pod)
        else:
            self._book.heard(candidate.pod, 0)
        if outcome in (Outcome.NOT_READY, Outcome.FAULTY):
            fields = {"pod": candidate.pod, "outcome": outcome.value, "why": why}
            logger.warning("pod passed over", extra={"fields": fields})
        return outcome


def _passed_on(pool: str, pod: str, code: ErrorCode, message: str) -> Refusal:
    if code is not ErrorCode.BACKEND_UNREACHABLE:
        return Refusal(code, message, param="session" if code is ErrorCode.SESSION_NOT_JSON else "sdp")
    # The pod's sentence names the agent's address: for the operator, not for the public.
    logger.warning("backend unreachable", extra={"fields": {"pool": pool, "pod": pod, "why": message}})
    return Refusal(
        code, f"The voice agent behind pool {pool} does not answer. Is it running? Signaling's log has more."
    )


def _refused_later(pod: str, refusal: PodRefusal) -> Refusal:
    if refusal.code is ControlErrorCode.RESTART_TOO_SOON:
        return Refusal(ErrorCode.RESTART_TOO_SOON, refusal.message, param="sdp", retry_after_s=RESTART_INTERVAL_S)
    meant = meaning(refusal.code)
    if isinstance(meant, ErrorCode):
        return Refusal(meant, refusal.message, param="sdp")
    message = f"The call's pod {pod} cannot answer the offer now ({refusal.code}). Retry in 1 s."
    return Refusal(ErrorCode.TRANSCEIVER_FAILED, message, retry_after_s=1)


def _moving() -> Refusal:
    return Refusal(ErrorCode.CALL_MOVING, "The call is moving to another pod. Ask again in 1 s.", retry_after_s=1)


def _faulty(pod: str, error: PodFaultyError) -> Refusal:
    message = f"Pod {pod} gave an answer that signaling does not understand ({error}). Its log says more."
    return Refusal(ErrorCode.TRANSCEIVER_FAILED, message)
