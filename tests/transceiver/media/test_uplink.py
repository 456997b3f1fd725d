"""The caller's speech through a bad network, with the real codec."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from antiphon_transceiver._extension import OpusDecoder, OpusEncoder
from antiphon_transceiver.media import opus_packet
from antiphon_transceiver.media.rtp import RtpPacket
from antiphon_transceiver.media.uplink import Uplink
from media_pair import FRAME_BYTES, SAMPLE_RATE, tone

TICK = 0.020
FRAMES = 250


def encoded(pcm: bytes, *, loss_percent: int = 0, dtx: bool = False) -> list[RtpPacket]:
    encoder = OpusEncoder(SAMPLE_RATE, packet_loss_percent=loss_percent, dtx=dtx)
    frames = (pcm[start : start + FRAME_BYTES] for start in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES))
    first, timestamp = 65_500, (1 << 32) - 9600
    return [
        RtpPacket(111, (first + number) % 65536, (timestamp + 960 * number) % (1 << 32), 7, encoder.encode(frame))
        for number, frame in enumerate(frames)
    ]


def carry(uplink: Uplink, arrivals: list[tuple[float, RtpPacket]], *, seconds: float) -> bytes:
    heard: list[bytes] = []
    waiting = sorted(arrivals, key=lambda arrival: arrival[0])
    for number in range(round(seconds / TICK)):
        now = number * TICK
        while waiting and waiting[0][0] <= now:
            at, packet = waiting.pop(0)
            heard += uplink.receive(packet, at)
        heard += uplink.tick(now)
    return b"".join(heard)


def steady(packets: list[RtpPacket]) -> list[tuple[float, RtpPacket]]:
    return [(number * TICK, packet) for number, packet in enumerate(packets)]


def correlation(heard: bytes, spoken: bytes) -> float:
    """The best over the codec's delay of a few milliseconds."""
    left, right = samples(heard), samples(spoken)
    return max(
        float(np.corrcoef(left[delay:], right[: right.size - delay])[0, 1]) for delay in range(SAMPLE_RATE // 50)
    )


def samples(pcm: bytes) -> NDArray[np.float64]:
    return np.frombuffer(pcm, dtype="<i2").astype(np.float64)


@pytest.mark.parametrize(("loss", "likeness"), [(0.0, 0.99), (0.05, 0.95), (0.10, 0.9)])
def test_a_tone_arrives_at_its_full_length_whatever_is_lost(loss: float, likeness: float) -> None:
    spoken = tone(FRAMES * TICK)
    dice = random.Random(20)
    packets = encoded(spoken, loss_percent=20)
    arrivals = [
        (at, packet) for at, packet in steady(packets) if packet in (packets[0], packets[-1]) or dice.random() >= loss
    ]
    uplink = Uplink(OpusDecoder(SAMPLE_RATE), sample_rate=SAMPLE_RATE)
    heard = carry(uplink, arrivals, seconds=FRAMES * TICK + 1)
    lost = len(packets) - len(arrivals)
    assert (lost > 0) == (loss > 0)
    assert len(heard) == len(spoken)
    assert correlation(heard, spoken) >= likeness
    assert uplink.lost == lost
    assert uplink.concealed_ms + uplink.recovered_ms == 20 * lost


def voice(seconds: float) -> bytes:
    """Twenty harmonics that glide and swell: nothing that a decoder could make up from what it heard before."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    phase = 2 * np.pi * (140 * time + 20 * np.sin(2 * np.pi * 3 * time))
    harmonics = sum((np.sin(number * phase) / number for number in range(1, 20)), np.zeros(time.size))
    swell = 0.5 + 0.5 * np.sin(2 * np.pi * 4 * time)
    return bytes((3000 * harmonics * swell).astype("<i2").tobytes())


def test_a_voice_that_the_encoder_repeats_is_recovered_better_than_it_could_be_made_up() -> None:
    spoken = voice(FRAMES * TICK)
    likenesses = []
    for loss_percent in (0, 30):
        packets = encoded(spoken, loss_percent=loss_percent)
        arrivals = [arrival for number, arrival in enumerate(steady(packets)) if number % 10 != 5]
        uplink = Uplink(OpusDecoder(SAMPLE_RATE), sample_rate=SAMPLE_RATE)
        heard = carry(uplink, arrivals, seconds=FRAMES * TICK + 1)
        likenesses.append(correlation(heard, spoken))
        assert len(heard) == len(spoken)
        assert (uplink.recovered_ms > 400) == (loss_percent > 0)
        assert uplink.recovered_ms + uplink.concealed_ms == 25 * 20
    made_up, recovered = likenesses
    assert recovered > made_up + 0.01


def test_packets_that_changed_places_are_heard_as_if_they_had_not() -> None:
    packets = encoded(tone(1.0))[:49]
    crooked = [packets[0], *(packets[number + 1 if number % 2 else number - 1] for number in range(1, 49))]
    assert crooked != packets
    heard = [
        carry(Uplink(OpusDecoder(SAMPLE_RATE), sample_rate=SAMPLE_RATE), steady(order), seconds=2)
        for order in (packets, crooked)
    ]
    assert heard[0] == heard[1]


def test_nothing_that_is_in_order_waits() -> None:
    uplink = Uplink(OpusDecoder(SAMPLE_RATE), sample_rate=SAMPLE_RATE)
    for number, packet in enumerate(encoded(tone(0.2))):
        assert [len(pcm) for pcm in uplink.receive(packet, number * TICK)] == [FRAME_BYTES]


def test_a_burst_after_a_stall_is_heard_at_once_and_adds_nothing() -> None:
    packets = encoded(tone(1.0))
    arrivals = [(0.0 if number == 0 else 0.5, packet) for number, packet in enumerate(packets)]
    heard = carry(Uplink(OpusDecoder(SAMPLE_RATE), sample_rate=SAMPLE_RATE), arrivals, seconds=2)
    assert len(heard) == 50 * FRAME_BYTES


def test_a_pause_of_a_sender_with_dtx_is_heard_while_it_lasts() -> None:
    spoken = tone(0.4) + bytes(60 * FRAME_BYTES) + tone(0.4)
    packets = encoded(spoken, dtx=True)
    sent = [arrival for arrival in steady(packets) if len(arrival[1].payload) > 1]
    assert len(sent) < 70
    # RTP sends nothing for the frames that DTX leaves out, and counts only what it sends (RFC 7587 §3.1.3).
    arrivals = [
        (at, RtpPacket(111, number, packet.timestamp, 7, packet.payload)) for number, (at, packet) in enumerate(sent)
    ]
    pause_begins = next(at for (at, _), (after, _) in pairwise(arrivals) if after - at > 0.1)
    uplink = Uplink(OpusDecoder(SAMPLE_RATE), sample_rate=SAMPLE_RATE)
    until_then = [arrival for arrival in arrivals if arrival[0] <= pause_begins]
    assert until_then[-1][1].payload != b""
    heard = carry(uplink, arrivals, seconds=3)
    assert len(heard) == len(spoken)
    assert uplink.concealed_ms == 0


def test_a_packet_that_is_no_opus_leaves_its_length_of_silence() -> None:
    packets = encoded(tone(0.1))
    broken = RtpPacket(111, packets[2].sequence, packets[2].timestamp, 7, b"\x4b\xff\xff\xff")
    uplink = Uplink(OpusDecoder(SAMPLE_RATE), sample_rate=SAMPLE_RATE)
    heard = carry(uplink, steady([*packets[:2], broken, *packets[3:]]), seconds=1)
    assert uplink.undecodable == 1
    assert len(heard) == 5 * FRAME_BYTES


def test_an_empty_packet_is_no_sound() -> None:
    packets = encoded(tone(0.1))
    empty = RtpPacket(111, packets[-1].sequence + 1, packets[-1].timestamp + 960, 7, b"")
    uplink = Uplink(OpusDecoder(SAMPLE_RATE), sample_rate=SAMPLE_RATE)
    assert len(carry(uplink, steady([*packets, empty]), seconds=1)) == 5 * FRAME_BYTES
    assert uplink.undecodable == 0


def test_losses_of_an_ssrc_that_ended_are_remembered() -> None:
    uplink = Uplink(OpusDecoder(SAMPLE_RATE), sample_rate=SAMPLE_RATE)
    packets = encoded(tone(0.2))
    carry(uplink, steady([packet for number, packet in enumerate(packets) if number not in (3, 4)]), seconds=1)
    uplink.receive(RtpPacket(111, 9, 9, 8, packets[0].payload), 2.0)
    assert uplink.lost == 2


class CountingDecoder:
    """Makes as much sound as a decoder does, and knows how much that was."""

    def __init__(self) -> None:
        self.ticks = 0

    def decode(self, packet: bytes, /, *, fec: bool = False) -> bytes:
        return self.conceal(opus_packet.duration(packet) // 2)

    def conceal(self, samples: int, /) -> bytes:
        self.ticks += 2 * samples
        return bytes(2 * samples)


FRAME_20_MS = b"\x48\x00\x00"
FRAME_WITH_FEC = b"\x48\x40\x00"
PAUSE = b"\x48"
FRAMES_120_MS = b"\x4b\x06" + bytes(60)


@pytest.mark.parametrize(
    ("payload", "ticks_a_packet", "packets_a_second"),
    [
        (FRAME_20_MS, 49_000, 50),
        (FRAME_20_MS, 24_000, 50),
        (PAUSE, 49_000, 50),
        (FRAMES_120_MS, 5760, 200),
        (FRAMES_120_MS, 20_000, 200),
    ],
    ids=["leaps of a second", "leaps of half a second", "pauses of a second", "long frames", "long frames that leap"],
)
def test_ten_seconds_of_a_caller_are_eleven_seconds_of_sound_at_most(
    payload: bytes, ticks_a_packet: int, packets_a_second: int
) -> None:
    decoder = CountingDecoder()
    uplink = Uplink(decoder, sample_rate=SAMPLE_RATE)
    arrivals = [
        (number / packets_a_second, RtpPacket(111, number, number * ticks_a_packet, 7, payload))
        for number in range(10 * packets_a_second)
    ]
    heard = carry(uplink, arrivals, seconds=10)
    assert len(heard) <= 11.01 * SAMPLE_RATE * 2
    assert decoder.ticks <= 11.01 * opus_packet.CLOCK_RATE


def test_a_caller_whose_clock_is_fast_loses_nothing_in_a_long_call() -> None:
    decoder = CountingDecoder()
    uplink = Uplink(decoder, sample_rate=SAMPLE_RATE)
    packets, interval_s = 75_000, 0.020 / 1.0009
    arrivals = [(n * interval_s, RtpPacket(111, n % 65536, n * 960, 7, FRAME_20_MS)) for n in range(packets)]
    carry(uplink, arrivals, seconds=packets * interval_s)
    assert decoder.ticks == packets * 960


def test_what_is_beyond_the_time_that_passed_is_counted() -> None:
    uplink = Uplink(CountingDecoder(), sample_rate=SAMPLE_RATE)
    arrivals = [(0.0, RtpPacket(111, number, number * 5760, 7, FRAMES_120_MS)) for number in range(20)]
    assert len(carry(uplink, arrivals, seconds=0.02)) == 8 * 6 * FRAME_BYTES
    assert uplink.surplus_ms == 12 * 120


def test_a_leap_that_took_no_time_is_a_cut_and_what_follows_is_heard() -> None:
    packets = encoded(tone(1.0))
    leaping = [
        RtpPacket(111, packet.sequence, (packet.timestamp + (number >= 25) * 480_000) % (1 << 32), 7, packet.payload)
        for number, packet in enumerate(packets)
    ]
    uplink = Uplink(OpusDecoder(SAMPLE_RATE), sample_rate=SAMPLE_RATE)
    assert len(carry(uplink, steady(leaping), seconds=2)) == 50 * FRAME_BYTES


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.001, 0.02, 0.5, 3.0]),
            st.sampled_from([0, 1, 1, 1, 2, 12, -3, 5000]),
            st.sampled_from([0, 960, 5760, 19_200, 49_000, 1 << 31, -960]),
            st.sampled_from([FRAME_20_MS, FRAME_WITH_FEC, PAUSE, FRAMES_120_MS, b"", b"\x4b\xff"]),
            st.sampled_from([7, 7, 7, 8]),
        ),
        max_size=80,
    )
)
def test_whatever_comes_the_sound_is_no_longer_than_the_call_and_a_second(
    steps: list[tuple[float, int, int, bytes, int]],
) -> None:
    decoder = CountingDecoder()
    uplink = Uplink(decoder, sample_rate=SAMPLE_RATE)
    began = now = 77.0
    sequence = timestamp = heard = 0
    for pause, ahead, ticks, payload, ssrc in steps:
        for _ in range(round(pause / TICK)):
            now += TICK
            heard += sum(map(len, uplink.tick(now)))
        sequence, timestamp = (sequence + ahead) % (1 << 16), (timestamp + ticks) % (1 << 32)
        heard += sum(map(len, uplink.receive(RtpPacket(111, sequence, timestamp, ssrc, payload), now)))
        assert decoder.ticks <= ((now - began) * 1.001 + 1) * opus_packet.CLOCK_RATE + 1e-3
        assert heard == decoder.ticks
