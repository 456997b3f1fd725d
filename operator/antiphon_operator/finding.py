"""A condition, whether it takes a person to mend it, and when time alone may change it."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon_operator.conditions import Condition, Truth


@dataclass(frozen=True)
class Finding:
    condition: Condition
    is_stalled: bool = False
    look_again_at: float | None = None
    """Unix seconds."""

    @property
    def is_well(self) -> bool:
        return self.condition.status is Truth.TRUE


PATIENCE_S = 300
"""What may mend itself, such as an image that is being pushed, stalls only after this long."""
