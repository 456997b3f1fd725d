"""Executes a plan: nothing is decided here, but that nothing is taken from somebody else."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from antiphon_crds.overlay import Json
from antiphon_operator.actions import Action, Apply, Create, Delete, Patch, Plan
from antiphon_operator.cluster import ApiError, Cluster, Failure
from antiphon_operator.events import EventRecorder
from antiphon_operator.kinds import Kind, kind_of
from antiphon_operator.metrics import Metrics
from antiphon_operator.observed import FOREIGN, Manifest, Refusal
from antiphon_operator.ownership import foreign, is_of_fleet, is_ours, lost_labels
from antiphon_operator.parsing.fields import Fields

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

    async def apply(self, plan: Plan, told: Collection[Refusal] = ()) -> Applied:
        """Raises ApiError at the first request that may succeed later, and NotLeadingError.

        What the server refuses for good is kept and the rest is done, so that the status can say it. A child that
        fails, behind a broken webhook say, holds up no routes and no pods: it is raised at the end. `told` are the
        refusals that the plan was made with.
        """
        applied = Applied()
        failure = await self._children(plan, applied)
        if {one.name for one in applied.refusals if one.kind == "Secret"} - {one.name for one in told}:
            # The plan took the Secrets for written: what it says of them is not so, and pods could not start.
            return applied
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
            # A conflict before others: what follows is planned from what it was about.
            raise min(failures, key=lambda one: not (isinstance(one, ApiError) and one.failure is Failure.CONFLICT))

    async def _do(self, action: Action, applied: Applied) -> None:
        kind, namespace, name = _target(action)
        before = self._known.stored(kind, namespace, name)
        try:
            async with self._slots:
                written = await self._send(action, before)
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
        if written is not None:
            # The server drops fields that an older CustomResourceDefinition does not have: such a write changes
            # nothing, and would be planned again at once for ever.
            if _version(written) == _version(before):
                return
            self._known.written(kind, written)
        applied.done[f"{what} {kind.name}"] += 1

    async def _send(self, action: Action, before: Manifest | None) -> Manifest | None:
        if isinstance(action, Apply) and (before is None or not is_of_fleet(before, action.manifest)):
            await self._look(action.manifest)
            # What somebody makes between the two requests stays as it is.
            return await self._write(action, forced=False)
        written = await self._write(action)
        if written is None and isinstance(action, Create):
            await self._look_at_taken(action.manifest)
        return written

    async def _write(self, action: Action, *, forced: bool = True) -> Manifest | None:
        if not self._leads():
            raise NotLeadingError
        return await self._cluster.execute(action, forced=forced)

    async def _look(self, wanted: Manifest) -> None:
        """Returns where nothing has the name; else raises, for the plan was made without what is there."""
        kind, namespace, name = _place(wanted)
        there = await self._cluster.read(kind, namespace, name)
        if there is None:
            return
        if not is_ours(there, wanted):
            raise ApiError(Failure.REFUSED, FOREIGN, foreign(there, wanted))
        labels = lost_labels(there, wanted)
        if labels:
            there = await self._labelled(there, wanted, labels)
        self._known.written(kind, there)
        what = "had lost labels, which it has again" if labels else "was there, and the watch had not told yet"
        raise ApiError(Failure.CONFLICT, 409, f"{kind.name} {name} {what}")

    async def _labelled(self, there: Manifest, wanted: Manifest, labels: dict[str, Json]) -> Manifest:
        kind, namespace, name = _place(wanted)
        # Only as it was read: by now it may be another's.
        body: Manifest = {"metadata": {"resourceVersion": _version(there), "labels": labels}}
        try:
            labelled = await self._write(Patch(kind.api_version, kind.name, namespace, name, body))
        except ApiError as error:
            if error.failure is not Failure.NOT_FOUND:
                raise
            raise ApiError(Failure.CONFLICT, 409, f"{kind.name} {name} was there, and is gone") from None
        self._metrics.action(Patch.__name__, kind.name)
        return labelled or there

    async def _look_at_taken(self, wanted: Manifest) -> None:
        """Raises in any case: something has the name, whether we get to see it or not."""
        kind, _, name = _place(wanted)
        try:
            await self._look(wanted)
        except ApiError as error:
            if error.failure in (Failure.REFUSED, Failure.CONFLICT):
                raise
            raise ApiError(Failure.CONFLICT, 409, f"{kind.name} {name} is there, but cannot be read: {error}") from None
        raise ApiError(Failure.CONFLICT, 409, f"{kind.name} {name} was there, and is gone")


def _version(manifest: Manifest | None) -> str | None:
    return Fields(manifest).within("metadata").text("resourceVersion")


def _target(action: Action) -> tuple[Kind, str, str]:
    if isinstance(action, Delete | Patch):
        return kind_of(action.api_version, action.kind), action.namespace, action.name
    return _place(action.manifest)


def _place(manifest: Manifest) -> tuple[Kind, str, str]:
    metadata = Fields(manifest).within("metadata")
    kind = kind_of(str(manifest["apiVersion"]), str(manifest["kind"]))
    return kind, metadata.word("namespace"), metadata.word("name")
