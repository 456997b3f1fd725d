"""Where in what the backend said the caller is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Playout:
    """What the caller has been sent of the item that is being played (or was played last)."""

    item_id: str
    """Empty: nothing was sent, or it belonged to no item."""
    played_ms: int
    """Media time within the item of the last sample sent."""
    unplayed_ms: int = 0
    """Of this item, still in the queue (or, as the answer of a flush, thrown away)."""
    unheard: tuple[str, ...] = ()
    """Items in the queue of which nothing was sent yet."""
