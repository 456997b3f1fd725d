"""How long a call of the fleet may last: what tickets, keys and relays reckon with."""

from __future__ import annotations

from typing import Final

from antiphon_operator.observed import Fleet
from antiphon_wire import LONGEST_CALL_S, MINT_SLACK_S

RECKONED_WITH_S: Final = 86_400
"""At least: so that a pool's change seldom restarts the relays."""
DEFAULT_S: Final = 3_600
CLOCK_SKEW_S: Final = 60
"""As ANTIPHON_CLOCK_SKEW_S, which the pods leave at its default."""


def longest_call_s(fleet: Fleet) -> int:
    """An upper bound, for those who check."""
    return min(max(RECKONED_WITH_S, longest_of_pools_s(fleet)), LONGEST_CALL_S)


def longest_of_pools_s(fleet: Fleet) -> int:
    """What a caller can have, for those who show it."""
    return max((observed.pool.spec.session.max_duration_seconds for observed in fleet.pools), default=DEFAULT_S)


def ticket_life_s(fleet: Fleet) -> int:
    """From a ticket's mint to the last moment at which a reader may take it, whatever the clocks say."""
    rounding_s = 120
    return longest_call_s(fleet) + MINT_SLACK_S + 2 * CLOCK_SKEW_S + rounding_s
