"""What a network does to a stream of packets, as a value. Pure: the same seed gives the same fates, on any machine.

Every kind of harm draws from a random sequence of its own, a fixed number of times a packet. So a longer trace begins
with the shorter one, what 2 % of loss lost is lost at 10 % too, and adding jitter changes nothing about what is lost.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

FRAME_US = 20_000
"""From one packet to the next."""
LATEST_COPY_US = 30_000
"""A copy comes at most so long after the first."""


@dataclass(frozen=True)
class Fate:
    """Of one packet."""

    delays_us: tuple[int, ...]
    """Of each copy that arrives, from sending to arrival; none if the packet is lost."""

    @property
    def is_lost(self) -> bool:
        return not self.delays_us


UNHARMED = Fate((0,))
LOST = Fate(())
Trace = tuple[Fate, ...]
"""By packet number."""


@dataclass(frozen=True)
class Bursts:
    """Loss by Gilbert and Elliott's two states, of which one loses nothing and the other everything."""

    loss: float
    """Share of all packets that is lost in the long run."""
    mean_packets: float
    """Of a burst; a burst is at least one packet, and two may follow each other at once."""

    def __post_init__(self) -> None:
        if not (0 <= self.loss < 1 and self.mean_packets >= 1 and self.begin <= 1):
            raise ValueError("no such bursts: the share is in [0, 1), and they are too short for it or below a packet")

    @property
    def begin(self) -> float:
        """How likely a burst begins with a packet that is outside of one."""
        return self.loss / (1 - self.loss) / self.mean_packets

    def lost(self, draws: Iterable[float]) -> list[bool]:
        lost, state = [], False
        for draw in draws:
            state = draw >= 1 / self.mean_packets if state else draw < self.begin
            lost.append(state)
        return lost


@dataclass(frozen=True)
class Impairment:
    loss: float = 0.0
    """Share of packets, each by itself."""
    bursts: Bursts | None = None
    jitter_us: int = 0
    """Delays are spread evenly from none to this."""
    in_order: bool = False
    """The jitter is a queue's: no packet overtakes another."""
    held_back: float = 0.0
    """Share of packets that a longer way takes, on top of all else."""
    held_back_us: int = 0
    duplication: float = 0.0
    """Share of packets that come twice, of those that come."""

    def trace(self, seed: int, packets: int) -> Trace:
        lost = self._lost(seed, packets)
        first_us = self._first_us(seed, packets)
        doubled = _draws(seed, "doubled", packets)
        apart = _draws(seed, "apart", packets)
        fates = []
        for number, delay_us in enumerate(first_us):
            copy_us = delay_us + round(apart[number] * LATEST_COPY_US)
            twice = doubled[number] < self.duplication
            fates.append(LOST if lost[number] else Fate((delay_us, copy_us) if twice else (delay_us,)))
        return tuple(fates)

    def _lost(self, seed: int, packets: int) -> list[bool]:
        alone = [draw < self.loss for draw in _draws(seed, "lost", packets)]
        if self.bursts is None:
            return alone
        together = self.bursts.lost(_draws(seed, "bursts", packets))
        return [one or other for one, other in zip(alone, together, strict=True)]

    def _first_us(self, seed: int, packets: int) -> list[int]:
        """Of each packet's first copy, whether it is lost or not: packets are lost behind the queue."""
        jitter, held = _draws(seed, "jitter", packets), _draws(seed, "held", packets)
        delays, latest_us = [], 0
        for number in range(packets):
            delay_us = round(jitter[number] * self.jitter_us)
            if held[number] < self.held_back:
                delay_us += self.held_back_us
            if self.in_order:
                delay_us = max(delay_us, latest_us - number * FRAME_US)
                latest_us = number * FRAME_US + delay_us
            delays.append(delay_us)
        return delays


@dataclass(frozen=True, order=True)
class Arrival:
    came_us: int
    number: int
    """Of the packet."""


def arrivals(trace: Trace) -> list[Arrival]:
    """In the order of coming, of packets that are sent every FRAME_US from 0 on."""
    return sorted(
        Arrival(number * FRAME_US + delay_us, number)
        for number, fate in enumerate(trace)
        for delay_us in fate.delays_us
    )


def _draws(seed: int, harm: str, packets: int) -> list[float]:
    random = Random(f"{seed} {harm}")
    return [random.random() for _ in range(packets)]
