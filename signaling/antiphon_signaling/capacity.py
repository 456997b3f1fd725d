"""What the pods said last about their room, pure."""

from __future__ import annotations

from collections.abc import Collection

FREE_UNKNOWN = 1
"""A pod that nobody has asked yet counts as having a little room: it is tried, but after those that said so."""
FREE_UNREACHABLE = -1
"""Tried last, and only when nothing else is left."""


class CapacityBook:
    """Pod name → free calls; holds only pods of the table in force, so the table bounds its size."""

    def __init__(self) -> None:
        self._free: dict[str, int] = {}

    def heard(self, pod: str, free: int) -> None:
        self._free[pod] = max(0, free)

    def unreachable(self, pod: str) -> None:
        self._free[pod] = FREE_UNREACHABLE

    def keep_only(self, pods: Collection[str]) -> None:
        self._free = {pod: free for pod, free in self._free.items() if pod in pods}

    def free(self, pod: str) -> int:
        return self._free.get(pod, FREE_UNKNOWN)
