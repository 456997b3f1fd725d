"""How many connections may be open at once, in all and per client address. Pure."""

from __future__ import annotations

import ipaddress
from collections import Counter

MOST_CONNECTIONS = 800
"""Below the usual limit of 1,024 file descriptors, of which files and connections to pods need some."""
MOST_PER_CLIENT = 200
"""A browser opens six; offices and phone networks share addresses."""


class Connections:
    def __init__(self, *, most: int = MOST_CONNECTIONS, most_per_client: int = MOST_PER_CLIENT) -> None:
        self._most = most
        self._most_per_client = most_per_client
        self._open: Counter[str] = Counter()

    def opened(self, client: str) -> bool:
        """Counts the connection in, unless it is one too many."""
        # A proxy on this machine brings everybody's connections from one address.
        crowded = self._open[client] >= self._most_per_client and not _is_loopback(client)
        if crowded or self._open.total() >= self._most:
            self._open += Counter()  # forgets those at zero
            return False
        self._open[client] += 1
        return True

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
