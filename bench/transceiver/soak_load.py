"""How many calls a soak is to have, where nobody says it: as many as keep a share of the machine's CPUs busy.

All of them: the generator's part and the agent's are load as well as the transceivers', and who gets the rest of a CPU
does not ask whose it was.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

FIRST: Final = 24
STEPS: Final = 2
MOST_GROWTH: Final = 4.0
"""From one step to the next: a small share is measured badly."""


@dataclass(frozen=True)
class CpuTime:
    """Of all CPUs since the start of the machine, in its own ticks."""

    busy: int
    whole: int

    @classmethod
    def read(cls) -> Self:
        return cls.of(Path("/proc/stat").read_text())

    @classmethod
    def of(cls, stat: str) -> Self:
        """Of proc_stat(5). What a hypervisor took is busy: nobody here could have it."""
        user, nice, system, idle, iowait, irq, softirq, steal, *_guests = map(int, stat.splitlines()[0].split()[1:])
        busy = user + nice + system + irq + softirq + steal
        return cls(busy, busy + idle + iowait)

    def share_since(self, before: Self) -> float:
        """0 … 1."""
        return (self.busy - before.busy) / max(1, self.whole - before.whole)


def calls_at(share: float, busy_with: Callable[[int], float]) -> int:
    """`busy_with` tells the share that so many calls keep busy; it is asked a few times.

    On the line through what was told last: many calls cost less each than few.
    """
    calls, busy = 0, 0.0
    following = FIRST
    for _ in range(STEPS):
        told = busy_with(following)
        a_call = (told - busy) / (following - calls)
        calls, busy = following, told
        most = round(MOST_GROWTH * calls)
        following = min(most, max(1, round(calls + (share - busy) / a_call))) if a_call > 0 else most
        if following == calls:
            break
    return following
