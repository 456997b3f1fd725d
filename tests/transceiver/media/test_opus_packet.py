from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver._extension import OpusDecoder, OpusEncoder
from antiphon_transceiver.media import opus_packet
from media_pair import SAMPLE_RATE, tone


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
    packet = OpusEncoder(SAMPLE_RATE).encode(tone(frame_ms / 1000))
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


def test_a_silent_encoder_with_dtx_makes_pauses() -> None:
    encoder = OpusEncoder(SAMPLE_RATE, dtx=True)
    packets = [encoder.encode(bytes(960)) for _ in range(100)]
    assert sum(map(opus_packet.is_pause, packets)) > 80
    assert not opus_packet.is_pause(encoder.encode(tone(0.02)))
