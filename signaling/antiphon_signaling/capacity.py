"""What the pods said last about their room, and what was sent to them since, pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager

FREE_UNKNOWN = 1
"""A pod that nobody has asked yet counts as having a little room: it is tried, but after those that said so."""
FREE_UNREACHABLE = -1
"""Tried last, and only when nothing else is left."""


class CapacityBook:
    """Pod name → free calls; holds only pods of the table in force, so the table bounds its size."""

    def __init__(self) -> None:
        self._free: dict[str, int] = {}
        self._offered: Counter[str] = Counter()

    def heard(self, pod: str, free: int) -> None:
        self._free[pod] = max(0, free)

    def unreachable(self, pod: str) -> None:
        self._free[pod] = FREE_UNREACHABLE

    def keep_only(self, pods: Collection[str]) -> None:
        self._free = {pod: free for pod, free in self._free.items() if pod in pods}

    @contextmanager
    def offering(self, pod: str) -> Iterator[None]:
        """While a pod has an offer that it has not answered, it has a place less than it said."""
        self._offered[pod] += 1
        try:
            yield
        finally:
            self._offered[pod] -= 1
            self._offered += Counter()  # forgets those at zero

    def free(self, pod: str) -> int:
        free = self._free.get(pod, FREE_UNKNOWN)
        return free if free == FREE_UNREACHABLE else max(0, free - self._offered[pod])
