"""Opus through our bindings: speech survives the way there and back, losses are filled, nonsense is refused."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from antiphon_transceiver._extension import OpusDecoder, OpusEncoder
from voices import RATE as VOICE_RATE
from voices import resample, voice

Samples = NDArray[np.float64]
RATE = 24_000
FRAME = RATE // 50


def tone(rate: int, seconds: float = 1.0) -> Samples:
    return 0.25 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)


def speech() -> Samples:
    samples = resample(voice("river").samples(), VOICE_RATE, RATE)
    return samples[: len(samples) // FRAME * FRAME]


def pcm(samples: Samples) -> bytes:
    return (samples * 32767).astype("<i2").tobytes()


def from_pcm(data: bytes) -> Samples:
    return np.frombuffer(data, dtype="<i2").astype(float) / 32767


def encode(samples: Samples, encoder: OpusEncoder, frame: int = FRAME) -> list[bytes]:
    return [encoder.encode(pcm(samples[at : at + frame])) for at in range(0, len(samples), frame)]


def likest(original: Samples, decoded: Samples, longest_delay: int) -> float:
    """The correlation at the best delay."""
    kept = original[: len(original) - longest_delay]
    return max(
        float(np.corrcoef(kept, decoded[delay : delay + len(kept)])[0, 1]) for delay in range(0, longest_delay, 2)
    )


@pytest.mark.parametrize("rate", [8000, 12_000, 16_000, 24_000, 48_000])
@pytest.mark.parametrize("frame_ms", [10, 20, 40, 60])
def test_a_tone_survives_at_every_rate_and_frame_length(rate: int, frame_ms: int) -> None:
    frame = rate * frame_ms // 1000
    samples = tone(rate, 0.6)
    packets = encode(samples, OpusEncoder(rate), frame)
    decoder = OpusDecoder(rate)
    frames = [decoder.decode(packet) for packet in packets]
    assert {len(decoded) for decoded in frames} == {2 * frame}
    assert likest(samples, from_pcm(b"".join(frames)), rate // 50) > 0.99


def test_a_decoder_plays_at_its_own_rate_whatever_the_senders() -> None:
    packets = encode(tone(48_000), OpusEncoder(48_000), 960)
    decoder = OpusDecoder(RATE)
    decoded = from_pcm(b"".join(decoder.decode(packet) for packet in packets))
    assert likest(tone(RATE), decoded, FRAME) > 0.99


def test_the_bit_rate_is_kept() -> None:
    samples = speech()
    lengths = [sum(map(len, encode(samples, OpusEncoder(RATE, bitrate=bitrate)))) for bitrate in (16_000, 48_000)]
    seconds = len(samples) / RATE
    low, high = (length * 8 / seconds for length in lengths)
    assert 8_000 < low < 20_000
    assert 24_000 < high < 60_000


def with_losses(packets: list[bytes], recover: bool) -> Samples:
    """Every fifth packet is lost: recovered from its successor's FEC, or concealed."""
    decoder = OpusDecoder(RATE)
    frames = []
    for number, (packet, successor) in enumerate(pairwise(packets)):
        if number % 5 != 4:
            frames.append(decoder.decode(packet))
        elif recover:
            frames.append(decoder.decode(successor, fec=True))
        else:
            frames.append(decoder.conceal(FRAME))
    return from_pcm(b"".join(frames))


def lost_parts(samples: Samples) -> Samples:
    frames = samples[: len(samples) // (5 * FRAME) * 5 * FRAME].reshape(-1, 5, FRAME)
    return frames[:, 4, :].ravel()


def error_db(reference: Samples, decoded: Samples) -> float:
    error = lost_parts(reference - decoded)
    return float(10 * np.log10(np.sum(error**2) / np.sum(lost_parts(reference) ** 2)))


def test_fec_restores_what_concealment_only_guesses() -> None:
    packets = encode(speech(), OpusEncoder(RATE, packet_loss_percent=20))
    decoder = OpusDecoder(RATE)
    whole = from_pcm(b"".join(decoder.decode(packet) for packet in packets[:-1]))
    recovered = error_db(whole, with_losses(packets, recover=True))
    concealed = error_db(whole, with_losses(packets, recover=False))
    assert concealed < 0
    assert recovered < concealed - 3


def test_concealment_goes_on_with_the_voice_and_then_fades() -> None:
    decoder = OpusDecoder(RATE)
    for packet in encode(tone(RATE), OpusEncoder(RATE)):
        decoder.decode(packet)
    concealed = [from_pcm(decoder.conceal(FRAME)) for _ in range(50)]
    assert np.abs(concealed[0]).max() > 0.1
    assert np.abs(concealed[-1]).max() < np.abs(concealed[0]).max() / 4


def test_silence_costs_next_to_nothing_with_dtx() -> None:
    silence = np.zeros(RATE * 2)
    lengths = [len(packet) for packet in encode(silence, OpusEncoder(RATE, dtx=True))]
    assert sum(length <= 2 for length in lengths) > len(lengths) / 2


@pytest.mark.parametrize("samples", [0, 1, FRAME - 1, FRAME + 1, FRAME // 4, RATE])
def test_what_is_no_frame_is_refused(samples: int) -> None:
    with pytest.raises(ValueError, match="no frame"):
        OpusEncoder(RATE).encode(bytes(2 * samples))


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="even"):
        OpusEncoder(RATE).encode(bytes(2 * FRAME + 1))


@pytest.mark.parametrize("packet", [b"", b"\xff", b"\xff\xff\xff", b"\x03\x80", b"\x01" + bytes(3)])
def test_a_corrupt_packet_is_refused_and_the_decoder_goes_on(packet: bytes) -> None:
    decoder = OpusDecoder(RATE)
    with pytest.raises(ValueError):
        decoder.decode(packet)
    (good,) = encode(tone(RATE, 0.02), OpusEncoder(RATE))
    assert len(decoder.decode(good)) == 2 * FRAME


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_decode_or_are_refused(packet: bytes, fec: bool) -> None:
    decoder = OpusDecoder(RATE)
    try:
        decoded = decoder.decode(packet, fec=fec)
    except ValueError:
        return
    assert 0 < len(decoded) <= 2 * RATE * 120 // 1000


@pytest.mark.parametrize("samples", [0, 1, FRAME + 1, RATE, 2**32 - 1])
def test_concealment_is_for_multiples_of_2_5_ms_up_to_120(samples: int) -> None:
    with pytest.raises(ValueError, match="multiple"):
        OpusDecoder(RATE).conceal(samples)


@pytest.mark.parametrize("rate", [0, 11_025, 44_100])
def test_sample_rates_that_opus_lacks_are_refused(rate: int) -> None:
    with pytest.raises(ValueError):
        OpusEncoder(rate)
    with pytest.raises(ValueError):
        OpusDecoder(rate)
