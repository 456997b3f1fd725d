"""What a media session costs by itself: SRTP, RTP, Opus and their Python, without sockets, DTLS, backend or event loop.

Each call speaks and is spoken to without a pause, which is the worst case. CPU time of the process, not wall time; the
speech is made and protected before the clock starts. Packets that the bench itself opens or makes are not counted.
Prints a table. ANTIPHON_BENCH_SECONDS bounds the time (default 10).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import numpy as np

from antiphon_transceiver.media import AudioParameters, MediaSession, Pacer, SrtpKeys, SrtpProfile
from antiphon_transceiver.media.pacer import TICK_S

SAMPLE_RATE = 24_000
SECOND_BYTES = 2 * SAMPLE_RATE
FRAMES_PER_SECOND = 50
PAYLOAD_TYPE = 111
CALLS = 10
SPEECH_S = 2
"""Of each call, in one round."""


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def speech(seconds: int) -> bytes:
    """Gliding harmonics that swell and fade, and a little noise: about as hard to code as a voice."""
    at = np.arange(seconds * SAMPLE_RATE) / SAMPLE_RATE
    phase = 2 * np.pi * (130 * at + 15 * np.sin(2 * np.pi * 0.7 * at))
    voice = sum((np.sin(number * phase) / number for number in range(1, 25)), np.zeros(at.size))
    swell = np.clip(np.sin(2 * np.pi * 2.5 * at) + 0.3, 0, 1)
    noise = np.random.default_rng(1).normal(0, 50, at.size)
    return bytes((4000 * voice * swell + noise).astype("<i2").tobytes())


def keys(profile: SrtpProfile) -> tuple[SrtpKeys, SrtpKeys]:
    ours = bytes(profile.key_length), bytes(profile.salt_length)
    theirs = bytes([1]) * profile.key_length, bytes([1]) * profile.salt_length
    return SrtpKeys(profile, *ours, *theirs), SrtpKeys(profile, *theirs, *ours)


def nothing(_: bytes) -> None:
    pass


def give_up() -> None:
    raise SystemExit("a session failed: the figures would be worthless")


def incoming_packets(profile: SrtpProfile, pcm: bytes) -> list[bytes]:
    """The speech as a client sends it."""
    clock, sent = Clock(), list[bytes]()
    pacer = Pacer(clock)
    client = MediaSession(
        AudioParameters(PAYLOAD_TYPE, 2), send=sent.append, on_pcm=nothing, on_failure=give_up, pacer=pacer
    )
    client.start(keys(profile)[1])
    client.play(pcm)
    while client.statistics().queued_ms:
        clock.now += TICK_S
        pacer.turn()
    return [packet for packet in sent if packet[1] & 0x7F == PAYLOAD_TYPE]


def cpu_seconds(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


class Bench:
    """One round: every call of it is new."""

    def __init__(self, profile: SrtpProfile, pcm: bytes, packets: list[bytes]) -> None:
        self._clock = Clock()
        self._pacer = Pacer(self._clock)
        self._seconds = [pcm[start : start + SECOND_BYTES] for start in range(0, len(pcm), SECOND_BYTES)]
        self._packets = packets
        self._sessions = [
            MediaSession(
                AudioParameters(PAYLOAD_TYPE, 1),
                send=nothing,
                on_pcm=nothing,
                on_failure=give_up,
                pacer=self._pacer,
            )
            for _ in range(CALLS)
        ]
        for session in self._sessions:
            session.start(keys(profile)[0])

    def receive(self) -> None:
        for session in self._sessions:
            for packet in self._packets:
                session.receive_rtp(packet)
            if session.statistics().packets_received != len(self._packets):
                raise SystemExit("a session did not take what it was sent: the figures would be worthless")

    def stay_silent(self) -> None:
        for _ in self._seconds:
            self._run_a_second()

    def send(self) -> None:
        for second in self._seconds:
            for session in self._sessions:
                session.play(second)
            self._run_a_second()

    def _run_a_second(self) -> None:
        for _ in range(FRAMES_PER_SECOND):
            self._clock.now += TICK_S
            self._pacer.turn()


def measure(profile: SrtpProfile, seconds: float) -> None:
    end = time.monotonic() + seconds
    pcm = speech(SPEECH_S)
    packets = incoming_packets(profile, pcm)[: SPEECH_S * FRAMES_PER_SECOND]
    spent = [0.0, 0.0, 0.0]
    rounds = 0
    while time.monotonic() < end or not rounds:
        rounds += 1
        bench = Bench(profile, pcm, packets)
        for part, work in enumerate((bench.receive, bench.stay_silent, bench.send)):
            spent[part] += cpu_seconds(work)
    up, silent, down = (1e6 * cpu / (rounds * CALLS * len(packets)) for cpu in spent)
    per_minute = (up + down) * FRAMES_PER_SECOND * 60 / 1e6
    print(f"{profile.value:24} {up:9.1f} {down:9.1f} {silent:9.1f} {per_minute:12.2f}")


def main() -> None:
    seconds = float(os.environ.get("ANTIPHON_BENCH_SECONDS", "10"))
    print(f"{CALLS} calls, speech both ways; CPU µs per packet (and per tick in silence)")
    print(f"{'':24} {'uplink':>9} {'downlink':>9} {'silence':>9} {'s/call-min':>12}")
    for profile in SrtpProfile:
        measure(profile, seconds / len(SrtpProfile))


if __name__ == "__main__":
    main()
