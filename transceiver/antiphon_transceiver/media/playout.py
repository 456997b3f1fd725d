"""The queue of what the caller is going to hear, and where in it the caller is. Pure: the encoder is an argument."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from antiphon_transceiver.media.pcm_frames import SAMPLE_BYTES, FrameCutter

LONGEST_MS = 5 * 60 * 1000
"""Of speech in the queue. The longest response of the OpenAI Realtime API (4,096 tokens) lasts well under five minutes,
and five minutes of Opus are about 1.2 MB, so no backend can make a call cost more."""

_ENCODE_ON_ARRIVAL = 10
_ENCODE_PER_TICK = 4
"""Frames between two ticks, and at each. A backend may send a minute of speech at once: encoding it on the spot would
hold up every other call for 100 ms and more, so what is beyond 200 ms is encoded ahead tick by tick, four times faster
than it is heard. It may also send, and cut, and send again."""

_MOST_ITEMS = 64
"""Whose length is remembered; a backend speaks one item at a time, or a few."""

_MOST_SEGMENTS = 256
"""A backend that makes an item of every sentence fills the queue with fewer."""


class PlayoutFull(Exception):  # noqa: N818 - a state of the queue that the backend is told of, not a failure
    """There is no room for this piece; nothing of it was taken."""


class Encoder(Protocol):
    def encode(self, pcm: bytes, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Playout:
    """What the caller has been sent of the item that is being played (or was played last)."""

    item_id: str
    """Empty: nothing was sent, or it belonged to no item."""
    played_ms: int
    """Media time within the item of the last sample sent."""
    unplayed_ms: int = 0
    """Of this item, still in the queue (or, as the answer of a flush, thrown away)."""
    unheard: tuple[str, ...] = ()
    """Items in the queue of which nothing was sent yet."""


@dataclass(slots=True)
class _Segment:
    """A run of samples of one item. `start` and `end` count all samples since the last flush."""

    item_id: str
    start: int
    end: int
    offset: int
    """Samples of the item that came before this run."""


@dataclass(frozen=True, slots=True)
class _Encoded:
    packet: bytes
    samples: int
    last_sample: int


class PlayoutQueue:
    """PCM goes in, one encoded frame comes out per tick; silence is `None`, for nothing is sent then.

    Sound that begins is faded in; sound that ends, by a flush or because nothing more came, is faded out by one closing
    frame, so that the listener's loss concealment goes on with silence instead of a drawn-out vowel.
    """

    def __init__(
        self,
        new_encoder: Callable[[], Encoder],
        *,
        sample_rate: int,
        frame_ms: int = 20,
        longest_ms: int = LONGEST_MS,
    ) -> None:
        self._new_encoder = new_encoder
        self._encoder = new_encoder()
        self._sample_rate = sample_rate
        self._most_samples = sample_rate * longest_ms // 1000
        self._cutter = FrameCutter(sample_rate=sample_rate, frame_ms=frame_ms)
        self._encoded: deque[_Encoded] = deque()
        self._encodable = _ENCODE_ON_ARRIVAL
        """Frames that may still be encoded on arrival before the next tick."""
        self._farewell: bytes | None = None
        """The closing frame of a sound that was flushed; it goes before anything new."""
        self._segments: deque[_Segment] = deque()
        self._item_samples: dict[str, int] = {}
        self._added = 0
        self._sent = 0
        self._added_by_last_tick = 0
        self._fade_in = True
        self._sounding = False
        """The last frame taken was speech, so a closing frame is due when no other follows."""
        self._last_sample = 0

    @property
    def queued_ms(self) -> int:
        return self._milliseconds(self._added - self._sent)

    def append(self, pcm: bytes, item_id: str = "") -> None:
        """Raises PlayoutFull, and ValueError for half a sample."""
        samples = len(pcm) // SAMPLE_BYTES
        if self._added - self._sent + samples > self._most_samples:
            raise PlayoutFull(f"more than {self._most_samples // self._sample_rate} s of speech are waiting")
        continues = bool(self._segments) and self._segments[-1].item_id == item_id
        if samples and not continues and len(self._segments) >= _MOST_SEGMENTS:
            raise PlayoutFull(f"{_MOST_SEGMENTS} items are waiting")
        self._cutter.append(pcm)
        if samples:
            self._extend(item_id, samples)
            self._encodable -= self._encode_ahead(self._encodable)

    def take(self) -> bytes | None:
        """The frame of this tick, encoded."""
        self._encodable = _ENCODE_ON_ARRIVAL
        if self._farewell is not None:
            farewell, self._farewell = self._farewell, None
            return farewell
        self._encode_ahead(_ENCODE_PER_TICK)
        growing, self._added_by_last_tick = self._added > self._added_by_last_tick, self._added
        if self._encoded:
            frame = self._encoded.popleft()
            self._advance(frame.samples)
            self._sounding, self._last_sample = True, frame.last_sample
            return frame.packet
        # Less than a frame of a sound that is just beginning waits one tick for the rest of its frame.
        if self._sounding or (self._cutter.samples and not growing):
            return self._close()
        return None

    def flush(self) -> Playout:
        """Throws away what is queued; says where that cut the sound."""
        playout = self.position()
        self._cutter.clear()
        if self._encoded:
            # Frames that the listener never gets went through this encoder; a new one does not refer back to them.
            self._encoder = self._new_encoder()
        self._encoded.clear()
        self._segments.clear()
        self._item_samples.clear()
        self._added = self._sent = self._added_by_last_tick = 0
        if self._sounding:
            self._farewell = self._close()
        self._fade_in = True
        return playout

    def position(self) -> Playout:
        unheard = dict.fromkeys(segment.item_id for segment in self._segments if segment.start >= self._sent)
        current = self._segments[0] if self._segments else None
        if current is None or current.start >= self._sent:
            return Playout("", 0, unheard=tuple(unheard))
        unheard.pop(current.item_id, None)
        reached = min(self._sent, current.end)
        played = self._milliseconds(current.offset + reached - current.start)
        unplayed = self._milliseconds(current.end - reached)
        return Playout(current.item_id, played, unplayed, tuple(unheard))

    def _extend(self, item_id: str, samples: int) -> None:
        start, self._added = self._added, self._added + samples
        offset = self._item_samples.pop(item_id, 0)
        self._item_samples[item_id] = offset + samples
        if len(self._item_samples) > _MOST_ITEMS:
            del self._item_samples[next(iter(self._item_samples))]
        last = self._segments[-1] if self._segments else None
        if last is not None and last.item_id == item_id:
            last.end = self._added
        else:
            self._segments.append(_Segment(item_id, start, self._added, offset))

    def _encode_ahead(self, frames: int) -> int:
        """How many there were."""
        for number in range(frames):
            frame = self._cutter.cut(fade_in=self._fade_in)
            if frame is None:
                return number
            self._fade_in = False
            self._encoded.append(_Encoded(self._encoder.encode(frame.pcm), frame.samples, frame.last_sample))
        return frames

    def _close(self) -> bytes:
        frame = self._cutter.cut_last(self._last_sample, fade_in=self._fade_in)
        self._advance(frame.samples)
        self._fade_in, self._sounding, self._last_sample = True, False, 0
        return self._encoder.encode(frame.pcm)

    def _advance(self, samples: int) -> None:
        self._sent += samples
        # The segment of the last sample sent stays, however long ago it ended: the position is asked for later.
        while len(self._segments) > 1 and self._segments[1].start < self._sent:
            self._segments.popleft()

    def _milliseconds(self, samples: int) -> int:
        return samples * 1000 // self._sample_rate
