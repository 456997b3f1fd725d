"""Cuts PCM (16 bit, mono) into frames, and softens the places where sound begins and ends. Pure."""

from __future__ import annotations

import sys
from array import array
from collections import deque
from dataclasses import dataclass

SAMPLE_BYTES = 2

_FADE_MS = 5
"""Long enough that no click is heard, short enough that no syllable is."""

_JOINED_BYTES = 4096
"""Smaller pieces are put together: kept apart, each would weigh forty bytes more than its sound."""


@dataclass(frozen=True, slots=True)
class PcmFrame:
    pcm: bytes
    samples: int
    """Of them this many are the speaker's; the rest fills the frame."""
    last_sample: int


class FrameCutter:
    """PCM in pieces of any length goes in, frames come out. Holds what was put in and not yet cut, nothing more."""

    def __init__(self, *, sample_rate: int, frame_ms: int) -> None:
        self._frame_bytes = sample_rate * frame_ms // 1000 * SAMPLE_BYTES
        self._fade_samples = sample_rate * _FADE_MS // 1000
        self._pieces: deque[bytes] = deque()
        self._offset = 0
        """Bytes of the first piece that are cut already."""
        self._bytes = 0

    @property
    def samples(self) -> int:
        return self._bytes // SAMPLE_BYTES

    def append(self, pcm: bytes) -> None:
        if len(pcm) % SAMPLE_BYTES:
            raise ValueError("PCM with half a sample")
        if not pcm:
            return
        self._bytes += len(pcm)
        if self._pieces and len(self._pieces[-1]) + len(pcm) <= _JOINED_BYTES:
            self._pieces[-1] += pcm
        else:
            self._pieces.append(pcm)

    def clear(self) -> None:
        self._pieces.clear()
        self._offset = self._bytes = 0

    def cut(self, *, fade_in: bool) -> PcmFrame | None:
        """The next whole frame, if there is one."""
        if self._bytes < self._frame_bytes:
            return None
        pcm = self._take(self._frame_bytes)
        if fade_in:
            pcm = _faded_in(pcm, self._fade_samples)
        return PcmFrame(pcm, len(pcm) // SAMPLE_BYTES, _last_sample(pcm))

    def cut_last(self, last_sample: int, *, fade_in: bool) -> PcmFrame:
        """Ends the sound: what is left of it (less than a frame), a ramp down from its end, then silence."""
        rest = self._take(min(self._bytes, self._frame_bytes))
        samples = len(rest) // SAMPLE_BYTES
        if fade_in:
            rest = _faded_in(rest, self._fade_samples)
        level = _last_sample(rest) if rest else last_sample
        ramp = _ramp_down(level, min(self._fade_samples, self._frame_bytes // SAMPLE_BYTES - samples))
        return PcmFrame((rest + ramp).ljust(self._frame_bytes, b"\0"), samples, 0)

    def _take(self, size: int) -> bytes:
        first = self._pieces[0] if self._pieces else b""
        if self._offset + size < len(first):
            taken = first[self._offset : self._offset + size]
            self._offset += size
        else:
            taken = self._take_across(size)
        self._bytes -= size
        return taken

    def _take_across(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size:
            piece = self._pieces[0]
            part = piece[self._offset : self._offset + size]
            parts.append(part)
            size -= len(part)
            self._offset += len(part)
            if self._offset == len(piece):
                self._pieces.popleft()
                self._offset = 0
        return b"".join(parts)


def _last_sample(pcm: bytes) -> int:
    return int.from_bytes(pcm[-SAMPLE_BYTES:], "little", signed=True)


def _faded_in(pcm: bytes, fade_samples: int) -> bytes:
    head = _samples(pcm[: fade_samples * SAMPLE_BYTES])
    for index in range(len(head)):
        head[index] = head[index] * index // fade_samples
    return _bytes(head) + pcm[fade_samples * SAMPLE_BYTES :]


def _ramp_down(level: int, length: int) -> bytes:
    return _bytes(array("h", (level * (length - 1 - index) // length for index in range(length))))


def _samples(pcm: bytes) -> array[int]:
    samples = array("h", pcm)
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def _bytes(samples: array[int]) -> bytes:
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()
