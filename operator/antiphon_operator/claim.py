"""Looks at what has a name of ours before the first write to it, so that nothing is taken from somebody else."""

from __future__ import annotations

from collections.abc import Callable

from antiphon_crds.overlay import Json
from antiphon_operator.actions import Action, Apply, Create, Patch
from antiphon_operator.cluster import ApiError, Cluster, Failure
from antiphon_operator.kinds import Kind, kind_of
from antiphon_operator.metrics import Metrics
from antiphon_operator.observed import FOREIGN, Manifest
from antiphon_operator.ownership import foreign, is_of_fleet, is_ours, lost_labels, not_kept
from antiphon_operator.parsing.fields import Fields


class NotLeadingError(Exception):
    """Another replica may lead by now: nothing more is sent."""


class Claim:
    def __init__(
        self,
        cluster: Cluster,
        metrics: Metrics,
        leads: Callable[[], bool],
        written: Callable[[Kind, Manifest], None],
    ) -> None:
        """`written` is told of what was found, so that the next round knows it."""
        self._cluster = cluster
        self._metrics = metrics
        self._leads = leads
        self._written = written

    async def send(self, action: Action, before: Manifest | None) -> Manifest | None:
        """What was written; `before` is what is known to be there. Raises ApiError and NotLeadingError.

        CONFLICT: the plan was made without what is there. REFUSED: that is somebody else's, or its labels do not stay.
        """
        if isinstance(action, Apply) and (before is None or not is_of_fleet(before, action.manifest)):
            await self._look(action.manifest)
            # Where somebody makes it between the two requests, this is a conflict as far as fields collide. Of an
            # object that sets none of ours, fields are added to it: server-side apply cannot ask for no object.
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
        kind, namespace, name = place_of(wanted)
        there = await self._cluster.read(kind, namespace, name)
        if there is None:
            return
        if not is_ours(there, wanted):
            raise ApiError(Failure.REFUSED, FOREIGN, foreign(there, wanted))
        labels = lost_labels(there, wanted)
        if labels:
            there = await self._labelled(there, wanted, labels)
        self._written(kind, there)
        what = "had lost labels, which it has again" if labels else "was there, and the watch had not told yet"
        raise ApiError(Failure.CONFLICT, 409, f"{kind.name} {name} {what}")

    async def _labelled(self, there: Manifest, wanted: Manifest, labels: dict[str, Json]) -> Manifest:
        kind, namespace, name = place_of(wanted)
        # Only as it was read: by now it may be another's.
        body: Manifest = {"metadata": {"resourceVersion": version_of(there), "labels": labels}}
        try:
            labelled = await self._write(Patch(kind.api_version, kind.name, namespace, name, body)) or there
        except ApiError as error:
            if error.failure is not Failure.NOT_FOUND:
                raise
            raise ApiError(Failure.CONFLICT, 409, f"{kind.name} {name} was there, and is gone") from None
        self._metrics.action(Patch.__name__, kind.name)
        if still_lost := lost_labels(labelled, wanted):
            # No conflict: that ends the round, and all of the fleet would wait for this one object.
            raise ApiError(Failure.REFUSED, 200, not_kept(still_lost))
        return labelled

    async def _look_at_taken(self, wanted: Manifest) -> None:
        """Raises in any case: something has the name, whether we get to see it or not."""
        kind, _, name = place_of(wanted)
        try:
            await self._look(wanted)
        except ApiError as error:
            if error.failure in (Failure.REFUSED, Failure.CONFLICT):
                raise
            raise ApiError(Failure.CONFLICT, 409, f"{kind.name} {name} is there, but cannot be read: {error}") from None
        raise ApiError(Failure.CONFLICT, 409, f"{kind.name} {name} was there, and is gone")


def version_of(manifest: Manifest | None) -> str | None:
    return Fields(manifest).within("metadata").text("resourceVersion")


def place_of(manifest: Manifest) -> tuple[Kind, str, str]:
    """Kind, namespace and name."""
    metadata = Fields(manifest).within("metadata")
    kind = kind_of(str(manifest["apiVersion"]), str(manifest["kind"]))
    return kind, metadata.word("namespace"), metadata.word("name")
