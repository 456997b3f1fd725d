"""Runs the rounds: observe, plan, apply. One after the other for a fleet, fleets beside one another."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, process_time, time
from typing import Final

from antiphon_operator.actions import Plan
from antiphon_operator.apply import Executor
from antiphon_operator.claim import NotLeadingError
from antiphon_operator.cluster import ApiError, Failure
from antiphon_operator.fleets import FleetKey, Fleets, Orphans, UnreadableFleetError
from antiphon_operator.metrics import Metrics, RoundResult
from antiphon_operator.observed import Refusal
from antiphon_operator.pace import SETTLE_S, Pace
from antiphon_operator.plan import plan, plan_orphan
from antiphon_operator.resolver import Resolver

logger = logging.getLogger(__name__)

RESYNC_S: Final = 300.0
"""Every fleet is planned so often, whatever happens: an idle operator shows that it is well."""
ROUNDS_END_S: Final = 5.0
REFUSED_AGAIN_S: Final = 30.0
"""A quota or a policy may be changed by now."""
STUCK_AFTER_S: Final = 600.0
"""Every request of a round ends within seconds; the longest round measured, of a thousand pods, took tens of them."""


@dataclass(frozen=True)
class _Round:
    result: RoundResult
    changed: bool = False
    requeue_after_s: float | None = None

    @property
    def failed(self) -> bool:
        return self.result is RoundResult.FAILED


class Reconciler:
    def __init__(
        self, fleets: Fleets, resolver: Resolver, executor: Executor, metrics: Metrics, leads: Callable[[], bool]
    ) -> None:
        self._fleets = fleets
        self._resolver = resolver
        self._executor = executor
        self._metrics = metrics
        self._leads = leads
        # Key secrets are drawn from it too.
        self._random = random.SystemRandom()
        self._dirty: dict[FleetKey, asyncio.Event] = {}
        self._workers: dict[FleetKey, asyncio.Task[None]] = {}
        self._rounds_begun: dict[FleetKey, float] = {}
        self._started = False
        self._stopping = False
        self.last_good_at = 0.0
        """Unix seconds of the last round that did not fail."""

    def mark(self, key: FleetKey) -> None:
        """Something of the fleet changed: it is planned anew soon."""
        self._dirty.setdefault(key, asyncio.Event()).set()
        if self._started and key not in self._workers:
            self._workers[key] = asyncio.create_task(self._work(key), name=f"fleet {key.namespace}/{key.relay}")

    def start(self) -> None:
        """Everything was listed once."""
        self._started = True
        self.mark_all()

    def mark_all(self) -> None:
        for key in (*self._fleets.keys(), *self._dirty):
            self.mark(key)

    async def stop(self) -> None:
        """No round is under way afterwards: those that are end first, within `ROUNDS_END_S`."""
        self._started, self._stopping = False, True
        for dirty in self._dirty.values():
            dirty.set()
        workers = list(self._workers.values())
        if workers:
            await asyncio.wait(workers, timeout=ROUNDS_END_S)
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        await self._resolver.close()

    @property
    def stuck(self) -> str | None:
        """A fleet that is not planned any more; None: all is well."""
        oldest = monotonic() - STUCK_AFTER_S
        endless = [key for key, begun in self._rounds_begun.items() if begun < oldest]
        ended = [key for key, worker in self._workers.items() if worker.done()]
        return next((f"{key.namespace}/{key.relay}" for key in (*endless, *ended)), None)

    async def _work(self, key: FleetKey) -> None:
        """The worker of a fleet; ends when nothing of it is left."""
        dirty, pace = self._dirty[key], Pace()
        requeue_after_s: float | None = None
        while key in self._fleets or dirty.is_set():
            await _set_within(dirty, RESYNC_S if requeue_after_s is None else min(requeue_after_s, RESYNC_S))
            if self._stopping:
                return
            await asyncio.sleep(SETTLE_S)
            dirty.clear()
            if not self._leads():
                # Whoever begins to lead marks every fleet.
                requeue_after_s = None
                continue
            begun_cpu = process_time()
            done = await self._round(key)
            gap_s = pace.after(process_time() - begun_cpu, changed=done.changed, failed=done.failed)
            if done.changed or done.failed:
                dirty.set()
            requeue_after_s = done.requeue_after_s
            await asyncio.sleep(gap_s)
        del self._workers[key], self._dirty[key]

    async def _round(self, key: FleetKey) -> _Round:
        begun = self._rounds_begun[key] = monotonic()
        done = _Round(RoundResult.FAILED)
        try:
            done = await self._reconcile(key)
        except ApiError as error:
            self._log_failure(key, error)
        except NotLeadingError:
            logger.warning("a round was cut short: not leading", extra={"fields": _fields(key)})
        except UnreadableFleetError as error:
            logger.error("a fleet is left alone", extra={"fields": {**_fields(key), "unreadable": error}})
        except Exception:
            # The root of a fleet's task: one fleet's fault must not end the others' rounds.
            logger.exception("a round failed", extra={"fields": _fields(key)})
        finally:
            del self._rounds_begun[key]
        self._metrics.round(done.result, monotonic() - begun)
        if not done.failed:
            self.last_good_at = time()
        return done

    async def _reconcile(self, key: FleetKey) -> _Round:
        begun = monotonic()
        decided = self._plan(key)
        self._resolver.want(key, decided.resolve)
        told = self._fleets.refusals(key)
        applied = await self._executor.apply(decided, told, lambda cut: self._fleets.cut_calls(key, cut))
        changed = bool(applied.done or applied.left)
        if applied.done:
            did = ", ".join(f"{count} {what}" for what, count in sorted(applied.done.items()))
            fields = {**_fields(key), "did": did, "ms": round((monotonic() - begun) * 1000)}
            logger.info("reconciled", extra={"fields": fields})
        # What is refused is said in the status by the next round.
        refusals = tuple(sorted(applied.refusals, key=lambda one: (one.kind, one.name)))
        if self._fleets.refused(key, refusals):
            changed = True
            self._log_refusals(key, refusals)
        if applied.failure is not None:
            raise applied.failure
        if refusals:
            return _Round(RoundResult.REFUSED, changed, min(decided.requeue_after_s or RESYNC_S, REFUSED_AGAIN_S))
        return _Round(RoundResult.CHANGED if changed else RoundResult.UNCHANGED, changed, decided.requeue_after_s)

    def _plan(self, key: FleetKey) -> Plan:
        now = time()
        observed = self._fleets.observe(key, self._resolver.resolutions)
        if observed is None:
            return Plan()
        if isinstance(observed, Orphans):
            return sum((plan_orphan(pool, now) for pool in observed.pools), Plan())
        return plan(observed, now, self._random)

    def _log_refusals(self, key: FleetKey, refusals: tuple[Refusal, ...]) -> None:
        for one in refusals[:1]:
            fields = {**_fields(key), "refused": len(refusals), "first": f"{one.kind} {one.name}", "why": one.message}
            logger.warning("the API server refused", extra={"fields": fields})

    def _log_failure(self, key: FleetKey, error: ApiError) -> None:
        fields = {**_fields(key), "failure": error.failure, "why": error}
        # A conflict is the ordinary way in which two writers meet.
        level = logging.INFO if error.failure is Failure.CONFLICT else logging.WARNING
        logger.log(level, "a round is tried again", extra={"fields": fields})


def _fields(key: FleetKey) -> dict[str, object]:
    return {"namespace": key.namespace, "relay": key.relay}


async def _set_within(event: asyncio.Event, seconds: float | None) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
