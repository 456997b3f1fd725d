"""A value that others wait for: what it is now, and each time that it becomes another."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """Written by one task, read by any number."""

    def __init__(self) -> None:
        self.value: T | None = None
        """None until there is one."""
        self._changed = asyncio.Event()
        self._set_at = monotonic()

    @property
    def age_s(self) -> float:
        """Since it became what it is."""
        return monotonic() - self._set_at

    def set(self, value: T) -> None:
        self.value = value
        self._set_at = monotonic()
        self._changed.set()
        self._changed = asyncio.Event()

    async def changes(self, known: T | None = None) -> AsyncIterator[T]:
        """Every value but the one that the reader knows; of those that follow faster than they are taken, the last."""
        while True:
            while self.value is None or self.value is known:
                await self._changed.wait()
            known = self.value
            yield known
