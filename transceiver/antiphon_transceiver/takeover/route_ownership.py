"""Whether this pod still has a route, by the route table: for an owner whose record the registry has lost."""

from enum import Enum
from time import monotonic

from antiphon_wire.table_source import TableSource

_FILE_IS_READ_WITHIN_S = 1.0


class Ownership(Enum):
    OURS = "ours"
    ANOTHERS = "another's"
    UNKNOWN = "unknown"
    """What is known is older than the question, or a newer table is held back."""


class RouteOwnership:
    def __init__(self, tables: TableSource, pod: str) -> None:
        self._tables = tables
        self._pod = pod

    def of(self, route: int, since: float) -> Ownership:
        """By a table that was in force after `since`, of the monotonic clock.

        A route moves before its call is claimed, so what is ours now was nobody else's when the registry was asked.
        """
        table = self._tables.current
        if table is None or self._tables.holds_back or not self._is_younger_than(since):
            return Ownership.UNKNOWN
        server = table.routes.server_of(route)
        return Ownership.OURS if server is not None and server.pod == self._pod else Ownership.ANOTHERS

    def _is_younger_than(self, since: float) -> bool:
        watch = self._tables.watch
        return monotonic() - since > (_FILE_IS_READ_WITHIN_S if watch is None else watch.age_s)
