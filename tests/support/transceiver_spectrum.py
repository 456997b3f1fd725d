"""What a recording sounds like."""

import numpy as np

from media_pair import SAMPLE_RATE


def loudest_hertz(pcm: bytes) -> float:
    """The frequency with the most energy."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * SAMPLE_RATE / len(samples))
