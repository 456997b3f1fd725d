"""Holds the Lease, so that one replica acts and the others stand by; lease.py decides, this asks and waits.

A leader that finds another holder ends the process at once: it may have plans under way that were made in good faith,
and a fresh process has none. One that only cannot reach the API server stops acting, and goes on when the Lease is
still its own.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic

from antiphon_operator.actions import Create, Replace
from antiphon_operator.cluster import ApiError, Cluster, Failure
from antiphon_operator.kinds import LEASE
from antiphon_operator.lease import Record, Sighting, Step, Timing, next_step, sighted, transitions_after
from antiphon_operator.observed import Manifest

logger = logging.getLogger(__name__)


class Leadership:
    """`run` never ends but by being cancelled. `gained` is called at each start of leading, `lost` when another holds
    the Lease that was ours."""

    def __init__(
        self, cluster: Cluster, place: tuple[str, str], identity: str, timing: Timing, gained: Callable[[], None]
    ) -> None:
        """`place`: the Lease's namespace and name."""
        self._cluster = cluster
        self._namespace, self._name = place
        self._identity = identity
        self._timing = timing
        self._gained = gained
        self._sighting: Sighting | None = None
        self._renewed_at: float | None = None
        self._leading = False
        self.lost = asyncio.Event()
        """Set once, when another replica holds what was ours: nothing may be done any more."""

    def leads(self) -> bool:
        """Whether a request may be sent now; asked just before each that writes."""
        renewed_at = self._renewed_at
        return renewed_at is not None and monotonic() - renewed_at < self._timing.renew_deadline_s

    async def run(self) -> None:
        while not self.lost.is_set():
            await self._try()
            await asyncio.sleep(self._timing.retry_s * random.uniform(0.9, 1.1))  # noqa: S311 - spreads replicas

    async def release(self) -> None:
        """Another may lead at once. Called when nothing of ours is under way any more."""
        sighting, leads = self._sighting, self.leads()
        self._renewed_at = None
        if not leads or sighting is None:
            return
        record = Record("", sighting.record.resource_version, sighting.record.transitions)
        try:
            await self._cluster.execute(Replace(self._manifest(record, duration_s=1)))
        except ApiError as error:
            logger.warning("the lease was not released", extra={"fields": {"failure": error.failure}})

    async def _try(self) -> None:
        try:
            if self._renewed_at is None:
                await self._look()
            now = monotonic()
            step = next_step(self._identity, self._sighting, now, self._timing)
            if step is Step.WAIT:
                self._stand_by()
            else:
                await self._write(now)
        except ApiError as error:
            if error.failure in (Failure.CONFLICT, Failure.NOT_FOUND):
                await self._look_again()
            else:
                logger.warning("the lease cannot be held", extra={"fields": {"failure": error.failure}})
            self._note_end()

    async def _look(self) -> None:
        found = await self._cluster.read(LEASE, self._namespace, self._name)
        self._sighting = sighted(self._sighting, None if found is None else _record(found), monotonic())

    async def _look_again(self) -> None:
        """Somebody wrote the Lease, or deleted it: the next try decides from what it says now."""
        try:
            await self._look()
        except ApiError as error:
            logger.warning("the lease cannot be read", extra={"fields": {"failure": error.failure}})
            return
        if self._sighting is not None and self._sighting.record.holder not in ("", self._identity):
            self._stand_by()

    async def _write(self, now: float) -> None:
        before = self._sighting.record if self._sighting is not None else None
        version = before.resource_version if before is not None else ""
        record = Record(self._identity, version, transitions_after(self._identity, before))
        manifest = self._manifest(record, self._timing.duration_s)
        written = await self._cluster.execute(Create(manifest) if before is None else Replace(manifest))
        if written is None:
            raise ApiError(Failure.CONFLICT, 409, "another created the lease")
        self._sighting = sighted(self._sighting, _record(written), monotonic())
        # Counted from before the request: that is when others may have begun to count at the earliest.
        self._renewed_at = now
        if not self._leading:
            self._leading = True
            logger.info("leading", extra={"fields": {"identity": self._identity, "transitions": record.transitions}})
            self._gained()

    def _stand_by(self) -> None:
        if self._renewed_at is not None:
            logger.error("another replica leads", extra={"fields": {"holder": self._holder}})
            self._renewed_at = None
            self._leading = False
            self.lost.set()
        elif self._holder:
            logger.debug("standing by", extra={"fields": {"holder": self._holder}})

    def _note_end(self) -> None:
        if self._leading and not self.leads():
            self._leading = False
            logger.warning("not acting until the lease is renewed")

    @property
    def _holder(self) -> str:
        return self._sighting.record.holder if self._sighting is not None else ""

    def _manifest(self, record: Record, duration_s: int) -> Manifest:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        metadata = {"name": self._name, "namespace": self._namespace}
        if record.resource_version:
            metadata["resourceVersion"] = record.resource_version
        return {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.name,
            "metadata": {**metadata},
            "spec": {
                "holderIdentity": record.holder,
                "leaseDurationSeconds": duration_s,
                "renewTime": now,
                "leaseTransitions": record.transitions,
            },
        }


def _record(manifest: Manifest) -> Record:
    metadata, spec = manifest.get("metadata"), manifest.get("spec")
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    holder = spec.get("holderIdentity") if isinstance(spec, dict) else None
    transitions = spec.get("leaseTransitions") if isinstance(spec, dict) else None
    return Record(
        holder if isinstance(holder, str) else "",
        version if isinstance(version, str) else "",
        transitions if isinstance(transitions, int) else 0,
    )
