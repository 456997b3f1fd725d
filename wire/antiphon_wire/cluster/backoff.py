"""How long to wait before the next try. Pure, but for the dice."""

import random


class Backoff:
    """Doubles from try to try up to a cap, with jitter so that many clients do not come back at one moment."""

    def __init__(self, first_s: float = 0.2, most_s: float = 2.0) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._next_s = first_s

    def wait_s(self) -> float:
        """At least half of the step, at most all of it."""
        step_s = self._next_s
        self._next_s = min(self._most_s, step_s * 2)
        return random.uniform(step_s / 2, step_s)  # noqa: S311 - spreads load; nothing secret depends on it

    def succeeded(self) -> None:
        self._next_s = self._first_s
