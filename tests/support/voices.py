"""Speech to say, and whether what came back is that speech."""

import wave
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SPEECH = Path(__file__).parent.parent / "vectors" / "speech"
NAMES = ("river", "harbour", "mountain")
# How much faster (and higher) the example agent says back what it heard.
PARROT_SPEED = 1.25
RATE = 8000
HOP = RATE // 100
BANDS = 24

Samples = NDArray[np.float64]


@dataclass(frozen=True)
class Voice:
    name: str
    path: Path

    def samples(self) -> Samples:
        return read_wav(self.path)


def voice(name: str) -> Voice:
    return Voice(name, SPEECH / f"{name}.wav")


def read_wav(path: Path) -> Samples:
    """Mono samples in −1…1 at 8 kHz."""
    with wave.open(str(path)) as file:
        raw = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(float) / 32768
        return resample(raw.reshape(-1, file.getnchannels()).mean(axis=1), file.getframerate(), RATE)


def resample(samples: Samples, rate: float, to: float) -> Samples:
    """By way of the spectrum, so that nothing folds down."""
    length = max(round(len(samples) * to / rate), 1)
    spectrum = np.fft.rfft(samples)
    kept = np.zeros(length // 2 + 1, dtype=complex)
    shared = min(len(kept), len(spectrum))
    kept[:shared] = spectrum[:shared]
    return np.fft.irfft(kept, length) * length / len(samples)


def likeness(question: Samples, answer: Samples, speed: float = PARROT_SPEED) -> float:
    """How much `answer` holds of `question` said `speed` times as fast: 0 for none, 1 for all; both at 8 kHz.

    The correlation of the two spectrograms at the best time shift. It stands the codec and the receiver's stretching of
    time, which a correlation of waveforms does not.
    """
    expected = trim(resample(question, RATE * speed, RATE))
    wanted, heard = spectrogram(expected), spectrogram(answer)
    if len(heard) < len(wanted):
        heard = np.pad(heard, ((0, len(wanted) - len(heard)), (0, 0)))
    scores = [correlation(wanted, heard[shift : shift + len(wanted)]) for shift in range(len(heard) - len(wanted) + 1)]
    return max(scores)


def trim(samples: Samples) -> Samples:
    loud = np.flatnonzero(np.abs(samples) > 0.02 * np.abs(samples).max())
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples


def spectrogram(samples: Samples) -> Samples:
    """Log energy in 24 bands from 150 to 3,400 Hz, every 10 ms."""
    size = 256
    padded = np.pad(samples, (0, size))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::HOP] * np.hanning(size)
    power = np.abs(np.fft.rfft(frames)) ** 2
    edges = np.geomspace(150, 3400, BANDS + 1) * size / RATE
    bins = np.clip(edges.astype(int), 1, power.shape[1] - 1)
    bands = np.stack([power[:, low : max(high, low + 1)].sum(axis=1) for low, high in pairwise(bins)])
    floor = 1e-4 * max(bands.max(), 1e-9)
    return np.asarray(np.log(bands + floor).T)


def correlation(one: Samples, other: Samples) -> float:
    a, b = one - one.mean(), other - other.mean()
    scale = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / scale) if scale > 0 else 0.0
