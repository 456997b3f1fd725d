"""Keeps what the operator knows: one reflector for each kind, and the custom resources as kopf tells of them.

kopf does not say what vanished while its own watch was down. So both kinds of custom resources are listed whole at the
start and now and then; in between, kopf's events come in as they happen.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from time import monotonic
from typing import TYPE_CHECKING, Final

from antiphon_operator.cluster import ApiError, Cluster
from antiphon_operator.fleets import Fleets
from antiphon_operator.kinds import (
    CHILDREN,
    NODE,
    POD,
    ROUTE_TABLE,
    SERVICE_MONITOR,
    TRANSCEIVER_POOL,
    VOICE_RELAY,
    Kind,
)
from antiphon_operator.labels import MANAGED_BY_LABEL, OPERATOR
from antiphon_operator.observed import Manifest
from antiphon_operator.parsing.fields import Fields
from antiphon_operator.parsing.kept import kept
from antiphon_wire.cluster.manifest import ManifestError, ObjectKey
from antiphon_wire.cluster.object_store import Change, ObjectStore
from antiphon_wire.cluster.reflector import SILENCE_S, Reflector, Trouble
from antiphon_wire.cluster.resource_kind import ResourceKind

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient

logger = logging.getLogger(__name__)

OURS: Final = f"{MANAGED_BY_LABEL}={OPERATOR}"
LISTED_EVERY_S: Final = 60.0
LOOKED_FOR_EVERY_S: Final = 300.0
STUCK_AFTER_S: Final = 3 * SILENCE_S


class Watches:
    """`run` never ends but by being cancelled."""

    def __init__(self, client: ApiClient, cluster: Cluster, fleets: Fleets, namespaces: tuple[str, ...]) -> None:
        """No namespaces: all."""
        self._client = client
        self._cluster = cluster
        self._fleets = fleets
        self._namespaces: tuple[str | None, ...] = namespaces or (None,)
        self._reflectors: dict[str, list[Reflector]] = {}
        self._resources = {VOICE_RELAY.name: ObjectStore(), TRANSCEIVER_POOL.name: ObjectStore()}
        self._hear: dict[str, Callable[[Change], None]] = {
            VOICE_RELAY.name: fleets.heard_relay,
            TRANSCEIVER_POOL.name: fleets.heard_pool,
        }
        self._list_now = asyncio.Event()
        self.synced = asyncio.Event()
        """Everything was listed once: plans may be made."""

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._list_resources_now_and_then())
            for kind in (NODE, POD, ROUTE_TABLE, *CHILDREN):
                self._start(tasks, kind)
            tasks.create_task(self._follow_service_monitors(tasks))
            for kind in (*CHILDREN, ROUTE_TABLE, NODE, POD):
                for reflector in self._reflectors[kind.name]:
                    await reflector.synced.wait()
            await self._list_resources()
            self.synced.set()

    def told_by_kopf(self, kind: Kind, event: str | None, manifest: Manifest) -> None:
        """`event`: ADDED, MODIFIED, DELETED; None: listed."""
        store = self._resources[kind.name]
        try:
            changes = store.deleted(manifest) if event == "DELETED" else store.added_or_modified(manifest)
        except ManifestError as error:
            logger.error("kopf told of no object", extra={"fields": {"kind": kind.name, "why": error}})
            return
        self._tell(kind, changes)

    def stored(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """An object as far as it is known."""
        reflector = self._reflector(kind, namespace)
        store = self._resources.get(kind.name) if reflector is None else reflector.store
        return store.get(ObjectKey(namespace, name)) if store is not None else None

    def written(self, kind: Kind, manifest: Manifest) -> None:
        """Takes the answer to a write of ours."""
        if kind.name in self._resources:
            self._tell(kind, self._resources[kind.name].put(manifest))
            return
        reflector = self._reflector(kind, Fields(manifest).within("metadata").word("namespace"))
        if reflector is not None:
            reflector.put(manifest)

    def missing(self, kind: Kind) -> None:
        """Takes that an object was not found: a resource may be gone without kopf having said so."""
        if kind.name in self._resources:
            self._list_now.set()

    @property
    def stuck(self) -> str | None:
        """A kind whose watch has been silent although the API server answers; None: all is well."""
        if monotonic() - self._cluster.answered_at > SILENCE_S:
            return None
        return next((name for name, age_s in self.ages() if age_s > STUCK_AFTER_S), None)

    def ages(self) -> Iterator[tuple[str, float]]:
        """Seconds since the server last said anything about a kind."""
        for name, reflectors in self._reflectors.items():
            yield name, max(reflector.age_s for reflector in reflectors)

    def _reflector(self, kind: Kind, namespace: str) -> Reflector | None:
        reflectors = self._reflectors.get(kind.name, [])
        if len(reflectors) == 1:
            return reflectors[0]
        return next(
            (one for watched, one in zip(self._namespaces, reflectors, strict=False) if watched == namespace), None
        )

    def _start(self, tasks: asyncio.TaskGroup, kind: Kind) -> list[asyncio.Task[None]]:
        hear = self._hearer(kind)
        group, _, version = kind.api_version.rpartition("/")
        self._reflectors[kind.name] = [
            Reflector(
                self._client,
                ResourceKind(group, version, kind.plural, namespace, "" if kind is NODE else OURS),
                lambda change: hear(change) if change is not None else None,
                keep=kept(kind),
            )
            for namespace in (self._namespaces if kind.namespaced else (None,))
        ]
        return [tasks.create_task(reflector.run()) for reflector in self._reflectors[kind.name]]

    def _hearer(self, kind: Kind) -> Callable[[Change], None]:
        if kind is NODE:
            return self._fleets.heard_node
        if kind is POD:
            return self._fleets.heard_pod
        if kind is ROUTE_TABLE:
            return self._fleets.heard_table
        return lambda change: self._fleets.heard_child(kind, change)

    def _tell(self, kind: Kind, changes: list[Change]) -> None:
        for change in changes:
            self._hear[kind.name](change)

    async def _list_resources_now_and_then(self) -> None:
        while True:
            try:
                async with asyncio.timeout(LISTED_EVERY_S):
                    await self._list_now.wait()
            except TimeoutError:
                pass
            self._list_now.clear()
            if self.synced.is_set():
                await self._list_resources()
            await asyncio.sleep(1.0)

    async def _list_resources(self) -> None:
        for kind in (VOICE_RELAY, TRANSCEIVER_POOL):
            while not await self._listed(kind):  # noqa: ASYNC110 - it asks a server, not this process
                await asyncio.sleep(1.0)

    async def _listed(self, kind: Kind) -> bool:
        store = self._resources[kind.name]
        known = store.version
        try:
            listed = [await self._cluster.read_all(kind, namespace) for namespace in self._namespaces]
        except ApiError as error:
            logger.warning("cannot list", extra={"fields": {"kind": kind.name, "failure": error.failure}})
            return False
        version = min(one.version for one in listed)
        # An event that came meanwhile is newer than the list: ask again. A list that is older than what was known
        # before it is of a server that was restored from a backup, and is taken.
        if known <= version < store.version:
            return False
        self._tell(kind, store.replace([item for one in listed for item in one.items], version))
        return True

    async def _follow_service_monitors(self, tasks: asyncio.TaskGroup) -> None:
        """The kind belongs to the Prometheus operator, which may be installed later than this one, and be removed."""
        while True:
            if await self._are_served(SERVICE_MONITOR):
                watching = self._start(tasks, SERVICE_MONITOR)
                await self._until_gone(SERVICE_MONITOR)
                for task in watching:
                    task.cancel()
                await asyncio.wait(watching)
                self._forget(SERVICE_MONITOR)
                self._fleets.service_monitors_served(served=False)
            await asyncio.sleep(LOOKED_FOR_EVERY_S)

    async def _until_gone(self, kind: Kind) -> None:
        """Looks when the server refuses what it gave before, and now and then."""
        reflectors = self._reflectors[kind.name]
        looked_at, looked_after = monotonic(), 0
        while True:
            if all(reflector.synced.is_set() for reflector in reflectors):
                self._fleets.service_monitors_served(served=True)
            refused = sum(reflector.troubles[Trouble.REFUSED] for reflector in reflectors)
            if refused != looked_after or monotonic() > looked_at + LOOKED_FOR_EVERY_S:
                looked_at, looked_after = monotonic(), refused
                if await self._are_served(kind) is False:
                    return
            await asyncio.sleep(1.0)

    async def _are_served(self, kind: Kind) -> bool | None:
        """None: the server does not say."""
        try:
            return await self._cluster.serves(kind)
        except ApiError as error:
            logger.warning("cannot look for a kind", extra={"fields": {"kind": kind.name, "failure": error.failure}})
            return None

    def _forget(self, kind: Kind) -> None:
        hear = self._hearer(kind)
        for reflector in self._reflectors.pop(kind.name):
            for change in reflector.store.replace((), reflector.store.version):
                hear(change)
