"""How much of the process's one loop a backend that never stops talking may take. Pure: `now` is an argument."""

from __future__ import annotations

SHARE = 0.2
"""Of the time. A second of speech costs a few milliseconds, so who answers a hundred times faster than it is heard
does not come near it."""

_SAVED_S = 0.003
_OWED_S = 0.002
"""So what is read without a pause takes five milliseconds at most; a tick is late after as many."""


class FairShare:
    def __init__(self) -> None:
        self._left = _SAVED_S
        self._as_of: float | None = None

    def pause_after(self, worked_s: float, now: float) -> float:
        """Seconds to leave to the others now that a piece of work is done; 0: go on."""
        if self._as_of is not None:
            self._left = min(_SAVED_S, self._left + (now - self._as_of) * SHARE)
        self._as_of = now
        self._left -= worked_s
        return -self._left / SHARE if self._left <= -_OWED_S else 0.0
