"""The answer as it was heard, laid out by its RTP timestamps."""

from __future__ import annotations

import numpy as np

from antiphon_cli.voice.question import OPUS_RATE, Samples


class Recording:
    """Packets in any order; a gap in the timestamps is silence, and what lies beyond the limit is left out."""

    def __init__(self, longest_s: float) -> None:
        self._longest = int(longest_s * OPUS_RATE)
        self._first: int | None = None
        self._pieces: dict[int, Samples] = {}

    def add(self, timestamp: int, pcm: Samples) -> None:
        if self._first is None:
            self._first = timestamp
        offset = (timestamp - self._first) & 0xFFFFFFFF
        if offset + pcm.size <= self._longest:
            self._pieces[offset] = pcm

    def samples(self) -> Samples:
        if not self._pieces:
            return np.zeros(0, dtype=np.int16)
        whole = np.zeros(max(offset + pcm.size for offset, pcm in self._pieces.items()), dtype=np.int16)
        for offset, pcm in sorted(self._pieces.items()):
            whole[offset : offset + pcm.size] = pcm
        return whole
