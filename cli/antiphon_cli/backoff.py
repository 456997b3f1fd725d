"""How long to wait before the next attempt. Pure."""

from __future__ import annotations

FIRST_S = 0.1
LONGEST_S = 10.0


class Backoff:
    """Twice as long after every failure in a row."""

    def __init__(self) -> None:
        self._next_s = FIRST_S

    def failed(self) -> float:
        """Seconds to wait now."""
        wait_s = self._next_s
        self._next_s = min(wait_s * 2, LONGEST_S)
        return wait_s

    def succeeded(self) -> None:
        self._next_s = FIRST_S
