"""Who calls whom in a soak, and for how long. Pure."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.transceiver.generator import Keep

GROUPS: Final = 4
"""Calls that come and go do so in so many groups, one after the other."""


@dataclass(frozen=True)
class Party:
    """Calls to one transceiver."""

    name: str
    url: str
    calls: int
    speech: Path
    sizes: tuple[int, ...]
    """Bytes of each packet of the speech."""
    is_echo: bool
    """It is spoken to without a pause, from the first packet on."""

    @property
    def staying(self) -> int:
        return (self.calls + 1) // 2

    @property
    def groups(self) -> list[int]:
        """Sizes of the groups that come and go."""
        left = self.calls - self.staying
        return [size for number in range(GROUPS) if (size := (left + number) // GROUPS)]


@dataclass(frozen=True)
class Course:
    seconds: float
    life_s: float
    """Of a call that comes and goes."""
    keep: Keep
    """What is written down of the calls that stay."""

    @property
    def silence_s(self) -> float:
        """An agent's silence may last so long: it listens for half of the time, and not all is written down."""
        return max(40.0, 4 * self.keep.every_s)

    @classmethod
    def of(cls, seconds: float) -> "Course":
        """Of a short soak more is written down, and its calls are shorter."""
        return cls(seconds, min(60.0, seconds / 24), Keep(first_s=4.0, every_s=min(60.0, seconds / 12)))
