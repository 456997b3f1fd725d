"""Two real media sessions, joined by a network and a clock that the test moves."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from antiphon_transceiver.media import AudioParameters, MediaSession, Pacer, SrtpKeys, SrtpProfile
from antiphon_transceiver.media.pacer import TICK_S

SAMPLE_RATE = 24_000
FRAME_BYTES = SAMPLE_RATE // 50 * 2


def never() -> None:
    """Takes what a session says when it cannot go on."""
    raise AssertionError("a media session failed")


class Clock:
    """Starts at a time that is no round number: nothing may rely on zero."""

    def __init__(self) -> None:
        self.now = 1234.567

    def __call__(self) -> float:
        return self.now


def key_pair(profile: SrtpProfile = SrtpProfile.AES128_CM_SHA1_80) -> tuple[SrtpKeys, SrtpKeys]:
    """What DTLS gives to either side."""
    key, salt = profile.key_length, profile.salt_length
    ours = (bytes(range(key)), bytes(range(100, 100 + salt)))
    theirs = (bytes(range(50, 50 + key)), bytes(range(150, 150 + salt)))
    return SrtpKeys(profile, *ours, *theirs), SrtpKeys(profile, *theirs, *ours)


def tone(seconds: float, *, hertz: float = 440.0, level: int = 8000, sample_rate: int = SAMPLE_RATE) -> bytes:
    step = 2 * math.pi * hertz / sample_rate
    samples = (round(level * math.sin(step * index)) for index in range(round(seconds * sample_rate)))
    return b"".join(struct.pack("<h", sample) for sample in samples)


def is_rtcp(datagram: bytes) -> bool:
    """RFC 5761 §4."""
    return 192 <= datagram[1] <= 223


@dataclass
class Side:
    session: MediaSession
    sent: list[bytes]
    heard: bytearray = field(default_factory=bytearray)

    def receive(self, datagram: bytes) -> bool:
        return self.session.receive_rtcp(datagram) if is_rtcp(datagram) else self.session.receive_rtp(datagram)


class MediaPair:
    """`left` and `right`; what either sends arrives `delay_ticks` later, unless `passes` says that it is lost."""

    def __init__(
        self,
        *,
        profile: SrtpProfile = SrtpProfile.AES128_CM_SHA1_80,
        delay_ticks: int = 0,
        passes: Callable[[int], bool] = lambda number: True,
    ) -> None:
        self.clock = Clock()
        self.pacer = Pacer(self.clock, unix_clock=lambda: 1_800_000_000.0)
        self.pacer.turn()
        self._delay_ticks = delay_ticks
        self._passes = passes
        self._datagrams = count()
        self._wire: list[tuple[int, Side, bytes]] = []
        self._ticks = 0
        self.left, self.right = self._side(ssrc=0x1111), self._side(ssrc=0x2222)
        left_keys, right_keys = key_pair(profile)
        self.left.session.start(left_keys)
        self.right.session.start(right_keys)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK_S)):
            self.clock.now += TICK_S
            self._ticks += 1
            self._collect()
            self._deliver()
            self.pacer.turn()
            self._collect()
            self._deliver()

    def _side(self, *, ssrc: int) -> Side:
        sent: list[bytes] = []
        heard = bytearray()
        session = MediaSession(
            AudioParameters(payload_type=111, ssrc=ssrc),
            send=sent.append,
            on_pcm=heard.extend,
            on_failure=never,
            pacer=self.pacer,
        )
        return Side(session, sent, heard)

    def _collect(self) -> None:
        for source, target in ((self.left, self.right), (self.right, self.left)):
            for datagram in source.sent:
                if is_rtcp(datagram) or self._passes(next(self._datagrams)):
                    self._wire.append((self._ticks + self._delay_ticks, target, datagram))
            source.sent.clear()

    def _deliver(self) -> None:
        due = [entry for entry in self._wire if entry[0] <= self._ticks]
        self._wire = [entry for entry in self._wire if entry[0] > self._ticks]
        for _, target, datagram in due:
            target.receive(datagram)
