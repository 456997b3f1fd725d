"""The number of calls in the status: written seldom, since every write is read by whoever watches the resource."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from antiphon_crds.overlay import Json

REFRESH_S: Final = 30
_WINDOW_S: Final = 3
"""After each multiple of REFRESH_S: time for a round that was asked for then."""


@dataclass(frozen=True)
class CallCount:
    shown: int
    look_again_at: float | None
    """When a change too small to be written at once may be."""


def call_count(live: int, before: Json, now: float) -> CallCount:
    """A change of more than 5 % is shown at once, a smaller one at the next full half minute."""
    if not isinstance(before, int) or live == before:
        return CallCount(live, None)
    is_large = abs(live - before) * 20 > before
    if is_large or now % REFRESH_S < _WINDOW_S:
        return CallCount(live, None)
    return CallCount(before, (now // REFRESH_S + 1) * REFRESH_S)
