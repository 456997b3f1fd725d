"""Of the calls that stayed through a soak: the one whose playout did worst, in each respect. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from bench.transceiver.drift import Points, echo_delay, missing_sound, playout_clock
from bench.transceiver.records import Recording, of_call
from bench.transceiver.soak_plan import Party
from bench.transceiver.soak_verdict import Kind, Series
from bench.transceiver.trend import trend

MOST_MS: Final = 10.0
MOST_MISSING_MS: Final = 60.0
"""In a short soak."""
MOST_MISSING_PER_S: Final = 0.25
"""In ms: one frame of 4,000. It is counted from the beginning, so a steady rate of it looks like growth."""


def series_of(recording: Recording, party: Party) -> Iterator[Series]:
    """Times are from the first packet on."""
    sizes = np.array(party.sizes)
    arrivals = [of_call(recording.arrivals, call) for call in range(party.staying)]
    sends = [of_call(recording.sends, call) for call in range(party.staying)]
    yield _worst(
        party, "RTP clock behind the wall's", Kind.DRIFT, MOST_MS, [playout_clock(each) for each in arrivals], abs
    )
    if party.is_echo:
        missing = [missing_sound(each) for each in arrivals]
        told = _worst(party, "sound missing", Kind.TIME, MOST_MISSING_MS, missing, float)
        yield replace(told, most_per_s=MOST_MISSING_PER_S)
        delays = [echo_delay(sent, came, sizes) for sent, came in zip(sends, arrivals, strict=True)]
        yield _worst(party, "delay of the echo", Kind.TIME, MOST_MS, delays, float)


def silent(recording: Recording, party: Party, last_s: float) -> list[int]:
    """Calls that heard nothing any more in the last part of the record."""
    end = recording.sends["at_ns"].max() - int(last_s * 1e9)
    return sorted({*range(party.staying)} - {*np.unique(recording.arrivals["call"][recording.arrivals["at_ns"] > end])})


def _worst(
    party: Party, what: str, kind: Kind, most_ms: float, calls: list[Points], badness: Callable[[float], float]
) -> Series:
    lines = [trend(at_s.tolist(), ms.tolist()) for at_s, ms in calls]
    worst = max(range(len(calls)), key=lambda call: -1.0 if (line := lines[call]) is None else badness(line.growth))
    at_s, ms = calls[worst]
    begin = min((float(at[0]) for at, _ in calls if len(at)), default=0.0)
    of = f"{party.name} (worst of {len(calls)} calls)"
    return Series(of, what, "ms", kind, most_ms, 0, tuple((at_s - begin).tolist()), tuple(ms.tolist()))
