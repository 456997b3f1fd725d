"""Creates, reports and ends calls, each by asking the one pod that owns it."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from antiphon_signaling.capacity import CapacityBook
from antiphon_signaling.control_client import ControlClient, PodFaultyError, PodUnreachableError
from antiphon_signaling.errors import ErrorCode, Refusal, RefusedError, ended
from antiphon_signaling.metrics import Metrics
from antiphon_signaling.offer import Offer
from antiphon_signaling.placement import Candidate, Outcome, candidates, exhausted, meaning, order, pool_for
from antiphon_signaling.pod_answers import CallReport, Created
from antiphon_signaling.routes import Routes, call_not_found
from antiphon_wire import Block
from antiphon_wire.control import EndReason

logger = logging.getLogger(__name__)

PLACEMENT_DEADLINE_S = 10.0
"""No further pod is tried after this long: the caller is better served by an answer that says when to come back."""


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

    async def hang_up(self, call_id: str) -> None:
        block = self._routes.owner(call_id)
        if block is not None:  # a call whose pod is gone has ended already
            await self._asked(block, call_id, self._pods.hang_up)

    async def _asked(
        self, block: Block, call_id: str, ask: Callable[[str, str], Awaitable[CallReport | None]]
    ) -> CallReport:
        try:
            report = await ask(block.control, call_id)
        except PodUnreachableError:
            if self._routes.owner(call_id) is None:  # the table learnt of it while we were asking
                raise RefusedError(ended(EndReason.TRANSCEIVER_LOST)) from None
            message = (
                f"The call's pod {block.pod} does not answer. Ask again in 1 s: then it is known whether it is lost."
            )
            raise RefusedError(Refusal(ErrorCode.TRANSCEIVER_FAILED, message, retry_after_s=1)) from None
        except PodFaultyError as error:
            raise RefusedError(_faulty(block.pod, error)) from None
        if report is None:
            raise RefusedError(call_not_found())
        return report

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


def _faulty(pod: str, error: PodFaultyError) -> Refusal:
    message = f"Pod {pod} gave an answer that signaling does not understand ({error}). Its log says more."
    return Refusal(ErrorCode.TRANSCEIVER_FAILED, message)
