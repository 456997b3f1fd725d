"""Executes a plan. What is left to decide is how much of it is done when a part fails."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from antiphon_operator.actions import Action, Apply, CutCalls, Delete, Patch, Plan
from antiphon_operator.claim import Claim, NotLeadingError, place_of, version_of
from antiphon_operator.cluster import ApiError, Cluster, Failure
from antiphon_operator.events import EventRecorder
from antiphon_operator.kinds import POD, Kind, kind_of
from antiphon_operator.metrics import Metrics
from antiphon_operator.observed import ChildKey, Manifest, Refusal

AT_ONCE: Final = 16
"""Requests under way for one fleet: enough to hide the round trips, too few for one fleet to crowd out the others."""

AT_ONCE_IN_ALL: Final = 64
"""Of all fleets: the Lease is renewed beside them, in time."""


class Known(Protocol):
    """What the next round is planned from."""

    def stored(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """An object as far as it is known."""

    def written(self, kind: Kind, manifest: Manifest) -> None:
        """The server's answer to a write, so that the next round sees what this one did."""

    def missing(self, kind: Kind) -> None:
        """An object of this kind, which we believed to be there, is not."""


@dataclass
class Applied:
    """What a plan came to."""

    done: Counter[str] = field(default_factory=Counter)
    """How many of what, `Create Pod` say."""
    refusals: list[Refusal] = field(default_factory=list)
    left: int = 0
    """Pods that were not made for a moment's reason: the next round makes them, and this one went on."""
    failure: ApiError | None = None
    """Of a child: the round has failed, though all that could be done beside it is done."""
    settled: set[ChildKey] = field(default_factory=set)
    """What was written, or refused, or is gone."""


class Executor:
    def __init__(
        self,
        cluster: Cluster,
        events: EventRecorder,
        metrics: Metrics,
        leads: Callable[[], bool],
        known: Known,
    ) -> None:
        self._claim = Claim(cluster, metrics, leads, known.written)
        self._events = events
        self._metrics = metrics
        self._known = known
        self._slots = asyncio.Semaphore(AT_ONCE_IN_ALL)

    async def apply(
        self, plan: Plan, told: Collection[Refusal] = (), count: Callable[[CutCalls], None] = lambda _: None
    ) -> Applied:
        """Raises ApiError at the first request that may succeed later, and NotLeadingError.

        What the server refuses for good is kept and the rest is done, so that the status can say it. A child that
        fails, behind a broken webhook say, holds up no routes and no pods: it is in the answer. `told` are the refusals
        that the plan was made with. `count` is told of calls when their pods are not found again.
        """
        applied = Applied()
        await self._children(plan, told, applied)
        if {_key(one) for one in applied.refusals if one.kind == "Secret"} - {_key(one) for one in told}:
            # The plan took the Secrets for written: what it says of them is not so, and pods could not start.
            return applied
        refused_before = len(applied.refusals)
        for action in plan.tables:
            await self._do(action, applied)
        # A pod's routes are written first.
        if len(applied.refusals) == refused_before:
            try:
                await self._together(plan.pods, applied)
            finally:
                refused = {_key(one) for one in applied.refusals}
                for cut in plan.cut:
                    if ChildKey("Pod", cut.pod) in applied.settled - refused:
                        count(cut)
        await self._together(plan.statuses, applied)
        for event in plan.events:
            await self._events.record(event)
        return applied

    async def _children(self, plan: Plan, told: Collection[Refusal], applied: Applied) -> None:
        try:
            await self._together(plan.children, applied)
        except ApiError as error:
            # What others wrote meanwhile may change the whole plan; and pods could not start without a Secret.
            if error.failure in (Failure.CONFLICT, Failure.CONTENDED):
                raise
            applied.failure = error
            # What was refused and has had no other answer since is not there yet.
            unheard = {_key_of(action) for action in plan.children} - applied.settled
            applied.refusals += [one for one in told if _key(one) in unheard]

    async def _together(self, actions: Sequence[Action], applied: Applied) -> None:
        """At the first failure no more are begun; those under way are heard to their end."""
        waiting = iter(actions)
        failures: list[ApiError | NotLeadingError] = []

        async def work() -> None:
            for action in waiting:
                if failures:
                    return
                try:
                    await self._do(action, applied)
                except (ApiError, NotLeadingError) as error:
                    failures.append(error)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(AT_ONCE, len(actions))):
                tasks.create_task(work())
        if failures:
            # A conflict before others: what follows is planned from what it was about.
            raise min(failures, key=lambda one: not (isinstance(one, ApiError) and one.failure is Failure.CONFLICT))

    async def _do(self, action: Action, applied: Applied) -> None:
        kind, namespace, name = _target(action)
        before = self._known.stored(kind, namespace, name)
        try:
            async with self._slots:
                written = await self._claim.send(action, before)
        except ApiError as error:
            if error.failure is Failure.NOT_FOUND and isinstance(action, Patch):
                self._known.missing(kind)
                applied.settled.add(ChildKey(kind.name, name))
                return
            if error.failure is Failure.CONTENDED and kind == POD:
                applied.left += 1
                return
            # Apply makes what is missing: where it finds nothing, the cluster has no such kind any more.
            lacks_the_kind = error.failure is Failure.NOT_FOUND and isinstance(action, Apply)
            if error.failure is not Failure.REFUSED and not lacks_the_kind:
                raise
            applied.refusals.append(Refusal(kind.name, name, error.status, str(error)))
            applied.settled.add(ChildKey(kind.name, name))
            return
        applied.settled.add(ChildKey(kind.name, name))
        what = type(action).__name__
        self._metrics.action(what, kind.name)
        if written is not None:
            # The server drops fields that an older CustomResourceDefinition does not have: such a write changes
            # nothing, and would be planned again at once for ever.
            if version_of(written) == version_of(before):
                return
            self._known.written(kind, written)
        applied.done[f"{what} {kind.name}"] += 1


def _target(action: Action) -> tuple[Kind, str, str]:
    if isinstance(action, Delete | Patch):
        return kind_of(action.api_version, action.kind), action.namespace, action.name
    return place_of(action.manifest)


def _key_of(action: Action) -> ChildKey:
    kind, _, name = _target(action)
    return ChildKey(kind.name, name)


def _key(refusal: Refusal) -> ChildKey:
    return ChildKey(refusal.kind, refusal.name)
