"""The speech that is said: recordings of the tree one after the other, encoded once, as a browser does it."""

import fractions
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import av
import numpy as np
from aiortc.codecs.opus import OpusDecoder
from aiortc.jitterbuffer import JitterFrame
from scipy.signal import resample_poly

from bench.quality.recording import RATE, Pcm, Samples

ROOT = Path(__file__).parent.parent.parent
PHRASES = (
    ROOT / "cli" / "antiphon_cli" / "hello.wav",
    *(ROOT / "tests" / "vectors" / "speech" / f"{name}.wav" for name in ("harbour", "river", "mountain")),
)
OPUS_RATE = 48_000
FRAME = OPUS_RATE // 50
LEAD_S, PAUSE_S, TAIL_S = 0.4, 0.3, 1.0
"""Silence before the first phrase, between two, and after the last, where receivers let go of what they hold."""
BITRATE = 32_000
EXPECTED_LOSS_PERCENT = 10
"""What the encoder is told, in all conditions: how much it puts into repeating."""


@dataclass(frozen=True)
class Speech:
    frames: tuple[bytes, ...]
    """Opus, 20 ms each, with in-band FEC."""
    spoken: Samples
    """What was said, at RATE."""
    received: Samples
    """What a receiver makes of it that got every packet at once: what the others are measured against."""

    @property
    def seconds(self) -> float:
        return len(self.frames) / 50


def say(seconds: float) -> Speech:
    """At least that many seconds of phrases and pauses, and the silence around them."""
    whole = _script(seconds)
    frames = tuple(_encode(whole))
    return Speech(frames, spoken=resample_poly(whole / 32768, 1, OPUS_RATE // RATE), received=_decode(frames))


def to_backend_rate(pcm: Pcm) -> Pcm:
    """From Opus' own rate; of a whole recording, since every call begins with silence."""
    halved = resample_poly(pcm.astype(np.float64), 1, OPUS_RATE // RATE)
    return np.asarray(np.clip(np.rint(halved), -32768, 32767), dtype=np.int16)


def _script(seconds: float) -> Samples:
    parts, length = [_silence(LEAD_S)], 0
    for phrase in cycle(PHRASES):
        if length >= seconds * OPUS_RATE:
            break
        parts += [_read(phrase), _silence(PAUSE_S)]
        length += len(parts[-2]) + len(parts[-1])
    parts.append(_silence(TAIL_S))
    whole = np.concatenate(parts)
    whole = np.pad(whole, (0, -len(whole) % FRAME))
    # A room is never quite silent, and no encoder is to take it for the end of the call.
    return np.asarray(whole + np.random.default_rng(5).normal(0, 8, len(whole)))


def _silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * OPUS_RATE))


def _read(path: Path) -> Samples:
    with wave.open(str(path)) as file:
        if (file.getnchannels(), file.getsampwidth()) != (1, 2):
            raise ValueError(f"{path.name} is not 16 bit, mono")
        pcm = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float64)
        return np.asarray(resample_poly(pcm, OPUS_RATE, file.getframerate()))


def _encode(whole: Samples) -> Iterator[bytes]:
    encoder = av.AudioCodecContext.create("libopus", "w")
    encoder.format = av.AudioFormat("s16")
    encoder.layout = "mono"
    encoder.sample_rate = OPUS_RATE
    encoder.bit_rate = BITRATE
    encoder.time_base = fractions.Fraction(1, OPUS_RATE)
    encoder.options = {"application": "voip", "fec": "1", "packet_loss": str(EXPECTED_LOSS_PERCENT)}
    pcm = np.clip(np.rint(whole), -32768, 32767).astype(np.int16)
    for start in range(0, len(pcm), FRAME):
        piece = np.ascontiguousarray(pcm[start : start + FRAME].reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(piece, format="s16", layout="mono")
        frame.sample_rate, frame.pts = OPUS_RATE, start
        for packet in encoder.encode(frame):
            yield bytes(packet)


def _decode(frames: tuple[bytes, ...]) -> Samples:
    decoder = OpusDecoder()
    pieces = [left(decoded) for number, frame in enumerate(frames) for decoded in decoder.decode(of(number, frame))]
    return np.asarray(to_backend_rate(np.concatenate(pieces)) / 32768)


def of(number: int, frame: bytes) -> JitterFrame:
    return JitterFrame(data=frame, timestamp=number * FRAME)


def left(frame: object) -> Pcm:
    """One channel of what aiortc decodes, which is stereo with twice the same."""
    if not isinstance(frame, av.AudioFrame):
        raise TypeError("a decoder of sound made something else")
    return np.asarray(frame.to_ndarray().reshape(-1, 2)[:, 0], dtype=np.int16)
