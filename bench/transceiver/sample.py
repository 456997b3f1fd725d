"""The figures of one measurement, and whether the server held so many calls. Pure."""

from dataclasses import dataclass, fields
from enum import StrEnum
from statistics import median
from typing import Final

from bench.transceiver.timing import Spread

MOST_LOST: Final = 0.001
"""Of the packets; more is not "no loss". A single packet of a small window may be the generator's own."""


class Failure(StrEnum):
    """Why a number of calls did not hold."""

    NOT_STARTED = "server did not start"
    REFUSED = "calls refused"
    NOT_CONNECTED = "calls not connected"
    GENERATOR_LATE = "generator too late"
    LOST_UP = "lost on the way up"
    LOST_DOWN = "lost on the way down"
    NO_SOUND = "nothing came back"
    JITTER = "jitter"


@dataclass(frozen=True)
class Delivery:
    """What arrived of what was sent."""

    connected: int
    refused: int
    lost_up: float | None
    """A share, as the server's receiver reports say; None: there was none."""
    lost_down: float
    packets_down: float
    """For each call-minute."""


@dataclass(frozen=True)
class Costs:
    """CPU-seconds for each call-minute, and memory."""

    server: float
    beside: dict[str, float]
    """Processes that the calls also went through, by name: not the server's own cost."""
    generator: float
    threads: dict[str, float]
    """The server's own, by the name of its threads."""
    pss_kib: float
    """With all calls."""
    pss_kib_per_call: float
    """Above the idle server's; of few calls it is mostly what the first one brings with it."""


@dataclass(frozen=True)
class Delays:
    """In milliseconds."""

    jitter: Spread | None
    """Deviation of what the server sent from a 20 ms grid."""
    timer: Spread | None
    """The same of a thread that only sleeps, at the same time."""
    generator: Spread | None
    """How late the generator sent."""
    uplink: Spread | None
    """From a packet's sending until its sound was at the agent."""
    handed_on: Spread | None
    """The same of those packets alone that complete a chunk: without the wait for the chunk's other packets."""
    round_trip: Spread | None
    """From a packet's sending until the echo of its frame."""


@dataclass(frozen=True)
class Sample:
    """One server, one number of calls, one window."""

    server: str
    calls: int
    delivery: Delivery
    costs: Costs
    delays: Delays


@dataclass(frozen=True)
class Absent:
    """A measurement that could not be made."""

    server: str
    calls: int
    failure: Failure
    why: str


def failure_of(sample: Sample, most_jitter_ms: float) -> Failure | None:
    """None: it held. The generator comes first, since what it does late the server is not to blame for."""
    delivery, delays = sample.delivery, sample.delays
    checks = (
        (delivery.refused > 0, Failure.REFUSED),
        (delivery.connected < sample.calls, Failure.NOT_CONNECTED),
        (delays.generator is not None and delays.generator.p99 > most_jitter_ms, Failure.GENERATOR_LATE),
        ((delivery.lost_up or 0.0) > MOST_LOST, Failure.LOST_UP),
        (delivery.lost_down > MOST_LOST, Failure.LOST_DOWN),
        (delays.jitter is None, Failure.NO_SOUND),
        (delays.jitter is not None and delays.jitter.p99 > most_jitter_ms, Failure.JITTER),
    )
    return next((failure for wrong, failure in checks if wrong), None)


def middle(samples: list[Sample]) -> Sample:
    """The median of each figure over the rounds."""
    first = samples[0]
    return Sample(
        first.server,
        first.calls,
        _middle_delivery([sample.delivery for sample in samples]),
        _middle_costs([sample.costs for sample in samples]),
        Delays(
            **{
                each.name: _middle_spread([getattr(sample.delays, each.name) for sample in samples])
                for each in fields(Delays)
            }
        ),
    )


def _middle_delivery(rounds: list[Delivery]) -> Delivery:
    return Delivery(
        connected=min(each.connected for each in rounds),
        refused=max(each.refused for each in rounds),
        lost_up=_median_of_those([each.lost_up for each in rounds]),
        lost_down=median(each.lost_down for each in rounds),
        packets_down=median(each.packets_down for each in rounds),
    )


def _middle_costs(rounds: list[Costs]) -> Costs:
    return Costs(
        server=median(each.server for each in rounds),
        beside=_median_by_name([each.beside for each in rounds]),
        generator=median(each.generator for each in rounds),
        threads=_median_by_name([each.threads for each in rounds]),
        pss_kib=median(each.pss_kib for each in rounds),
        pss_kib_per_call=median(each.pss_kib_per_call for each in rounds),
    )


def _median_by_name(rounds: list[dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for each in rounds for name in each)
    return {name: median(each.get(name, 0.0) for each in rounds) for name in names}


def _middle_spread(spreads: list[Spread | None]) -> Spread | None:
    known = [each for each in spreads if each is not None]
    return Spread(median(each.p50 for each in known), median(each.p99 for each in known)) if known else None


def _median_of_those(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
