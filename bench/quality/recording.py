"""What a receiver handed on, and when. Pure."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

RATE = 24_000
"""Samples a second, mono: what backends are given."""

Pcm = NDArray[np.int16]
Samples = NDArray[np.float64]


@dataclass(frozen=True)
class Block:
    handed_us: int
    """By the clock of the sending: the first packet is sent at 0."""
    pcm: Pcm


@dataclass(frozen=True)
class Recording:
    blocks: tuple[Block, ...]

    @property
    def pcm(self) -> Samples:
        """From -1 to 1."""
        parts = [block.pcm for block in self.blocks]
        return np.concatenate(parts, dtype=np.float64) / 32768 if parts else np.zeros(0)

    @property
    def handed_us(self) -> NDArray[np.int64]:
        """Of every sample."""
        times = np.array([block.handed_us for block in self.blocks], dtype=np.int64)
        return np.repeat(times, [len(block.pcm) for block in self.blocks])

    @property
    def longest_wait_us(self) -> int:
        """In which nothing was handed on, between two blocks."""
        times = sorted(block.handed_us for block in self.blocks)
        return max((after - before for before, after in pairwise(times)), default=0)


@dataclass(frozen=True)
class Heard:
    recording: Recording
    not_as_said_ms: float | None
    """Speech that was left out, or made up in its place; None if the receiver does not say."""
    recovered_ms: float | None
    """Speech that was lost, and is there by what later packets repeat; None if the receiver does not say."""
