"""How amounts are told. Pure."""

from __future__ import annotations

MINUTE, HOUR, DAY = 60, 3600, 86_400


def lasting(seconds: float) -> str:
    """In the largest unit of which there are two."""
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{max(seconds, 0):.0f} s"


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
