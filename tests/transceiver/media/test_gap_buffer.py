from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_transceiver.media.gap_buffer import MOST_HELD, WAIT_S, GapBuffer, Release
from antiphon_transceiver.media.rtp import RtpPacket

TICK = 0.020


def packet(index: int, *, ssrc: int = 1) -> RtpPacket:
    return RtpPacket(111, index % 65536, index * 960 % (1 << 32), ssrc, str(index).encode())


def indexes(releases: list[Release]) -> list[int]:
    return [int(release.packet.payload) for release in releases]


def steps(releases: list[Release]) -> list[tuple[int, int]]:
    return [(int(release.packet.payload), release.missing) for release in releases]


def test_what_is_in_order_passes_at_once() -> None:
    buffer = GapBuffer()
    assert [steps(buffer.push(packet(index), index * TICK)) for index in range(5)] == [
        [(index, 0)] for index in range(5)
    ]


def test_two_packets_that_changed_places_are_put_right() -> None:
    buffer = GapBuffer()
    buffer.push(packet(0), 0.0)
    assert buffer.push(packet(2), 0.02) == []
    assert steps(buffer.push(packet(1), 0.03)) == [(1, 0), (2, 0)]
    assert buffer.late == 0


def test_a_lost_packet_is_given_up_after_the_wait() -> None:
    buffer = GapBuffer()
    buffer.push(packet(0), 0.0)
    buffer.push(packet(2), 0.02)
    assert buffer.poll(0.02 + WAIT_S - 0.001) == []
    assert steps(buffer.poll(0.02 + WAIT_S)) == [(2, 1)]
    assert buffer.push(packet(1), 0.09) == []
    assert buffer.late == 1


@pytest.mark.parametrize(("missing", "waits"), [(1, True), (10, True), (11, False), (50, False)])
def test_a_gap_longer_than_the_wait_could_fill_is_given_up_at_once(missing: int, *, waits: bool) -> None:
    buffer = GapBuffer()
    buffer.push(packet(0), 0.0)
    assert steps(buffer.push(packet(1 + missing), 1.0)) == ([] if waits else [(1 + missing, missing)])
    assert steps(buffer.poll(1.0 + WAIT_S)) == ([(1 + missing, missing)] if waits else [])


def test_an_outage_behind_a_gap_is_given_up_when_the_gap_is() -> None:
    buffer = GapBuffer()
    buffer.push(packet(0), 0.0)
    buffer.push(packet(2), 0.0)
    assert buffer.push(packet(40), 0.02) == []
    assert steps(buffer.push(packet(1), 0.03)) == [(1, 0), (2, 0), (40, 37)]


def test_each_gap_has_its_own_wait() -> None:
    buffer = GapBuffer(wait_s=0.06)
    buffer.push(packet(0), 0.0)
    buffer.push(packet(2), 0.00)
    buffer.push(packet(4), 0.04)
    assert steps(buffer.poll(0.06)) == [(2, 1)]
    assert steps(buffer.push(packet(3), 0.07)) == [(3, 0), (4, 0)]


def test_the_oldest_of_the_held_sets_the_wait_even_behind_two_gaps() -> None:
    buffer = GapBuffer(wait_s=0.06)
    buffer.push(packet(0), 0.0)
    buffer.push(packet(4), 0.00)
    buffer.push(packet(2), 0.05)
    assert steps(buffer.poll(0.06)) == [(2, 1), (4, 1)]


def test_the_sequence_wraps() -> None:
    buffer = GapBuffer()
    released = [
        entry for index in (65534, 65535, 65537, 65536, 65538) for entry in steps(buffer.push(packet(index), 0))
    ]
    assert released == [(65534, 0), (65535, 0), (65536, 0), (65537, 0), (65538, 0)]


def test_a_stream_that_starts_again_elsewhere_is_believed_at_its_second_packet() -> None:
    buffer = GapBuffer()
    buffer.push(packet(10), 0.0)
    buffer.push(packet(12), 0.02)
    assert buffer.push(packet(30_000), 0.04) == []
    releases = buffer.push(packet(30_001), 0.05)
    assert steps(releases) == [(12, 1), (30_000, 0), (30_001, 0)]
    assert [release.begins for release in releases] == [False, True, False]


def test_one_stray_packet_changes_nothing() -> None:
    buffer = GapBuffer()
    buffer.push(packet(10), 0.0)
    assert buffer.push(packet(40_000), 0.01) == []
    assert steps(buffer.push(packet(11), 0.02)) == [(11, 0)]
    assert buffer.push(packet(40_001), 0.03) == []
    assert steps(buffer.push(packet(12), 0.04)) == [(12, 0)]


def test_another_ssrc_is_another_stream_and_the_old_ones_stragglers_are_late() -> None:
    buffer = GapBuffer()
    buffer.push(packet(10), 0.0)
    buffer.push(packet(12), 0.02)
    releases = buffer.push(packet(500, ssrc=2), 0.03)
    assert steps(releases) == [(12, 1), (500, 0)]
    assert releases[1].begins
    assert buffer.push(packet(11), 0.04) == []
    assert buffer.late == 1
    assert steps(buffer.push(packet(501, ssrc=2), 0.05)) == [(501, 0)]
    assert steps(buffer.push(packet(13), 2.0)) == [(13, 0)]


def test_a_flood_behind_a_gap_is_bounded() -> None:
    buffer = GapBuffer()
    buffer.push(packet(0), 0.0)
    released = [entry for index in range(2, 1000) for entry in steps(buffer.push(packet(index), 0.001))]
    assert buffer.held <= MOST_HELD
    assert released[0] == (2, 1)
    assert [index for index, _ in released] == list(range(2, 1000))


@st.composite
def journeys(draw: st.DrawFn) -> list[tuple[float, int]]:
    """Arrivals of 40 packets, sent every 20 ms from anywhere on the circle: some lost, the rest up to 150 ms late."""
    first = draw(st.integers(0, 65535))
    delays = draw(st.lists(st.none() | st.floats(0.0, 0.15), min_size=40, max_size=40))
    sent = [(number * TICK + delay, first + number) for number, delay in enumerate(delays) if delay is not None]
    return sorted(sent)


@settings(max_examples=200, deadline=None)
@given(journeys())
def test_against_the_model_each_packet_once_in_order_and_never_beyond_the_wait(
    arrivals: list[tuple[float, int]],
) -> None:
    buffer = GapBuffer()
    came = {index: at for at, index in arrivals}
    released: list[tuple[float, int, int]] = []
    tick = 0.0
    for at, index in arrivals:
        while tick <= at:
            released += [(tick, *step) for step in steps(buffer.poll(tick))]
            tick += TICK
        released += [(at, *step) for step in steps(buffer.push(packet(index), at))]
    while buffer.held:
        released += [(tick, *step) for step in steps(buffer.poll(tick))]
        tick += TICK

    order = [index for _, index, _ in released]
    assert order == sorted(set(order))
    assert len(order) + buffer.late == len(arrivals)
    for at, index, _ in released:
        assert 0.0 <= at - came[index] <= WAIT_S + TICK + 1e-9
    assert all(missing == index - before - 1 for (_, before, _), (_, index, missing) in pairwise(released))


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(1, 3), st.floats(0, 0.05)), max_size=200))
def test_whatever_comes_nothing_comes_out_twice_and_little_is_held(noise: list[tuple[int, int, float]]) -> None:
    buffer = GapBuffer()
    now, out = 0.0, 0
    for sequence, ssrc, pause in noise:
        now += pause
        out += len(buffer.push(packet(sequence, ssrc=ssrc), now))
        assert buffer.held <= MOST_HELD
    out += len(buffer.poll(now + 1.0))
    assert out + buffer.late <= len(noise)


@pytest.mark.parametrize("wait_s", [0.0, 0.04])
def test_without_a_wait_nothing_is_held(wait_s: float) -> None:
    buffer = GapBuffer(wait_s=wait_s)
    buffer.push(packet(0), 0.0)
    buffer.push(packet(2), 0.0)
    assert buffer.held == (0 if wait_s == 0.0 else 1)
