"""Puts RTP packets in order without a playout buffer: what is in order passes at once, only a gap waits.

Pure: `now` is an argument, in seconds of any clock that does not go back.
"""

from __future__ import annotations

from dataclasses import dataclass

from antiphon_transceiver.media.rtp import SEQUENCE_MODULUS, RtpPacket, sequence_ahead

WAIT_S = 0.040
"""How long a gap waits for its packets. They are looked at on every 20 ms tick, so it is 60 ms at most."""

MOST_HELD = 50
"""Packets kept behind a gap: a second of speech. Only a flood gets there; then the oldest gap is given up."""

MOST_AWAITED = 10
"""Missing packets that a gap may still wait for. A longer one is an outage: the wait is too short to fill it, and what
was said after it would only be heard later."""

_MOST_MISORDER = 100
_MOST_DROPOUT = 3000
_FAREWELL_S = 1.0


@dataclass(frozen=True, slots=True)
class Release:
    """A packet whose turn has come."""

    packet: RtpPacket
    missing: int
    """Packets right before it that are given up."""
    begins: bool = False
    """It is the first of a stream: nothing is known of what came before."""


class GapBuffer:
    """Bounded: MOST_HELD packets and one suspect."""

    def __init__(self, *, wait_s: float = WAIT_S, most_held: int = MOST_HELD) -> None:
        self._wait_s = wait_s
        self._most_held = most_held
        self._ssrc: int | None = None
        self._former_ssrc: int | None = None
        self._changed_at = 0.0
        self._next = 0
        self._held: dict[int, tuple[RtpPacket, float]] = {}
        self._suspect: RtpPacket | None = None
        self.late = 0
        """Packets that came after their place was given up, or twice."""

    @property
    def held(self) -> int:
        return len(self._held)

    def push(self, packet: RtpPacket, now: float) -> list[Release]:
        if packet.ssrc != self._ssrc:
            return self._change_stream(packet, now)
        ahead = sequence_ahead(packet.sequence, self._next % SEQUENCE_MODULUS)
        if ahead > _MOST_DROPOUT or ahead < -_MOST_MISORDER:
            return self._doubt(packet, now)
        self._suspect = None
        place = self._next + ahead
        if ahead < 0 or place in self._held:
            self.late += 1
        else:
            self._held[place] = (packet, now)
        return self.poll(now)

    def poll(self, now: float) -> list[Release]:
        """What can be released at `now`: what is in order, and what has waited long enough behind a gap."""
        due = max((place for place, (_, came) in self._held.items() if came + self._wait_s <= now), default=-1)
        released: list[Release] = []
        while self._held:
            if self._next in self._held:
                released.append(self._release(missing=0))
                continue
            missing = min(self._held) - self._next
            if self._next > due and missing <= MOST_AWAITED and len(self._held) <= self._most_held:
                break
            self._next += missing
            released.append(self._release(missing=missing))
        return released

    def _release(self, *, missing: int) -> Release:
        packet, _ = self._held.pop(self._next)
        self._next += 1
        return Release(packet, missing)

    def _change_stream(self, packet: RtpPacket, now: float) -> list[Release]:
        if packet.ssrc == self._former_ssrc and now < self._changed_at + _FAREWELL_S:
            self.late += 1
            return self.poll(now)
        released = self._release_all()
        self._former_ssrc, self._ssrc, self._changed_at = self._ssrc, packet.ssrc, now
        return [*released, self._begin(packet)]

    def _doubt(self, packet: RtpPacket, now: float) -> list[Release]:
        """A great jump is believed when the packet after it follows too (RFC 3550 A.1)."""
        suspect, self._suspect = self._suspect, packet
        if suspect is None or sequence_ahead(packet.sequence, suspect.sequence) != 1:
            return self.poll(now)
        released = self._release_all()
        return [*released, self._begin(suspect), *self.push(packet, now)]

    def _release_all(self) -> list[Release]:
        return self.poll(float("inf"))

    def _begin(self, packet: RtpPacket) -> Release:
        self._suspect = None
        # One turn of the circle up, so that no place is ever below zero.
        self._next = SEQUENCE_MODULUS + packet.sequence + 1
        return Release(packet, missing=0, begins=True)
