"""Whether a backend was there a moment ago, and what the last try at it came to. Pure."""

from __future__ import annotations

from antiphon_wire.control import BackendState

FRESH_S = 10.0
RETRY_S = 10.0
"""A backend that was not there is looked for again after this long, so that its return is known soon."""


class BackendHealth:
    """Shared by a pod's calls. While it is fresh, a new call's answer does not wait for the backend's connection."""

    def __init__(self, state: BackendState = BackendState.NOT_PROBED, *, fresh_s: float = FRESH_S) -> None:
        self.state = state
        self.model: str | None = None
        """What the last call that named a model asked for: some backends answer nobody who names none."""
        self._fresh_s = fresh_s
        self._connected_at: float | None = None
        self._tried_at: float | None = None

    def connected(self, now: float) -> None:
        self.state = BackendState.REACHABLE
        self._connected_at = self._tried_at = now

    def failed(self, now: float, state: BackendState) -> None:
        self.state = state
        self._connected_at = None
        self._tried_at = now

    def lost(self) -> None:
        """A conversation ended without our doing. That may have been polite: the next try tells."""
        self._connected_at = None

    def fresh(self, now: float) -> bool:
        """`now`: of the monotonic clock."""
        return self._connected_at is not None and now - self._connected_at <= self._fresh_s

    def probe_due_in(self, now: float, every_s: float) -> float:
        """How long until a probe is worth its connection, as no call has tried meanwhile; at most 0: now."""
        if self._tried_at is None:
            return 0.0
        wait_s = every_s if self.state is BackendState.REACHABLE else min(every_s, RETRY_S)
        return self._tried_at + wait_s - now
