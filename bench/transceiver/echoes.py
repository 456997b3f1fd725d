"""How long an echo takes, though what comes back was encoded anew. Pure.

Only sizes can tell which packet holds what: speech makes large ones and pauses small ones, and a second encoder spends
its bits where the first did. So the sizes that came are laid along those that were sent until they fit best.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.transceiver.records import Records
from bench.transceiver.timing import FRAME_MS, FRAME_SAMPLES, NOTHING, Milliseconds

LONGEST_MS: Final = 2000.0
"""A delay beyond it is not looked for."""
LEAST_LIKENESS: Final = 0.6
"""Correlation of the sizes; of speech with other speech it is about zero."""
FEWEST: Final = 50
"""Packets, for the likeness to mean something."""


def round_trips(sends: Records, arrivals: Records, sizes: NDArray[np.int64]) -> Milliseconds:
    """From each packet's sending until the echo of its frame came, for one call; `sizes` are those of the speech.

    Good to a frame, since a codec's look-ahead smears a sound over two. Nothing, if no delay fits.
    """
    if len(arrivals) < FEWEST:
        return NOTHING
    frames = frames_of(arrivals)
    sent_ns, heard_ns = sends["at_ns"], arrivals["at_ns"]
    sent_size, heard_size = np.log(sizes[sends["packet"]]), np.log(arrivals["bytes"].astype(float))
    best, likeness = None, LEAST_LIKENESS
    for shift in range(-int(frames.min()), len(sends) - int(frames.max())):
        delay_ms = float(np.median(heard_ns - sent_ns[shift + frames])) / 1e6
        if -FRAME_MS < delay_ms < LONGEST_MS:
            found = correlation(sent_size[shift + frames], heard_size)
            if found > likeness:
                best, likeness = shift, found
    return NOTHING if best is None else np.asarray((heard_ns - sent_ns[best + frames]) / 1e6)


def frames_of(arrivals: Records) -> NDArray[np.int64]:
    """Which 20 ms each packet is of, from the first that arrived, by its timestamp: losses and order do not matter."""
    timestamps: NDArray[np.int64] = arrivals["timestamp"].astype(np.int64)
    # The nearer of the two ways round.
    since = (timestamps - timestamps[0] + (1 << 31)) % (1 << 32) - (1 << 31)
    return np.asarray(since // FRAME_SAMPLES)


def correlation(one: Milliseconds, other: Milliseconds) -> float:
    a, b = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale > 0 else 0.0
