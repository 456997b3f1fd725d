"""Whether a backend was there a moment ago. Pure."""

from __future__ import annotations

FRESH_S = 10.0


class BackendHealth:
    """Shared by a pod's calls. While it is fresh, a new call's answer does not wait for the backend's connection."""

    def __init__(self, *, fresh_s: float = FRESH_S) -> None:
        self._fresh_s = fresh_s
        self._connected_at: float | None = None

    def connected(self, now: float) -> None:
        self._connected_at = now

    def failed(self) -> None:
        self._connected_at = None

    def fresh(self, now: float) -> bool:
        """`now`: of the monotonic clock."""
        return self._connected_at is not None and now - self._connected_at <= self._fresh_s
