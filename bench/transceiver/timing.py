"""When packets came, against when they should have: the figures of one window. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bench.transceiver.records import Records

Milliseconds = NDArray[np.float64]

FRAME_MS: Final = 20.0
FRAME_SAMPLES: Final = 960
"""At Opus' RTP clock."""
LONGEST_GAP_MS: Final = 60.0
"""A longer one is a pause, and what comes after it has a grid of its own."""
SHORTEST_SPURT: Final = 10
"""Packets; the grid of fewer is too uncertain."""
NOTHING: Final = np.zeros(0)


@dataclass(frozen=True)
class Spread:
    """Of a figure: its median, and what one in a hundred exceeds."""

    p50: float
    p99: float


def spread(values: Milliseconds) -> Spread | None:
    """None: there was nothing to measure."""
    if not len(values):
        return None
    p50, p99 = np.percentile(values, (50, 99))
    return Spread(float(p50), float(p99))


def deviations(arrivals: Records) -> Milliseconds:
    """How far each of one call's packets came from the 20 ms grid that fits its talk spurt best."""
    parts = [_off_grid(spurt["at_ns"] / 1e6) for spurt in spurts(arrivals)]
    return np.concatenate(parts) if parts else NOTHING


def spurts(arrivals: Records) -> Iterator[Records]:
    """Runs of packets that are 20 ms apart by their timestamps, without a pause between them.

    Markers are not asked: there are servers that set one on every packet.
    """
    if not len(arrivals):
        return
    timestamps: NDArray[np.int64] = arrivals["timestamp"].astype(np.int64)
    steps = (timestamps[1:] - timestamps[:-1]) % (1 << 32)
    gaps_ms = np.diff(arrivals["at_ns"]) / 1e6
    breaks = np.flatnonzero((steps != FRAME_SAMPLES) | (gaps_ms > LONGEST_GAP_MS)) + 1
    for part in np.split(arrivals, breaks):
        if len(part) >= SHORTEST_SPURT:
            yield part


def _off_grid(at_ms: Milliseconds) -> Milliseconds:
    """The spurt's own phase is its median: where it began is chance, not jitter."""
    late = at_ms - FRAME_MS * np.arange(len(at_ms))
    return np.asarray(np.abs(late - np.median(late)))


def lateness(sends: Records) -> Milliseconds:
    """How much later than due the generator itself sent."""
    return np.asarray((sends["at_ns"] - sends["due_ns"]) / 1e6)


def missing(sequences: NDArray[np.uint16]) -> int:
    """Of one call: numbers that were skipped, across wrap-arounds; late ones and doubles are not missing."""
    if not len(sequences):
        return 0
    numbers = unwrapped(sequences, 16)
    return int(numbers.max() - numbers.min() + 1 - len(np.unique(numbers)))


def unwrapped(numbers: NDArray[Any], bits: int) -> NDArray[np.int64]:
    """From the first on, which is 0, across wrap-arounds: each step is the nearer of the two ways round."""
    wide: NDArray[np.int64] = numbers.astype(np.int64)
    half = 1 << (bits - 1)
    steps = (np.diff(wide) + half) % (2 * half) - half
    return np.concatenate(([0], np.cumsum(steps)))[: len(wide)]


def lost_share(arrivals_of_calls: list[Records], seconds: float, *, continuous: bool) -> float:
    """Of the packets that should have come. Who is spoken to without a pause also misses those that were never sent."""
    due = int(seconds * 1000 / FRAME_MS)
    lost = expected = 0
    for arrivals in arrivals_of_calls:
        skipped = missing(arrivals["sequence"])
        # The window's ends may cut one off.
        short = max(0, due - 1 - len(arrivals)) if continuous else 0
        lost += max(skipped, short)
        expected += max(len(arrivals) + skipped, due if continuous else 0)
    return lost / expected if expected else float(continuous)
