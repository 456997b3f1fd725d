"""How the service ends: first those who send requests learn of it, then it stops."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

logger = logging.getLogger(__name__)


class Stoppable(Protocol):
    should_exit: bool
    """No new connections; requests in flight are answered."""


class Ending:
    """Told by signals: the first begins it, and a second one does not wait for load balancers."""

    def __init__(self) -> None:
        self._begun = asyncio.Event()
        self._hurried = asyncio.Event()

    @property
    def begun(self) -> bool:
        """No new requests should come: readiness fails."""
        return self._begun.is_set()

    def tell(self) -> None:
        (self._hurried if self.begun else self._begun).set()

    async def stop(self, server: Stoppable, drain_s: float) -> None:
        """Serves on for `drain_s` after the ending began, while load balancers still send requests."""
        await self._begun.wait()
        logger.info("draining", extra={"fields": {"for_s": drain_s}})
        try:
            async with asyncio.timeout(drain_s):
                await self._hurried.wait()
        except TimeoutError:
            pass
        server.should_exit = True
