"""Creates, reports and ends calls, each by asking the one pod that owns it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from antiphon_signaling.capacity import CapacityBook
from antiphon_signaling.control_client import ControlClient, PodFaultyError, PodUnreachableError
from antiphon_signaling.errors import EndReason, ErrorCode, Refusal, RefusedError, ended
from antiphon_signaling.metrics import Metrics
from antiphon_signaling.offer import Offer
from antiphon_signaling.placement import Candidate, Outcome, candidates, exhausted, order, pool_for
from antiphon_signaling.pod_answers import CallReport, Created
from antiphon_signaling.routes import Routes, call_not_found
from antiphon_wire import Block

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
            answer = await self._try(candidate, offer, model)
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

    async def _try(self, candidate: Candidate, offer: Offer, model: str) -> Created | Outcome:
        """One offer to one pod; raises when the pod's answer holds for every other pod too."""
        try:
            answer = await self._pods.create(candidate.control, offer, model=model)
        except PodUnreachableError:
            self._book.unreachable(candidate.pod)
            self._metrics.tried(Outcome.UNREACHABLE)
            return Outcome.UNREACHABLE
        except PodFaultyError as error:
            self._metrics.tried(Outcome.FAULTY)
            raise RefusedError(_faulty(candidate.pod, error)) from None
        if isinstance(answer, Created):
            self._book.heard(candidate.pod, answer.free)
            self._metrics.tried(Outcome.PLACED)
            return answer
        outcome = _NEXT_POD.get(answer.code, Outcome.REFUSED)
        self._metrics.tried(outcome)
        if outcome is Outcome.REFUSED:
            raise RefusedError(Refusal(answer.code, answer.message))
        self._book.heard(candidate.pod, 0)
        return outcome


_NEXT_POD = {ErrorCode.NO_CAPACITY: Outcome.FULL, ErrorCode.DRAINING: Outcome.DRAINING}


def _faulty(pod: str, error: PodFaultyError) -> Refusal:
    message = f"Pod {pod} gave an answer that signaling does not understand ({error}). Its log says more."
    return Refusal(ErrorCode.TRANSCEIVER_FAILED, message)
