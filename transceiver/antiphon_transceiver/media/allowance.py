"""So much in a time, and no more: a token bucket. Pure: `now` is an argument, in seconds of a steady clock."""

from __future__ import annotations


class Allowance:
    """Grows by `rate` a second up to `most`.

    From the first `take` until any later moment no more is taken than `first` and what grew in between; in a stretch
    that begins later, `most` and what grew.
    """

    def __init__(self, *, rate: float, most: float, first: float | None = None) -> None:
        self._rate = rate
        self._most = most
        self._left = most if first is None else first
        self._as_of: float | None = None

    def take(self, amount: float, now: float) -> bool:
        """All of it, or nothing and False."""
        if self._as_of is not None:
            self._left = min(self._most, self._left + (now - self._as_of) * self._rate)
        self._as_of = now
        if amount > self._left:
            return False
        self._left -= amount
        return True
