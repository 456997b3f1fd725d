"""The reader of Opus packets that writes the vectors of the native one, against libopus."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import opus_packet
from media_pair import SAMPLE_RATE, tone
from opus import OpusDecoder, OpusEncoder


@given(st.binary(max_size=60))
def test_the_length_is_what_the_decoder_makes_of_it(packet: bytes) -> None:
    try:
        pcm = OpusDecoder(48_000).decode(packet)
    except ValueError:
        return
    assert opus_packet.duration(packet) == len(pcm) // 2


@given(st.binary(max_size=8))
def test_any_bytes_have_an_answer(packet: bytes) -> None:
    assert 0 <= opus_packet.duration(packet) <= 5760
    assert opus_packet.carries_fec(packet) in (True, False)


@pytest.mark.parametrize("frame_ms", [10, 20, 40, 60])
def test_frames_of_all_lengths(frame_ms: int) -> None:
    packet = OpusEncoder(SAMPLE_RATE, frame_ms=frame_ms).encode(tone(frame_ms / 1000))
    assert opus_packet.duration(packet) == 48 * frame_ms


def speech_packets(loss_percent: int) -> list[bytes]:
    """Noise in bursts: what the codec takes for voice onsets, so that it repeats them."""
    noise = random.Random(7)
    encoder = OpusEncoder(16_000, bitrate=24_000, packet_loss_percent=loss_percent)
    pcm = [
        b"".join(
            int(noise.gauss(0, 4000) if number % 10 < 6 else 0).to_bytes(2, "little", signed=True) for _ in range(320)
        )
        for number in range(100)
    ]
    return [encoder.encode(frame) for frame in pcm]


def test_fec_is_seen_where_the_encoder_repeats_and_nowhere_else() -> None:
    assert sum(map(opus_packet.carries_fec, speech_packets(30))) > 30
    assert sum(map(opus_packet.carries_fec, speech_packets(0))) == 0
