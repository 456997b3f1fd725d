"""What is said: a WAV file as Opus packets, encoded once, before any call."""

from __future__ import annotations

import fractions
import wave
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]

OPUS_RATE = 48_000
PACKET_MS = 20
PACKET_SAMPLES = OPUS_RATE * PACKET_MS // 1000
AUDIBLE = 150.0
"""Root mean square of 16-bit samples (-47 dBFS): below it a packet is silence, in the question and in the answer."""


class QuestionError(ValueError):
    """The file cannot be said; the message tells why."""


@dataclass(frozen=True)
class Question:
    packets: tuple[bytes, ...]
    """20 ms each: a short lead-in of silence, then the file."""
    silence: bytes
    """One packet of silence, for all the time after it."""
    last_audible: int
    """Index of the last packet that can be heard: the question ends with it."""

    @property
    def duration_s(self) -> float:
        return len(self.packets) * PACKET_MS / 1000


def read_question(path: Path) -> Question:
    speech = read_wav(path)
    audible = [i for i in range(0, speech.size, PACKET_SAMPLES) if is_audible(speech[i : i + PACKET_SAMPLES])]
    if not audible:
        raise QuestionError(f"{path}: nothing in it can be heard, so no answer could be told from silence")
    # An agent's voice detector needs to hear the room before the first word.
    lead_in = np.zeros(OPUS_RATE // 5, dtype=np.int16)
    trailing = np.zeros(PACKET_SAMPLES * 5, dtype=np.int16)
    packets = encode(np.concatenate((lead_in, speech, trailing)))
    last_audible = (lead_in.size + audible[-1]) // PACKET_SAMPLES
    return Question(packets=tuple(packets[:-1]), silence=packets[-1], last_audible=last_audible)


def is_audible(samples: Samples) -> bool:
    return bool(np.sqrt(np.mean(np.square(samples.astype(np.float32)))) >= AUDIBLE)


def read_wav(path: Path) -> Samples:
    """The file as 48 kHz mono. 16-bit PCM of any rate, one or two channels."""
    try:
        with wave.open(str(path), "rb") as file:
            rate, channels, width = file.getframerate(), file.getnchannels(), file.getsampwidth()
            data = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise QuestionError(f"{path}: not a readable WAV file ({error})") from error
    if width != 2 or channels not in (1, 2) or rate < 8000:
        raise QuestionError(f"{path}: must be 16-bit PCM, one or two channels, at least 8000 Hz")
    pcm = np.frombuffer(data, dtype="<i2").reshape(-1, channels).mean(axis=1).astype(np.int16)
    return resample(pcm, rate)


def resample(pcm: Samples, rate: int) -> Samples:
    if rate == OPUS_RATE or pcm.size == 0:
        return pcm
    resampler = av.AudioResampler(format="s16", layout="mono", rate=OPUS_RATE)
    frames = [*resampler.resample(audio_frame(pcm, rate)), *resampler.resample(None)]
    return np.concatenate([frame.to_ndarray().ravel() for frame in frames]).astype(np.int16)


def encode(pcm: Samples) -> list[bytes]:
    """Opus packets of 20 ms; the last one is filled up with silence."""
    encoder = av.AudioCodecContext.create("libopus", "w")
    encoder.format = av.AudioFormat("s16")
    encoder.layout = "mono"
    encoder.sample_rate = OPUS_RATE
    encoder.bit_rate = 32_000
    encoder.options = {"application": "voip"}
    encoder.time_base = fractions.Fraction(1, OPUS_RATE)
    whole = np.concatenate((pcm, np.zeros(-pcm.size % PACKET_SAMPLES, dtype=np.int16)))
    packets: list[bytes] = []
    for start in range(0, whole.size, PACKET_SAMPLES):
        frame = audio_frame(whole[start : start + PACKET_SAMPLES], OPUS_RATE)
        frame.pts = start
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return packets


def audio_frame(pcm: Samples, rate: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm.reshape(1, -1)), format="s16", layout="mono")
    frame.sample_rate = rate
    return frame


def write_wav(path: Path, pcm: Samples) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(OPUS_RATE)
        file.writeframes(pcm.astype("<i2").tobytes())
