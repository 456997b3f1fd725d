"""Opus as another program speaks it, FFmpeg: mono, 16-bit little-endian PCM."""

from __future__ import annotations

from fractions import Fraction

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler


class OpusEncoder:
    """For voice. Packets repeat the ones before where `packet_loss_percent` is above 0."""

    def __init__(
        self, sample_rate: int, *, frame_ms: int = 20, bitrate: int = 32_000, packet_loss_percent: int = 0
    ) -> None:
        context = av.CodecContext.create("libopus", "w")
        assert isinstance(context, AudioCodecContext)
        context.sample_rate = sample_rate
        context.layout = "mono"
        context.format = "s16"
        context.bit_rate = bitrate
        context.time_base = Fraction(1, sample_rate)
        context.options = {
            "application": "voip",
            "frame_duration": str(frame_ms),
            "packet_loss": str(packet_loss_percent),
            "fec": str(int(packet_loss_percent > 0)),
        }
        self._context = context

    def encode(self, pcm: bytes) -> bytes:
        """One packet from one frame."""
        frame = AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
        frame.planes[0].update(pcm)
        frame.sample_rate = self._context.sample_rate
        (packet,) = self._context.encode(frame)
        return bytes(packet)


class OpusDecoder:
    def __init__(self, sample_rate: int) -> None:
        self._context = av.CodecContext.create("libopus", "r")
        self._resampler = AudioResampler(format="s16", layout="mono", rate=sample_rate)

    def decode(self, packet: bytes) -> bytes:
        """Raises ValueError where the packet is corrupt."""
        if not packet:
            raise ValueError("an Opus packet has at least one byte")
        frames = [frame for frame in self._context.decode(av.Packet(packet)) if isinstance(frame, AudioFrame)]
        resampled = [one for frame in frames for one in self._resampler.resample(frame)]
        return b"".join(bytes(frame.planes[0])[: 2 * frame.samples] for frame in resampled)
