"""libopus alone: what no server can be cheaper than. Pure."""

from dataclasses import dataclass
from typing import Final

FRAMES_PER_MINUTE: Final = 50 * 60


@dataclass(frozen=True)
class Floor:
    """CPU-seconds for each call-minute in which every frame of 20 ms is speech that is heard, and said."""

    decode: float
    encode: float

    @property
    def both(self) -> float:
        return self.decode + self.encode

    def of(self, packets_down: float) -> float:
        """The same work as a call does to which so many packets a minute are said; it hears all the time."""
        return self.decode + self.encode * packets_down / FRAMES_PER_MINUTE
