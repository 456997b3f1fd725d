"""How many connections may be open at once, in all and per client address. Pure."""

from __future__ import annotations

import ipaddress
from collections import Counter
from enum import StrEnum

MOST_CONNECTIONS = 800
"""Below the usual limit of 1,024 file descriptors, of which files and connections to pods need some."""


class Bound(StrEnum):
    """Why a connection was not taken; a metric's label."""

    ADDRESS = "address"
    TOTAL = "total"


class Connections:
    def __init__(self, most_per_client: int, *, most: int = MOST_CONNECTIONS) -> None:
        """A browser opens six; offices and phone networks share addresses, and a proxy's users its one."""
        self._most = most
        self._most_per_client = most_per_client
        self._open: Counter[str] = Counter()

    def opened(self, client: str) -> Bound | None:
        """Counts the connection in; or says why it is one too many."""
        # A proxy on this machine brings everybody's connections from one address.
        if self._open[client] >= self._most_per_client and not _is_loopback(client):
            return Bound.ADDRESS
        if self._open.total() >= self._most:
            self._open += Counter()  # forgets those at zero
            return Bound.TOTAL
        self._open[client] += 1
        return None

    def closed(self, client: str | None) -> None:
        """`client` None: of a connection that was not counted in."""
        if client is None:
            return
        self._open[client] -= 1
        if self._open[client] <= 0:
            del self._open[client]


def _is_loopback(client: str) -> bool:
    try:
        return ipaddress.ip_address(client).is_loopback
    except ValueError:
        return False
