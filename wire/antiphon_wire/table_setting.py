"""Where a process has its route table from: a file, or RouteTables of a cluster; exactly one of the two."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from antiphon_wire.cluster.access import ClusterAccess, cluster_access
from antiphon_wire.environment import Environment, SettingError

_FILE: Final = "ANTIPHON_ROUTES_FILE"
_TABLES: Final = "ANTIPHON_ROUTE_TABLES"
_CACHE: Final = "ANTIPHON_ROUTES_CACHE"


@dataclass(frozen=True)
class TableFile:
    path: Path


@dataclass(frozen=True)
class ClusterTable:
    namespace: str
    relay: str
    """The VoiceRelay's name."""
    access: ClusterAccess
    cache: Path | None = None
    """Keeps the last good table over a restart of the process."""


TableSetting = TableFile | ClusterTable


def table_setting(variables: Mapping[str, str]) -> TableSetting:
    """Raises SettingError."""
    env = Environment(variables)
    file = env.path(_FILE, default=None)
    tables = env.text(_TABLES, default=None)
    cache = env.path(_CACHE, default=None)
    if tables is not None:
        if file is not None:
            raise SettingError(_TABLES, f"must not be set beside {_FILE}", "voice/edge")
        namespace, slash, relay = tables.partition("/")
        if not (namespace and slash and relay) or "/" in relay:
            raise SettingError(_TABLES, f"must be a namespace and a VoiceRelay, not {tables!r}", "voice/edge")
        return ClusterTable(namespace, relay, cluster_access(variables), cache)
    if file is None:
        raise SettingError(_FILE, f"is required, or {_TABLES} in a cluster", "/etc/antiphon/routes.json")
    if cache is not None:
        raise SettingError(_CACHE, f"is of no use with {_FILE}; leave it out", "")
    return TableFile(file)
