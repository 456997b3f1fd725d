"""Two calls of one media engine that talk to each other, over real UDP, through a relay that is the test's."""

from __future__ import annotations

import math
import select
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from antiphon_transceiver.audio_offer import AudioCoding, AudioOffer, Direction
from antiphon_transceiver.media import (
    AudioAgreement,
    EngineStatistics,
    MediaEngine,
    MediaSession,
    MediaSettings,
    SrtpKeys,
    SrtpProfile,
)
from antiphon_transceiver.opus_parameters import OpusParameters
from hop_relay import Caller, HopSite, add_call, check, open_site

SAMPLE_RATE = 24_000
FRAME_BYTES = SAMPLE_RATE // 50 * 2
PATIENCE_S = 20.0

LEFT, RIGHT = Caller(port=41_001), Caller(port=41_002)


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


def voice(coding: AudioCoding = AudioCoding.OPUS, **more: int | bool | OpusParameters) -> AudioOffer:
    """What a client offers that says little."""
    payload_type = {AudioCoding.OPUS: 111, AudioCoding.PCMU: 0, AudioCoding.PCMA: 8}[coding]
    return AudioOffer(coding, payload_type, Direction.SENDRECV, rtcp_mux=True, **more)  # type: ignore[arg-type] # the caller names fields


@dataclass
class Side:
    session: MediaSession
    handle: int
    heard: bytearray = field(default_factory=bytearray)
    chunk_bytes: list[int] = field(default_factory=list)
    marks: int = 0
    """That came back."""
    passed: int = 0
    """RTP packets that it was sent."""

    def has_taken_all(self) -> bool:
        figures = self.session.statistics()
        return figures.packets_received + figures.replayed >= self.passed


class MediaPair:
    """`left` and `right`; what either sends reaches the other, but RTP packets only where `passes` lets them."""

    def __init__(
        self,
        offer: AudioOffer | None = None,
        settings: MediaSettings | None = None,
        *,
        passes: Callable[[int], bool] = lambda number: True,
    ) -> None:
        settings = settings or MediaSettings(workers=1)
        self.site: HopSite = open_site()
        self.engine = MediaEngine(self.site.endpoint, workers=settings.workers, chunk_ms=settings.chunk_ms)
        self.engine.start()
        self._passes = passes
        self._packets = count()
        agreement = AudioAgreement.of(offer or voice(), settings)
        right = add_call(self.site.endpoint, "right-ticket")
        self.left = Side(MediaSession.open(self.engine, self.site.handle, agreement, ssrc=0x1111), self.site.handle)
        self.right = Side(MediaSession.open(self.engine, right, agreement, ssrc=0x2222), right)
        self.site.check(LEFT)
        self.site.relay.forward(RIGHT, check(ufrag="right-ticket"))
        self.site.relay.returned()

    def start(self, profile: SrtpProfile = SrtpProfile.AES128_CM_SHA1_80, *, rtt_s: float | None = None) -> None:
        left, right = key_pair(profile)
        self.left.session.start(left, rtt_s=rtt_s)
        self.right.session.start(right, rtt_s=rtt_s)

    def pump(self, within_s: float) -> None:
        """Carries what is there, or comes first in that time."""
        relay, engine, endpoint = self.site.relay.udp.fileno(), self.engine.fileno(), self.site.endpoint.fileno()
        readable, _, _ = select.select([relay, engine, endpoint], [], [], within_s)
        if relay in readable:
            self._carry()
        if engine in readable:
            for handle, pcm in self.engine.receive():
                side = self.left if handle == self.left.handle else self.right
                side.heard += pcm
                side.marks += not pcm
                if pcm:
                    side.chunk_bytes.append(len(pcm))
        if endpoint in readable:
            self.site.endpoint.receive()

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, (self.left.session.statistics(), self.right.session.statistics())
            self.pump(0.02)

    def until_said(self) -> None:
        """Until nothing waits any more, and the last of it is heard. Of sides that are not stopped."""
        sides = (self.left, self.right)
        self.until(lambda: not any(side.session.statistics().queued_ms for side in sides))
        # What follows sound is a few frames long; in ten of either's times for a frame it has gone.
        slots = self.statistics().slots + 20
        self.until(lambda: self.statistics().slots >= slots)
        self.until(lambda: all(side.has_taken_all() for side in sides))
        # A mark comes back behind what was taken before it, and behind the gaps in that.
        marks = [side.marks + 1 for side in sides]
        for side in sides:
            side.session.mark()
        self.until(lambda: [side.marks for side in sides] == marks)

    def statistics(self) -> EngineStatistics:
        return EngineStatistics.of(self.engine.counters())

    def close(self) -> None:
        self.engine.stop()
        self.site.close()

    def _carry(self) -> None:
        for record in self.site.relay.returned():
            to_right = record.client_port == LEFT.port
            if not is_rtcp(record.payload):
                if not self._passes(next(self._packets)):
                    continue
                (self.right if to_right else self.left).passed += 1
            self.site.relay.forward(RIGHT if to_right else LEFT, record.payload)
