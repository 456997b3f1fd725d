"""Finding the pulses again in the sound that an agent heard, and what they say of its delay. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.transceiver.records import Pcm, Records, Window
from bench.transceiver.speech import FRAME, FRAMES_PER_PULSE, PULSE_FRAME, PULSE_HZ, RATE
from bench.transceiver.timing import Milliseconds

Positions = NDArray[np.int64]

LEAST_LEVEL: Final = 0.35
"""Of full scale; speech does not come near it at one frequency over a whole frame."""
TOLERANCE: Final = RATE // 1000
"""Samples by which the distance of two pulses may differ from what was sent."""
WITHIN: Final = 100
"""A frame's chunk is the one that holds the sample so many before its end: chunks end where frames do."""
NEXT: Final = FRAMES_PER_PULSE * FRAME


def positions(pcm: Pcm) -> Positions:
    """Where pulses begin, as their tone's energy over one frame peaks."""
    if len(pcm) <= FRAME:
        return np.zeros(0, np.int64)
    turned = pcm / 32768 * np.exp(-2j * np.pi * PULSE_HZ / RATE * np.arange(len(pcm)))
    sums = np.concatenate(([0], np.cumsum(turned)))
    level = 2 * np.abs(sums[FRAME:] - sums[:-FRAME]) / FRAME
    found: list[int] = []
    for loud in _runs(level > LEAST_LEVEL):
        found.append(int(loud[0] + np.argmax(level[loud])))
    return np.array(found, np.int64)


def _runs(mask: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    where = np.flatnonzero(mask)
    return [run for run in np.split(where, np.flatnonzero(np.diff(where) > FRAME) + 1) if len(run)]


def decoded_offset(reference: Pcm) -> int:
    """Samples by which the codec delays a pulse, from what libopus alone makes of the same packets."""
    found = positions(reference)
    if not len(found):
        raise ValueError("there is no pulse in the reference")
    return int(np.median((found - PULSE_FRAME * FRAME + NEXT // 2) % NEXT)) - NEXT // 2


@dataclass(frozen=True)
class HeardCall:
    """One call of an agent that kept its sound, from its beginning."""

    sends: Records
    chunks: Records
    pcm: Pcm
    window: Window
    """Only what was sent in it is measured."""


@dataclass(frozen=True)
class Uplink:
    """From a packet's sending until the chunk with the end of its frame came, for every frame that can be placed."""

    delays: Milliseconds
    completing: NDArray[np.bool_]
    """Whose frame is the last one of its chunk: it waited for no other packet."""


def uplink_of(call: HeardCall, offset: int) -> Uplink:
    ends = positions(call.pcm) - offset + FRAME
    pulses = np.flatnonzero(call.sends["packet"] % FRAMES_PER_PULSE == PULSE_FRAME)
    placed: list[tuple[float, bool]] = []
    for index, end in enumerate(ends):
        chunk = _chunk_of(call.chunks, end)
        sent = None if chunk is None else _latest_before(call.sends["at_ns"][pulses], int(chunk["at_ns"]))
        if sent is None:
            continue
        follows = index + 1 < len(ends) and abs(int(ends[index + 1] - end) - NEXT) <= TOLERANCE
        placed += _placed(call, int(pulses[sent]), int(end), FRAMES_PER_PULSE if follows else 1)
    delays, completing = zip(*placed, strict=True) if placed else ((), ())
    return Uplink(np.array(delays, float), np.array(completing, bool))


def _placed(call: HeardCall, first: int, end: int, frames: int) -> Iterator[tuple[float, bool]]:
    """Between two pulses that are as far apart as they were sent, every frame is where it should be."""
    for number in range(min(frames, len(call.sends) - first)):
        sent_ns = int(call.sends["at_ns"][first + number])
        frame_end = end + number * FRAME
        chunk = _chunk_of(call.chunks, frame_end)
        if chunk is not None and call.window.began_ns <= sent_ns < call.window.ended_ns:
            completes = int(chunk["end_samples"]) < frame_end + FRAME // 2
            yield (int(chunk["at_ns"]) - sent_ns) / 1e6, completes


def _chunk_of(chunks: Records, end: int) -> np.void | None:
    """The one that holds the frame with that end."""
    index = int(np.searchsorted(chunks["end_samples"], end - WITHIN, side="right"))
    return chunks[index] if index < len(chunks) else None


def _latest_before(times: NDArray[np.int64], moment: int) -> int | None:
    index = int(np.searchsorted(times, moment, side="right")) - 1
    return index if index >= 0 else None
