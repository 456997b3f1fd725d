"""What a call's packets say over a long time: of their sender's clock, of missing sound, of an echo's delay. Pure."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.transceiver import echoes
from bench.transceiver.records import Records
from bench.transceiver.timing import FRAME_MS, Milliseconds, unwrapped

TICKS_PER_MS: Final = 48.0
"""Of Opus' RTP clock (RFC 7587 §4.1)."""
APART_NS: Final = 1_000_000_000
"""Between two parts of a record; a long pause parts it too."""
FEWEST: Final = 25
"""Packets; the median of fewer is too uncertain."""
LATEST_NS: Final = 1_500_000_000
"""What comes so soon after a part's beginning may answer what was sent before it."""

Points = tuple[NDArray[np.float64], Milliseconds]
"""One for each part of the record: when, in seconds by the clock, and what."""


def playout_clock(arrivals: Records) -> Points:
    """One call's time by the wall, less that of its RTP clock, from an arbitrary beginning."""
    return _behind(arrivals, unwrapped(arrivals["timestamp"], 32), 1 / TICKS_PER_MS)


def missing_sound(arrivals: Records) -> Points:
    """Of one call that is spoken to without a pause: time that passed, less the sound that was sent in it."""
    return _behind(arrivals, unwrapped(arrivals["sequence"], 16), FRAME_MS)


def echo_delay(sends: Records, arrivals: Records, sizes: NDArray[np.int64]) -> Points:
    """Of one call; `sizes` are those of the speech."""
    return _columns([(np.median(at_ns) / 1e9, np.median(ms)) for at_ns, ms in _echoes(sends, arrivals, sizes)])


def _behind(arrivals: Records, sent: NDArray[np.int64], unit_ms: float) -> Points:
    at_ns = arrivals["at_ns"]
    behind_ms = np.asarray((at_ns - at_ns[:1].sum()) / 1e6 - sent * unit_ms, np.float64)
    # Packets may be late, but none is early: the most punctual one tells of the clock.
    return _columns([(np.median(at_ns[part]) / 1e9, behind_ms[part].min()) for part in _parts(at_ns)])


def _echoes(
    sends: Records, arrivals: Records, sizes: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], Milliseconds]]:
    for part in _parts(sends["at_ns"]):
        sent = sends[part]
        first, last = int(sent["at_ns"][0]), int(sent["at_ns"][-1])
        came = arrivals[(arrivals["at_ns"] > first + LATEST_NS) & (arrivals["at_ns"] < last)]
        delays = echoes.round_trips(sent, came, sizes)
        if len(delays):
            yield came["at_ns"], delays


def _parts(at_ns: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Places of packets that follow each other."""
    for part in np.split(np.arange(len(at_ns)), np.flatnonzero(np.diff(at_ns) > APART_NS) + 1):
        if len(part) >= FEWEST:
            yield part


def _columns(points: "list[tuple[np.float64, np.float64]]") -> Points:
    return np.array([at_s for at_s, _ in points], float), np.array([ms for _, ms in points], float)
