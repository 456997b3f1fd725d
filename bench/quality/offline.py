"""Receivers in virtual time: they are told when each packet came, and nothing depends on the machine."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from aiortc.codecs.opus import OpusDecoder
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtp import RtpPacket

from bench.quality.impairment import FRAME_US, Trace, arrivals
from bench.quality.recording import RATE, Block, Heard, Pcm, Recording
from bench.quality.rtp_payload import OPUS, TICKS, Sent
from bench.quality.speech import OPUS_RATE, ROOT, left, to_backend_rate

AIORTC_CAPACITY, AIORTC_PREFETCH = 16, 4
"""Packets; what aiortc's receiver gives its buffer for sound (rtcrtpreceiver.py)."""


def build_engine() -> Path:
    """The uplink of the media engine as a program; the profile does not matter where no time passes."""
    command = [str(ROOT / "scripts" / "cargo"), "build", "--quiet", "-p", "antiphon-media", "--example", "uplink_sound"]
    built = subprocess.run([*command, "--message-format=json"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    artifacts = [json.loads(line) for line in built.stdout.splitlines()]
    return next(Path(each["executable"]) for each in artifacts if each.get("target", {}).get("name") == "uplink_sound")


@dataclass(frozen=True)
class Again:
    """What the client does about a NACK (RFC 4585 §6.2.1)."""

    rtt_us: int
    tries: tuple[Trace, ...]
    """The fates of what is sent again: the first time, the second …; there is no further one."""


def engine(program: Path, mode: str, sent: list[Sent], trace: Trace, again: Again | None = None) -> Heard:
    """The uplink of the media engine; it hands on what it can as soon as it can."""
    lines = "\n".join(_line(packet, trace, again) for packet in sent)
    command = [str(program), mode, *([str(again.rtt_us)] if again else [])]
    ran = subprocess.run(command, input=lines, check=True, stdout=subprocess.PIPE, text=True)
    *sounds, counted = [line.split(" ") for line in ran.stdout.splitlines()]
    blocks = (Block(int(us), np.frombuffer(bytes.fromhex(pcm), dtype="<i2")) for _, us, pcm in sounds)
    figures = dict(word.split("=") for word in counted[1:])
    return Heard(Recording(tuple(blocks)), float(figures["concealed_ms"]), float(figures["recovered_ms"]))


def _line(packet: Sent, trace: Trace, again: Again | None) -> str:
    number = packet.number
    came = [number * FRAME_US + delay_us for delay_us in trace[number].delays_us]
    fates = [tries[number] for tries in again.tries] if again else []
    tries = ["lost" if fate.is_lost else fate.delays_us[0] for fate in fates]
    words = [number, number * TICKS, packet.payload_type, packet.payload.hex(), *came, "again", *tries]
    return " ".join(map(str, words))


@dataclass(frozen=True)
class Decoded:
    """A frame that came out of aiortc's jitter buffer."""

    handed_us: int
    timestamp: int
    pcm: Pcm
    """At Opus' own rate."""


def aiortc(sent: list[Sent], trace: Trace) -> list[Decoded]:
    """What aiortc's receiver makes of the packets: its jitter buffer, then its decoder, at once. It sends no NACK."""
    buffer, decoder = JitterBuffer(capacity=AIORTC_CAPACITY, prefetch=AIORTC_PREFETCH), OpusDecoder()
    decoded = []
    for came in arrivals(trace):
        packet = RtpPacket(OPUS, sequence_number=came.number % 2**16, timestamp=came.number * TICKS % 2**32)
        packet._data = sent[came.number].payload  # type: ignore[attr-defined]  # noqa: SLF001 - as its receiver does it
        _, frame = buffer.add(packet)
        if frame is not None:
            sounds = [left(sound) for sound in decoder.decode(frame)]
            decoded += [Decoded(came.came_us, frame.timestamp, sound) for sound in sounds]
    return decoded


def as_it_comes(decoded: list[Decoded], packets: int) -> Heard:
    """Frame after frame, as aiortc's MediaRecorder writes it: what is missing is left out."""
    return _heard([(each.handed_us, each.pcm) for each in decoded], decoded, packets)


def with_silence(decoded: list[Decoded], packets: int) -> Heard:
    """With silence where the timestamps leap: what a careful user of aiortc would do."""
    parts, expected = [], 0
    for each in decoded:
        if each.timestamp > expected:
            parts.append((each.handed_us, np.zeros(each.timestamp - expected, dtype=np.int16)))
        parts.append((each.handed_us, each.pcm))
        expected = each.timestamp + len(each.pcm)
    return _heard(parts, decoded, packets)


def _heard(parts: list[tuple[int, Pcm]], decoded: list[Decoded], packets: int) -> Heard:
    # What is still in the buffer at the end is not lost; a call goes on.
    last = decoded[-1].timestamp // TICKS if decoded else -1
    missing = min(last + 1, packets) - len({each.timestamp for each in decoded})
    return Heard(at_backend_rate(parts), not_as_said_ms=missing * FRAME_US / 1000, recovered_ms=0.0)


def at_backend_rate(parts: list[tuple[int, Pcm]]) -> Recording:
    """Blocks at Opus' rate as a recording."""
    if not parts:
        return Recording(())
    whole = to_backend_rate(np.concatenate([pcm for _, pcm in parts]))
    ends = np.cumsum([len(pcm) for _, pcm in parts]) * RATE // OPUS_RATE
    pieces = np.split(whole, ends[:-1])
    return Recording(tuple(Block(handed_us, pcm) for (handed_us, _), pcm in zip(parts, pieces, strict=True)))
