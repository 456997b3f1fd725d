from __future__ import annotations

import struct
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from antiphon_transceiver.media.playout import Playout, PlayoutFull, PlayoutQueue

RATE = 8000
FRAME = 160
"""Samples of 20 ms; at 8 kHz a fade of 5 ms is 40."""


class PlainCodec:
    """A codec whose packets are the samples: so the tests see exactly what is sent."""

    def encode(self, pcm: bytes, /) -> bytes:
        return pcm


def queue(*, longest_ms: int = 60_000, sample_rate: int = RATE) -> PlayoutQueue:
    return PlayoutQueue(PlainCodec, sample_rate=sample_rate, longest_ms=longest_ms)


def sound(samples: int, level: int = 1000) -> bytes:
    return struct.pack("<h", level) * samples


def levels(frame: bytes | None) -> list[int]:
    assert frame is not None
    return list(struct.unpack(f"<{len(frame) // 2}h", frame))


def test_silence_sends_nothing() -> None:
    assert [queue().take() for _ in range(3)] == [None] * 3


def test_a_sound_fades_in_goes_on_and_fades_out_and_then_nothing_is_sent() -> None:
    playout = queue()
    playout.append(sound(2 * FRAME))
    first, second, closing = (levels(playout.take()) for _ in range(3))
    assert first[0] == 0
    assert first == sorted(first)
    assert first[40:] == [1000] * 120
    assert second == [1000] * FRAME
    assert closing[:40] == sorted(closing[:40], reverse=True)
    assert 900 < closing[0] < 1000
    assert closing[39:] == [0] * 121
    assert playout.take() is None


def test_no_step_is_ever_larger_than_a_fade_allows() -> None:
    playout = queue()
    heard: list[int] = []
    for samples in (500, 0, 170, 0, 0, 1000, 33, 0, 0, 0):
        playout.append(sound(samples))
        frame = playout.take()
        heard += levels(frame) if frame else [0] * FRAME
    playout.append(sound(5 * FRAME))
    heard += levels(playout.take()) + levels(playout.take())
    playout.flush()
    playout.append(sound(FRAME))
    heard += levels(playout.take()) + levels(playout.take()) + levels(playout.take())
    assert max(abs(after - before) for before, after in pairwise(heard)) <= 1000 // 40 + 1


def test_what_is_less_than_a_frame_waits_one_tick_for_more_and_is_then_sent() -> None:
    playout = queue()
    playout.append(sound(50))
    assert playout.take() is None
    last = levels(playout.take())
    assert (last[49], last[90:]) == (1000, [0] * 70)
    assert playout.position() == Playout("", 6)
    assert playout.take() is None


def test_pieces_of_any_length_are_joined() -> None:
    playout = queue()
    for _ in range(20):
        playout.append(sound(16))
    assert [len(levels(playout.take())) for _ in range(3)] == [FRAME] * 3
    assert playout.take() is None


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="half a sample"):
        queue().append(b"\0\0\0")


def test_a_full_queue_takes_nothing_of_a_piece() -> None:
    playout = queue(longest_ms=100)
    playout.append(sound(4 * FRAME), "a")
    with pytest.raises(PlayoutFull):
        playout.append(sound(FRAME + 1), "a")
    assert playout.queued_ms == 80
    playout.append(sound(FRAME), "a")
    playout.take()
    playout.append(sound(FRAME), "a")


def test_the_position_counts_within_each_item() -> None:
    playout = queue()
    playout.append(sound(FRAME + 80), "a")
    playout.append(sound(FRAME), "b")
    playout.append(sound(FRAME), "c")
    assert playout.position() == Playout("", 0, unheard=("a", "b", "c"))
    playout.take()
    assert playout.position() == Playout("a", 20, unplayed_ms=10, unheard=("b", "c"))
    playout.take()
    assert playout.position() == Playout("b", 10, unplayed_ms=10, unheard=("c",))
    playout.take()
    assert playout.position() == Playout("c", 10, unplayed_ms=10)
    for _ in range(3):
        playout.take()
    assert playout.position() == Playout("c", 20)


def test_an_item_that_comes_in_parts_is_counted_on() -> None:
    playout = queue()
    playout.append(sound(FRAME), "a")
    playout.append(sound(FRAME), "b")
    playout.take()
    playout.take()
    playout.append(sound(FRAME), "a")
    playout.take()
    assert playout.position() == Playout("a", 40)


def test_a_flush_says_where_it_cut_and_leaves_only_a_fade() -> None:
    playout = queue()
    playout.append(sound(10 * FRAME), "a")
    playout.append(sound(FRAME), "b")
    for _ in range(3):
        playout.take()
    assert playout.flush() == Playout("a", 60, unplayed_ms=140, unheard=("b",))
    assert playout.position() == Playout("", 0)
    assert playout.queued_ms == 0
    assert levels(playout.take())[40:] == [0] * 120
    assert playout.take() is None


def test_a_flush_of_what_was_never_heard_sends_nothing() -> None:
    playout = queue()
    playout.append(sound(10 * FRAME), "a")
    assert playout.flush() == Playout("", 0, unheard=("a",))
    assert playout.take() is None


def test_what_comes_after_a_flush_is_heard_after_the_fade() -> None:
    playout = queue()
    playout.append(sound(5 * FRAME), "a")
    playout.take()
    playout.flush()
    playout.append(sound(FRAME, level=-500), "b")
    assert min(levels(playout.take())) == 0
    assert min(levels(playout.take())) == -500
    assert playout.position() == Playout("b", 20)


def test_a_minute_at_once_is_encoded_little_by_little_and_never_late() -> None:
    encoded = 0

    class CountingCodec(PlainCodec):
        def encode(self, pcm: bytes, /) -> bytes:
            nonlocal encoded
            encoded += 1
            return pcm

    playout = PlayoutQueue(CountingCodec, sample_rate=RATE)
    playout.append(sound(3000 * FRAME))
    assert encoded == 10
    for tick in range(3000):
        before = encoded
        assert len(levels(playout.take())) == FRAME
        assert encoded - before <= 4
        assert encoded > tick
    assert playout.queued_ms == 0


class CountedCodec(PlainCodec):
    made = 0
    encoded = 0

    def __init__(self) -> None:
        type(self).made += 1

    def encode(self, pcm: bytes, /) -> bytes:
        type(self).encoded += 1
        return pcm


def test_a_backend_that_speaks_and_cuts_all_the_time_costs_little_more_than_one_that_speaks() -> None:
    class Codec(CountedCodec):
        pass

    playout = PlayoutQueue(Codec, sample_rate=RATE)
    for number in range(1000):
        playout.append(sound(10 * FRAME), f"item {number}")
        playout.flush()
    assert (Codec.encoded, Codec.made) == (10, 2)
    playout.take()
    for number in range(1000):
        playout.append(sound(FRAME), f"item {number}")
        playout.flush()
    assert Codec.encoded == 20
    assert Codec.made <= 12


def test_a_cut_of_what_was_all_sent_keeps_the_encoder() -> None:
    class Codec(CountedCodec):
        pass

    playout = PlayoutQueue(Codec, sample_rate=RATE)
    playout.append(sound(FRAME))
    playout.take()
    playout.flush()
    assert Codec.made == 1
    playout.append(sound(2 * FRAME))
    playout.flush()
    assert Codec.made == 2


def test_items_of_a_sample_each_fill_the_queue_too() -> None:
    playout = queue()
    for number in range(256):
        playout.append(sound(1), f"item {number}")
    with pytest.raises(PlayoutFull, match="256 items are waiting"):
        playout.append(sound(1), "one more")
    playout.append(sound(1), "item 255")
    assert len(playout.position().unheard) == 256
    playout.flush()
    playout.append(sound(1), "one more")


def test_samples_that_come_one_by_one_weigh_no_more_than_in_one_piece() -> None:
    playout = queue()
    tracemalloc.start()
    for _ in range(20_000):
        playout.append(sound(1))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 3 * 2 * 20_000


class PlayoutModel(RuleBasedStateMachine):
    """Against a list of (item, its n-th sample): the position is that of the last sample that was sent.

    At 1,000 samples a second a millisecond is a sample, so the position is checked to the sample.
    """

    def __init__(self) -> None:
        super().__init__()
        self.playout = queue(sample_rate=1000)
        self.waiting: list[tuple[str, int]] = []
        self.lengths: dict[str, int] = {}
        self.last: tuple[str, int] = ("", 0)
        self.fades = 0

    @rule(item=st.sampled_from(["a", "b", "c", ""]), samples=st.integers(0, 65))
    def append(self, item: str, samples: int) -> None:
        start = self.lengths.get(item, 0)
        self.playout.append(sound(samples), item)
        self.waiting += [(item, start + number + 1) for number in range(samples)]
        self.lengths[item] = start + samples

    @rule()
    def take(self) -> None:
        frame = self.playout.take()
        sent = len(self.waiting) - self.playout.queued_ms
        if frame is None:
            assert sent == 0
            return
        assert len(frame) == 2 * 20
        assert sent == 20 or (sent == len(self.waiting) < 20) or self.fades
        self.fades = 0
        if sent:
            self.last = self.waiting[sent - 1]
            del self.waiting[:sent]

    @precondition(lambda self: self.lengths)
    @rule()
    def flush(self) -> None:
        self.agree(self.playout.flush())
        self.waiting, self.lengths, self.last = [], {}, ("", 0)
        self.fades = 1

    @invariant()
    def the_position_is_that_of_the_last_sample_sent(self) -> None:
        self.agree(self.playout.position())
        assert self.playout.queued_ms == len(self.waiting)

    def agree(self, playout: Playout) -> None:
        assert (playout.item_id, playout.played_ms) == self.last
        current_and_later = [item for item, _ in self.waiting]
        assert set(playout.unheard) <= set(current_and_later)
        assert set(current_and_later) <= {*playout.unheard, playout.item_id}


PlayoutModel.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAgainstTheModel = PlayoutModel.TestCase


@given(st.lists(st.integers(1, 4 * FRAME), min_size=1, max_size=20))
def test_every_sample_is_sent_once_and_in_order(lengths: list[int]) -> None:
    playout = queue()
    total = sum(lengths)
    number = 0
    for length in lengths:
        playout.append(struct.pack(f"<{length}h", *(number + place + 1 for place in range(length))))
        number += length
    heard: list[int] = []
    while playout.queued_ms or len(heard) < total:
        frame = playout.take()
        heard += levels(frame) if frame else []
    # The fade-in changes the first 40 samples, not their number.
    assert heard[40:total] == list(range(41, total + 1))
