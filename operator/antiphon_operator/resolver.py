"""Looks up the host names that plans ask for, and keeps the last good answer."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping
from time import time
from typing import Final

from antiphon_operator.fleets import FleetKey
from antiphon_operator.observed import Resolution

logger = logging.getLogger(__name__)

LOOKUP_TIMEOUT_S: Final = 5.0
AT_ONCE: Final = 4
FORGET_AFTER_S: Final = 3600.0
"""A name that no plan has asked for is dropped."""


class Resolver:
    def __init__(self, dirty: Callable[[FleetKey], None]) -> None:
        self._dirty = dirty
        self._resolutions: dict[str, Resolution] = {}
        self._lookups: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    @property
    def resolutions(self) -> Mapping[str, Resolution]:
        return dict(self._resolutions)

    def want(self, key: FleetKey, names: tuple[str, ...]) -> None:
        """Begins to look the names up; the fleet hears of the answers."""
        oldest = time() - FORGET_AFTER_S
        self._resolutions = {name: one for name, one in self._resolutions.items() if one.at > oldest}
        for name in names:
            if name not in self._lookups:
                self._lookups[name] = asyncio.create_task(self._look_up(key, name))

    async def close(self) -> None:
        lookups = list(self._lookups.values())
        for lookup in lookups:
            lookup.cancel()
        await asyncio.gather(*lookups, return_exceptions=True)

    async def _look_up(self, key: FleetKey, name: str) -> None:
        try:
            async with self._slots:
                self._resolutions[name] = await self._resolved(name)
        finally:
            del self._lookups[name]
        self._dirty(key)

    async def _resolved(self, name: str) -> Resolution:
        before = self._resolutions.get(name)
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT_S):
                found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_DGRAM)
        except (OSError, TimeoutError, UnicodeError) as error:
            # The last good addresses stand: a name server that is away moves no caller.
            why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            return Resolution(before.addresses if before is not None else (), why, time())
        return Resolution(tuple(sorted({str(address[4][0]) for address in found})), None, time())
