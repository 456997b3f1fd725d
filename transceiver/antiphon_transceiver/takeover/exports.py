"""The owner's side: every established call of this pod is written down, every few seconds, until it is over."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from time import monotonic, time
from typing import Protocol

from antiphon_transceiver._extension import CallExport, CallTenure, NotExportable
from antiphon_transceiver.takeover.configuration import ConfigurationTooLongError
from antiphon_transceiver.takeover.counters import Refused, TakeoverCounters, Unexported
from antiphon_transceiver.takeover.export_keys import ExportKeys
from antiphon_transceiver.takeover.registry import (
    RECORD_S,
    Held,
    Outcome,
    Place,
    Registry,
    RegistryAwayError,
    Replacement,
    Stored,
)
from antiphon_transceiver.takeover.route_ownership import Ownership, RouteOwnership
from antiphon_wire.control import EndReason

logger = logging.getLogger(__name__)

TICK_S = 0.1
"""Calls that are due by then share a pipeline."""
RETRY_S = 0.5
"""After a registry that did not answer, or a call that cannot be written down just now."""
_MOST_AT_ONCE = 64
"""The loop belongs to the calls' events too; the others are due in the next tick."""
_FINAL_ATTEMPTS = 3


class ExportedCall(Protocol):
    """A call, as far as its exports are concerned."""

    @property
    def has_channel(self) -> bool:
        """Its events channel has opened. A message on one that an heir has never heard of reaches nobody."""

    def resume_sending(self) -> None:
        """What was held back may go."""

    def end(self, reason: EndReason) -> None: ...


@dataclass
class Owned:
    """An established call that is ours, and where its exports stand."""

    place: Place
    call: ExportedCall
    tenure: CallTenure
    configuration: Callable[[], bytes]
    """Raises ConfigurationTooLongError."""
    generation: bytes = bytes(4)
    due_at: float = 0.0
    """Of the monotonic clock."""
    names_channel: bool = False
    """The last attempt at an export was made after the events channel had opened."""
    gone_since: float | None = None
    """When the registry first had nothing."""
    not_exported: Unexported | None = None
    """Why it was not written down the last time; None: it was."""

    def is_due(self, now: float) -> bool:
        return self.due_at <= now or self.tenure.is_held_back or (self.call.has_channel and not self.names_channel)


@dataclass(frozen=True, eq=False)
class _Over:
    """A call whose record is to be taken away."""

    place: Place
    generation: bytes
    """Ours."""
    since: float


@dataclass
class HandOver:
    handed_over: list[str] = field(default_factory=list)
    kept: dict[str, Unexported] = field(default_factory=dict)
    """They go on here."""


class Exports:
    def __init__(
        self,
        registry: Registry,
        keys: ExportKeys,
        ownership: RouteOwnership,
        counters: TakeoverCounters,
        *,
        interval_s: float,
    ) -> None:
        self.counters = counters
        self._registry = registry
        self._keys = keys
        self._ownership = ownership
        self._interval_s = interval_s
        self._owned: dict[str, Owned] = {}
        self._over: list[_Over] = []
        """Calls whose records are to be taken away."""
        self._turn = asyncio.Lock()
        """An export is settled before the call's next one is made."""
        self._asked_at = 0.0
        self._spread = Random()  # noqa: S311 - spreads load; nothing secret depends on it

    def own(self, owned: Owned) -> None:
        """A new call is written down at once; one that was claimed just has been, and takes its turn among many."""
        if any(owned.generation):
            owned.names_channel = owned.call.has_channel
            owned.due_at = monotonic() + self._spread.uniform(0.3, 1.0) * self._interval_s
        self._owned[owned.place.call_id] = owned

    def over(self, call_id: str, reason: EndReason) -> None:
        owned = self._owned.pop(call_id, None)
        # The record of one that moved is its next owner's.
        if owned is not None and reason is not EndReason.MOVED:
            self._over.append(_Over(owned.place, owned.generation, monotonic()))

    async def run(self) -> None:
        """Never ends but by being cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            async with self._turn:
                await self._guarded_tick()

    async def close(self) -> None:
        """What is over is not left to be taken over."""
        async with self._turn:
            await self._forget()

    async def hand_over(self, routes: frozenset[int]) -> HandOver:
        """Ends the calls of these routes here, silently, so that another pod goes on with them and loses nothing.

        Those that cannot be written down go on here. Raises RegistryAwayError, and then all of them do.
        """
        async with self._turn:
            chosen = [owned for owned in self._owned.values() if owned.place.route in routes]
            # An ordinary export before the final one: a tenure that is closed cannot be opened again.
            ready = await self._export(chosen)
            if chosen and not ready and not self._registry.up:
                raise RegistryAwayError
            for owned in ready:
                owned.tenure.close()
            try:
                await self._export_finally(ready)
            finally:
                # A tenure that is closed says nothing more, whatever became of its last word.
                for owned in ready:
                    owned.call.end(EndReason.MOVED)
            kept = {one.place.call_id: one.not_exported or Unexported.NOT_OWNED for one in chosen if one not in ready}
        self.counters.handed_over += len(ready)
        return HandOver([owned.place.call_id for owned in ready], kept)

    async def _export_finally(self, closed: list[Owned]) -> None:
        left = closed
        for _ in range(_FINAL_ATTEMPTS):
            if left:
                stored = await self._export(left)
                left = [owned for owned in left if owned not in stored]
        if left:
            # Whoever takes them over begins at the export before, as if we had crashed.
            logger.warning("calls handed over without their last word", extra={"fields": {"calls": len(left)}})

    async def _guarded_tick(self) -> None:
        try:
            await self._tick()
        except Exception:
            # The task's root: calls go on within what they have, and the pod with them.
            logger.exception("calls could not be written down")
            self.counters.unexported[Unexported.INTERNAL_ERROR] += 1
            self._asked_at = monotonic()
            await asyncio.sleep(RETRY_S)

    async def _tick(self) -> None:
        now = monotonic()
        # While it is away not more often, and so that somebody knows where there are no calls.
        if now - self._asked_at >= (self._interval_s if self._registry.up else RETRY_S):
            self._asked_at = now
            await self._registry.takes()
        if not self._registry.up:
            return
        due = [owned for owned in self._owned.values() if owned.is_due(now)]
        if due:
            self._asked_at = now
            await self._export(due[:_MOST_AT_ONCE])
        await self._forget()

    async def _forget(self) -> None:
        """Until the registry has, or they have expired."""
        oldest = monotonic() - RECORD_S
        self._over = [one for one in self._over if one.since > oldest]
        over = tuple(self._over)
        if over and await self._registry.forget([(one.place, one.generation) for one in over]):
            self._over = [one for one in self._over if one not in over]

    async def _export(self, calls: Iterable[Owned]) -> list[Owned]:
        """Those whose export is known to be stored."""
        now_ms = int(time() * 1000)
        key = self._keys.sealing(now_ms / 1000)
        offers = [(owned, export) for owned in calls if (export := self._offer(owned, key, now_ms)) is not None]
        outcomes = await self._registry.replace(
            [
                Replacement(owned.place, export.expected, export.sealed, now_ms + RECORD_S * 1000)
                for owned, export in offers
            ]
        )
        answered = zip(offers, outcomes, strict=True)
        return [owned for (owned, export), outcome in answered if self._settle(owned, export, outcome)]

    def _offer(self, owned: Owned, key: tuple[int, bytes] | None, now_ms: int) -> CallExport | None:
        owned.names_channel = owned.call.has_channel
        if key is None:
            self._not_exported(owned, Unexported.NO_KEY)
            return None
        key_id, secret = key
        try:
            export = owned.tenure.export(key=secret, key_id=key_id, now_ms=now_ms, configuration=owned.configuration())
        except ConfigurationTooLongError:
            self._not_exported(owned, Unexported.CONFIGURATION_TOO_LONG)
        except NotExportable as error:
            self._not_exported(owned, Unexported(str(error)))
        except Exception:
            logger.exception("a call could not be written down", extra={"fields": {"call": owned.place.call_id}})
            self._not_exported(owned, Unexported.INTERNAL_ERROR)
        else:
            owned.generation = export.edition[:4]
            return export
        return None

    def _not_exported(self, owned: Owned, why: Unexported) -> None:
        self.counters.unexported[why] += 1
        if owned.not_exported is not why and why in (Unexported.NO_KEY, Unexported.CONFIGURATION_TOO_LONG):
            fields = {"call": owned.place.call_id, "why": why.value}
            logger.warning("a call cannot be written down", extra={"fields": fields})
        owned.not_exported = why
        owned.due_at = monotonic() + RETRY_S

    def _settle(self, owned: Owned, export: CallExport, outcome: Outcome) -> bool:
        """Whether it is stored."""
        now = monotonic()
        match outcome:
            case Stored():
                owned.tenure.settle(export, None)
                owned.due_at, owned.gone_since, owned.not_exported = now + self._interval_s, None, None
                self.counters.stored += 1
                self.counters.stored_bytes += len(export.sealed)
                self._resume_sending(owned)
                return True
            case Held(edition):
                refused = Refused(owned.tenure.settle(export, edition))
                self.counters.refused[refused] += 1
                self._refused(owned, refused, now)
            case _:
                self._not_exported(owned, Unexported.UNANSWERED)
        return False

    def _resume_sending(self, owned: Owned) -> None:
        try:
            owned.call.resume_sending()
        except Exception:
            # The others of this batch are settled all the same.
            logger.exception("a call could not go on", extra={"fields": {"call": owned.place.call_id}})
            owned.call.end(EndReason.INTERNAL_ERROR)

    def _refused(self, owned: Owned, refused: Refused, now: float) -> None:
        match refused:
            case Refused.FENCED:
                self._end_as_moved(owned)
            case Refused.OTHER:
                owned.due_at = now
            case Refused.GONE if owned.gone_since is None:
                owned.gone_since = now
                owned.due_at = now + RETRY_S
            case Refused.GONE:
                self._gone(owned, owned.gone_since, now)

    def _gone(self, owned: Owned, since: float, now: float) -> None:
        """What the registry lost is written anew if the route has not moved meanwhile."""
        owned.due_at = now + RETRY_S
        match self._ownership.of(owned.place.route, since):
            case Ownership.OURS:
                owned.tenure.begin_anew()
                owned.gone_since, owned.due_at = None, now
                self.counters.begun_anew += 1
            case Ownership.ANOTHERS:
                self._end_as_moved(owned)
            case Ownership.UNKNOWN:
                pass

    def _end_as_moved(self, owned: Owned) -> None:
        if owned.place.call_id in self._owned:
            logger.info("a call goes on at another pod", extra={"fields": {"call": owned.place.call_id}})
            owned.call.end(EndReason.MOVED)
