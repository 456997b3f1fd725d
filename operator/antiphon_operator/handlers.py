"""kopf's part: the watches of both custom resources, and the credentials for them.

Only low-level event handlers are used. They add no finalizers and no annotations, so a deletion always ends, with the
operator gone too; and kopf posts no events of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import repeat
from typing import Any, Final, cast

import kopf

from antiphon_operator.kinds import TRANSCEIVER_POOL, VOICE_RELAY, Kind
from antiphon_operator.observed import Manifest
from antiphon_operator.settings import Settings
from antiphon_operator.watches import Watches
from antiphon_wire.cluster.access import ClusterAccess, KubeconfigAccess

RETRIES_S: Final = (0.5, 1.0, *repeat(2.0, 10_000))
"""After its last retry kopf gives up, and with it the process: so there are many, and none is long."""
SILENCE_S: Final = 30.0
"""A watch that says nothing for so long is opened again: it may be half open."""
WATCH_S: Final = 300
"""An int: the API server refuses a timeout with a decimal point."""


def operator_settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.networking.error_backoffs = RETRIES_S
    settings.networking.request_timeout = 30.0
    settings.networking.connect_timeout = 5.0
    settings.watching.connect_timeout = 5.0
    settings.watching.server_timeout = WATCH_S
    settings.watching.inactivity_timeout = SILENCE_S
    return settings


def operator_registry(watches: Watches, access: ClusterAccess) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        if isinstance(access, KubeconfigAccess):
            return kopf.login_with_kubeconfig(**kwargs)
        return kopf.login_with_service_account(**kwargs)

    for kind in (VOICE_RELAY, TRANSCEIVER_POOL):
        _tell(registry, watches, kind)
    return registry


async def run_kopf(
    registry: kopf.OperatorRegistry, settings: Settings, stop: asyncio.Event, begun: Callable[[], None]
) -> None:
    """Until `stop` is set. kopf takes the process's signals; `begun` is called when they may be taken back."""
    ours = asyncio.all_tasks()
    tasks = await kopf.spawn_tasks(
        registry=registry,
        settings=operator_settings(),
        clusterwide=not settings.watch_namespaces,
        namespaces=settings.watch_namespaces,
        # Else kopf asks for the user's name, which a container's uid need not have.
        identity=settings.identity,  # type: ignore[arg-type]  # a NewType of str that kopf does not export
        stop_flag=stop,
    )
    begun()
    await kopf.run_tasks(tasks, ignored=ours)


def _tell(registry: kopf.OperatorRegistry, watches: Watches, kind: Kind) -> None:
    group, _, version = kind.api_version.partition("/")

    # Not a plain function: kopf would call it in a thread.
    @kopf.on.event(group, version, kind.plural, registry=registry, id=kind.plural)
    async def heard(event: kopf.RawEvent, **_: Any) -> None:
        watches.told_by_kopf(kind, event["type"], cast("Manifest", event["object"]))
