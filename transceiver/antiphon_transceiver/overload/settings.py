"""How a pod finds out what it carries, and how it watches itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CapacitySetting:
    most: int | None = None
    """Calls at once, whatever was measured; None: what was measured."""
    probe_s: float = 0.25
    """How long the start measures what a call costs here; 0: it does not."""


@dataclass(frozen=True)
class OverloadSettings:
    period_s: float = 1.0
    """Between two looks at how well the time is kept; 0: nobody looks, and admission closes at the capacity alone."""
    shed_after: int = 5
    """Periods in a row in which deadlines were missed although admission was closed, before calls are ended; 0: none
    ever is."""
