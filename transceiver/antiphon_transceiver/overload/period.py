"""What happened between two looks at the pod's counters. Pure."""

from dataclasses import dataclass
from typing import Final, Self

from antiphon_transceiver.media import EngineStatistics
from antiphon_transceiver.overload.cpu_allowance import Throttling

FEWEST: Final = 200
"""Frames and packets of which a share is taken: a second of four calls. One late frame of three is no sign."""
_FEWEST_CHUNKS: Final = 10


@dataclass(frozen=True)
class Totals:
    """Everything counts since the start, times in seconds."""

    at_s: float
    """Of the monotonic clock."""
    engine: EngineStatistics
    cpu_s: float
    """Of all threads."""
    loop_cpu_s: float
    """Of the event loop's thread."""
    throttling: Throttling


@dataclass(frozen=True)
class Period:
    """Shares are 0 … 1, of a period without calls 0."""

    missed_share: float = 0.0
    """Of frames' times: those that came a frame's length too late, or were left out."""
    late_share: float = 0.0
    """More than 5 ms."""
    long_wait_share: float = 0.0
    """Of clients' packets: those that waited more than 10 ms for their worker."""
    chunk_wait_ms: float = 0.0
    """What clients' sound waited for the event loop, on average. Some 5 ms are meant, or 10 with one worker."""
    throttled_share: float = 0.0
    """Of the CPU limit's own periods: those at whose end the pod was stopped."""
    cpu_share: float = 0.0
    """Of the CPUs that it may use, or of the one that the event loop can, whichever is more; clocks differ a little."""

    @classmethod
    def between(cls, before: Totals, now: Totals, *, cpus: float) -> Self:
        """`cpus`: how many it may use at once."""
        old, new = before.engine, now.engine
        skipped = new.skipped - old.skipped
        slots = new.slots - old.slots + skipped
        missed = new.missed - old.missed + skipped
        chunks = max(_FEWEST_CHUNKS, new.pcm_chunks - old.pcm_chunks)
        elapsed_s = max(now.at_s - before.at_s, 1e-6)
        limit_periods = now.throttling.periods - before.throttling.periods
        return cls(
            missed_share=_share(missed, slots),
            late_share=_share(new.late - old.late, slots),
            long_wait_share=_share(
                new.packets_waited_long - old.packets_waited_long, new.packets_taken - old.packets_taken
            ),
            chunk_wait_ms=(new.pcm_waited_us - old.pcm_waited_us) / 1000 / chunks,
            throttled_share=(now.throttling.throttled - before.throttling.throttled) / max(1, limit_periods),
            cpu_share=max(
                (now.cpu_s - before.cpu_s) / elapsed_s / max(cpus, 1e-6),
                (now.loop_cpu_s - before.loop_cpu_s) / elapsed_s / min(1.0, max(cpus, 1e-6)),
            ),
        )


def _share(some: int, of: int) -> float:
    return min(1.0, some / max(FEWEST, of))
