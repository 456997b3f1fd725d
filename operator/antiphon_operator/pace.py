"""When a fleet's next round begins. Pure, but for the dice."""

from __future__ import annotations

import random
from typing import Final

SETTLE_S: Final = 0.02
"""Events come in bursts: what comes within this is planned at once."""
LEAST_GAP_S: Final = 0.1
REST: Final = 4.0
"""Times as long as a round took. A round looks at every pod, so a larger fleet must not have as many of them."""
RESTLESS: Final = 50
"""So many rounds in a row that changed something: a long rollout, or somebody who writes against us."""
RESTLESS_GAP_S: Final = 1.0
MOST_GAP_S: Final = 5.0
FIRST_RETRY_S: Final = 0.2
MOST_RETRY_S: Final = 15.0


class Pace:
    """A fleet that changes all the time takes at most a fifth of a processor, where its rounds are shorter than a
    quarter of MOST_GAP_S. A round that fails waits longer."""

    def __init__(self) -> None:
        self._failures = 0
        self._changes = 0

    def after(self, round_cpu_s: float, *, changed: bool = False, failed: bool = False) -> float:
        """Seconds to wait after a round that took `round_cpu_s` of a processor."""
        self._failures = self._failures + 1 if failed else 0
        self._changes = self._changes + 1 if changed else 0
        least_s = LEAST_GAP_S if self._changes < RESTLESS else RESTLESS_GAP_S
        gap_s = min(max(REST * round_cpu_s, least_s), MOST_GAP_S)
        if not failed:
            return gap_s
        step_s = min(FIRST_RETRY_S * 2 ** min(self._failures - 1, 16), MOST_RETRY_S)
        return max(gap_s, random.uniform(step_s / 2, step_s))  # noqa: S311 - spreads load
