"""Executes a plan: nothing is decided here."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from antiphon_operator.actions import Action, Apply, Create, Delete, Patch, Plan
from antiphon_operator.cluster import ApiError, Cluster, Failure
from antiphon_operator.events import EventRecorder
from antiphon_operator.kinds import Kind, kind_of
from antiphon_operator.metrics import Metrics
from antiphon_operator.observed import Manifest, Refusal
from antiphon_operator.parsing.fields import Fields

AT_ONCE: Final = 16
"""Requests under way for one fleet: enough to hide the round trips, too few for one fleet to crowd out the others."""

AT_ONCE_IN_ALL: Final = 64
"""Of all fleets: the Lease is renewed beside them, in time."""


class Known(Protocol):
    """What the next round is planned from."""

    def version(self, kind: Kind, namespace: str, name: str) -> str | None:
        """The resourceVersion of an object that is known."""

    def written(self, kind: Kind, manifest: Manifest) -> None:
        """The server's answer to a write, so that the next round sees what this one did."""

    def missing(self, kind: Kind) -> None:
        """An object of this kind, which we believed to be there, is not."""


class NotLeadingError(Exception):
    """Another replica may lead by now: nothing more is sent."""


@dataclass
class Applied:
    """What a plan came to."""

    done: Counter[str] = field(default_factory=Counter)
    """How many of what, `Create Pod` say."""
    refusals: list[Refusal] = field(default_factory=list)


class Executor:
    def __init__(
        self,
        cluster: Cluster,
        events: EventRecorder,
        metrics: Metrics,
        leads: Callable[[], bool],
        known: Known,
    ) -> None:
        self._cluster = cluster
        self._events = events
        self._metrics = metrics
        self._leads = leads
        self._known = known
        self._slots = asyncio.Semaphore(AT_ONCE_IN_ALL)

    async def apply(self, plan: Plan) -> Applied:
        """Raises ApiError at the first request that may succeed later, and NotLeadingError.

        What the server refuses for good is kept and the rest is done, so that the status can say it. A child that
        fails, behind a broken webhook say, holds up no routes and no pods: it is raised at the end.
        """
        applied = Applied()
        failure = await self._children(plan, applied)
        refused_before = len(applied.refusals)
        for action in plan.tables:
            await self._do(action, applied)
        # A pod's routes are written first.
        if len(applied.refusals) == refused_before:
            await self._together(plan.pods, applied)
        await self._together(plan.statuses, applied)
        for event in plan.events:
            await self._events.record(event)
        if failure is not None:
            raise failure
        return applied

    async def _children(self, plan: Plan, applied: Applied) -> ApiError | None:
        try:
            await self._together(plan.children, applied)
        except ApiError as error:
            # What others wrote meanwhile may change the whole plan.
            if error.failure is Failure.CONFLICT:
                raise
            return error
        return None

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
            raise failures[0]

    async def _do(self, action: Action, applied: Applied) -> None:
        kind, namespace, name = _target(action)
        before = self._known.version(kind, namespace, name)
        try:
            async with self._slots:
                if not self._leads():
                    raise NotLeadingError
                written = await self._cluster.execute(action)
        except ApiError as error:
            if error.failure is Failure.NOT_FOUND and isinstance(action, Patch):
                self._known.missing(kind)
                return
            # Apply makes what is missing: where it finds nothing, the cluster has no such kind any more.
            lacks_the_kind = error.failure is Failure.NOT_FOUND and isinstance(action, Apply)
            if error.failure is not Failure.REFUSED and not lacks_the_kind:
                raise
            applied.refusals.append(Refusal(kind.name, name, error.status, str(error)))
            return
        what = type(action).__name__
        self._metrics.action(what, kind.name)
        if written is None and isinstance(action, Create):
            # It is there: by somebody else's hand, or by ours, and the watch is about to tell.
            return
        if written is not None:
            # The server drops fields that an older CustomResourceDefinition does not have: such a write changes
            # nothing, and would be planned again at once for ever.
            if Fields(written).within("metadata").text("resourceVersion") == before:
                return
            self._known.written(kind, written)
        applied.done[f"{what} {kind.name}"] += 1


def _target(action: Action) -> tuple[Kind, str, str]:
    if isinstance(action, Delete | Patch):
        return kind_of(action.api_version, action.kind), action.namespace, action.name
    metadata = Fields(action.manifest).within("metadata")
    kind = kind_of(str(action.manifest["apiVersion"]), str(action.manifest["kind"]))
    return kind, metadata.word("namespace"), metadata.word("name")
