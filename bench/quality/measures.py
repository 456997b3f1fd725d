"""How much of the speech came over, and how late. Pure.

Intelligibility is ESTOI (Jensen and Taal 2016) as the library pystoi has it, against what a receiver hears that gets
every packet at once; so what the codec does is in both. One constant shift is taken out before: a receiver that leaves
out or adds time in the middle is out of step from there on, and scores as such.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pystoi import stoi
from scipy.signal import correlate

from bench.quality.impairment import FRAME_US
from bench.quality.recording import RATE, Heard, Recording, Samples

WINDOW = RATE
HOP = RATE // 2
REACH = RATE // 2
"""How far a second may be from where the one before was."""
FIRST_REACH = 2 * RATE
"""How far the first may be from its place."""
ALIKE = 0.5
"""Correlation from which on a second counts as found again."""
AUDIBLE = 0.003
"""Root mean square of a second, of 1: -50 dB."""


@dataclass(frozen=True)
class Found:
    """A second of the speech, found again."""

    at: int
    """Its first sample in the speech."""
    shift: int
    """Samples from there to where it is in the recording."""
    delay_ms: float
    """From the sending of its packets to the handing on of their sound, on average."""


@dataclass(frozen=True)
class Measures:
    estoi: float
    first_ms: float | None
    """The delay of the first second that was found again; None if none was."""
    last_ms: float | None
    median_ms: float | None
    longest_ms: float | None
    drift_ms: float | None
    """Of the last second within the recording, against the first: below zero, time was left out."""
    found: float
    """Share of the audible seconds that the delays are of. A receiver that is far out of step is not found again."""
    longest_wait_ms: float
    not_as_said_ms: float | None
    recovered_ms: float | None


def measure(speech: Samples, heard: Heard, sent_us: NDArray[np.int64] | None = None) -> Measures:
    """`sent_us`: of every packet; by default one every 20 ms from 0 on."""
    found = find(speech, heard.recording, sent_us)
    delays = [each.delay_ms for each in found]
    steady = int(np.median([each.shift for each in found])) if found else 0
    pcm = heard.recording.pcm
    return Measures(
        estoi=estoi(speech, _piece(pcm, steady, len(speech))),
        first_ms=delays[0] if found else None,
        last_ms=delays[-1] if found else None,
        median_ms=float(np.median(delays)) if found else None,
        longest_ms=max(delays) if found else None,
        drift_ms=(found[-1].shift - found[0].shift) * 1000 / RATE if found else None,
        found=len(found) / max(len(list(_audible(speech))), 1),
        longest_wait_ms=heard.recording.longest_wait_us / 1000,
        not_as_said_ms=heard.not_as_said_ms,
        recovered_ms=heard.recovered_ms,
    )


def estoi(speech: Samples, heard: Samples) -> float:
    """1 for the same, about 0 for nothing of it; both of one length, at RATE."""
    with warnings.catch_warnings():
        # Too little to judge is 0.00001, which says it.
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(stoi(speech, heard, RATE, extended=True))


def find(speech: Samples, recording: Recording, sent_us: NDArray[np.int64] | None = None) -> list[Found]:
    """The audible seconds of the speech, each sought near where the one before was."""
    pcm, handed_us = recording.pcm, recording.handed_us
    sent = _sent_us(len(speech), sent_us)
    found: list[Found] = []
    for at, window in _audible(speech):
        expected, reach = (found[-1].shift, REACH) if found else (0, FIRST_REACH)
        shift = _shift(window, pcm, at + expected, reach)
        if shift is not None:
            begin = at + expected + shift
            late_us = handed_us[begin : begin + WINDOW] - sent[at : at + WINDOW]
            found.append(Found(at, begin - at, float(late_us.mean()) / 1000))
    return found


def _audible(speech: Samples) -> Iterator[tuple[int, Samples]]:
    """Each second with its first sample's number."""
    for at in range(0, len(speech) - WINDOW + 1, HOP):
        window = speech[at : at + WINDOW]
        if np.sqrt(np.mean(window**2)) >= AUDIBLE:
            yield at, window


def _sent_us(samples: int, packets_us: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Of every sample: when its packet was sent."""
    numbers = np.arange(samples) // (RATE * FRAME_US // 1_000_000)
    return numbers * FRAME_US if packets_us is None else packets_us[numbers]


def _shift(window: Samples, pcm: Samples, expected: int, reach: int) -> int | None:
    """From the place where it is expected to where it is most alike; None if it is nowhere within reach."""
    begin = max(expected - reach, 0)
    region = pcm[begin : max(expected + reach, 0) + len(window)]
    if len(region) < len(window):
        return None
    products = correlate(region, window, mode="valid", method="fft")
    sums = np.concatenate(([0.0], np.cumsum(region**2)))
    energies = sums[len(window) :] - sums[: -len(window)]
    likeness = products / np.sqrt(np.maximum(energies, 1e-9) * np.sum(window**2))
    best = int(likeness.argmax())
    return begin + best - expected if likeness[best] >= ALIKE else None


def _piece(pcm: Samples, begin: int, length: int) -> Samples:
    """Silence where there is nothing."""
    piece = np.zeros(length)
    first, last = max(begin, 0), min(begin + length, len(pcm))
    if first < last:
        piece[first - begin : last - begin] = pcm[first:last]
    return piece
