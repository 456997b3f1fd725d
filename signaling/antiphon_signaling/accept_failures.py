"""Keeps a server that is out of file descriptors from filling its log: asyncio reports each failed accept()."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

logger = logging.getLogger(__name__)

LOG_EVERY_S = 10.0


class AcceptFailures:
    """An exception handler of the event loop; what is no failed accept() goes on to the loop's own handler."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._logged_at = -math.inf
        self._times = 0

    def __call__(self, loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
        error = context.get("exception")
        if not (isinstance(error, OSError) and str(context.get("message")).startswith("socket.accept()")):
            loop.default_exception_handler(dict(context))
            return
        self._times += 1
        now = self._clock()
        if now - self._logged_at >= LOG_EVERY_S:
            fields = {"why": error.strerror, "times": self._times}
            logger.error("no connection could be accepted", extra={"fields": fields})
            self._logged_at, self._times = now, 0
