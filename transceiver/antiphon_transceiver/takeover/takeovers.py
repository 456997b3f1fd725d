"""All of a pod's part in takeovers, put together: what it writes down, hands over and takes over."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon_transceiver.media import MediaEngine, MediaSettings
from antiphon_transceiver.takeover.counters import TakeoverCounters
from antiphon_transceiver.takeover.export_keys import ExportKeys
from antiphon_transceiver.takeover.exports import Exports
from antiphon_transceiver.takeover.heir import Heir, HeirSettings
from antiphon_transceiver.takeover.registry import Registry
from antiphon_transceiver.takeover.route_ownership import RouteOwnership
from antiphon_transceiver.takeover.settings import ExportSettings
from antiphon_wire.key_ring import KeyRing
from antiphon_wire.table_source import TableSource
from antiphon_wire.watched_file import WatchedFile


@dataclass(frozen=True)
class Takeovers:
    registry: Registry
    keys: WatchedFile[KeyRing]
    exports: Exports
    heir: Heir
    counters: TakeoverCounters

    @classmethod
    def of(
        cls,
        settings: ExportSettings,
        keys: WatchedFile[KeyRing],
        tables: TableSource,
        engine: MediaEngine,
        *,
        pod: str,
        media: MediaSettings,
    ) -> Takeovers:
        def cluster_id() -> int:
            # Before there is a table there are no calls, and nothing to take over.
            return tables.current.routes.cluster_id if tables.current is not None else 0

        registry = Registry(settings.url, cluster_id=cluster_id, replicas=settings.replicas)
        counters, export_keys = TakeoverCounters(), ExportKeys(keys)
        ownership = RouteOwnership(tables, pod)
        heirs = HeirSettings(pod, media.complexity, settings.clock_error_s)
        return cls(
            registry=registry,
            keys=keys,
            exports=Exports(registry, export_keys, ownership, counters, interval_s=settings.interval_s),
            heir=Heir(registry, export_keys, engine, heirs, counters),
            counters=counters,
        )

    async def close(self) -> None:
        """After the last call's end."""
        await self.exports.close()
        await self.registry.close()
