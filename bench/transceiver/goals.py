"""What the media engine is to reach, and whether it did. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bench.transceiver.sample import Absent
from bench.transceiver.table import NONE, Place, Row, markdown
from bench.transceiver.timing import Spread

ECHO_OF_LIBOPUS: Final = 1.5
ECHO_CALLS_A_CORE: Final = 100
REALTIME_OF_LIBOPUS: Final = 1.9
UPLINK_MS: Final = Spread(12.0, 25.0)
JITTER_ABOVE_TIMER_MS: Final = 1.0
KB_A_CALL: Final = 200


@dataclass(frozen=True)
class Verdict:
    goal: str
    key: str
    """Whose."""
    figure: str
    met: bool | None
    """None: it was not measured."""


def verdicts(rows: Sequence[Row | Absent], share: float) -> list[Verdict]:
    """One for each goal; costs are those at the largest size that held, delays those at the share of the highest."""
    held = [row for row in rows if isinstance(row, Row) and row.failure is None]
    load = f"at {100 * share:.0f} % load"
    told = [
        _cost(held, "echo", "echo", ECHO_OF_LIBOPUS),
        _calls_a_core(held),
        _cost(held, "mirror", "realtime, sound both ways without a pause,", REALTIME_OF_LIBOPUS),
        _cost(held, "realtime", "realtime, example agent,", REALTIME_OF_LIBOPUS),
    ]
    for key, kept in (("mirror20", "chunks of 20 ms, any packet"), ("mirror", "of 40 ms, a packet that completes one")):
        told.append(_uplink(held, key, f"uplink {load}, {kept}: p50", UPLINK_MS.p50, lambda spread: spread.p50))
        told.append(_uplink(held, key, f"uplink {load}, {kept}: p99", UPLINK_MS.p99, lambda spread: spread.p99))
    told += [_jitter(held, key, load) for key in ("echo", "mirror", "realtime")]
    return told + [_memory(held, key) for key in ("echo", "mirror", "realtime")]


def goals_table(told: Sequence[Verdict]) -> str:
    words = {True: "yes", False: "**no**", None: NONE}
    return markdown(["goal", "figure", "met"], [[each.goal, each.figure, words[each.met]] for each in told])


def _cost(held: list[Row], key: str, what: str, most: float) -> Verdict:
    goal = f"{what} ≤ {most:g} × libopus alone"
    row = largest_size(held, key)
    if row is None:
        return Verdict(goal, key, "not measured", None)
    return Verdict(goal, key, f"{row.of_libopus:.2f} × with {row.calls} calls", row.of_libopus <= most)


def _calls_a_core(held: list[Row]) -> Verdict:
    goal = f"echo ≥ {ECHO_CALLS_A_CORE} calls a core"
    row = largest_size(held, "echo")
    if row is None or row.calls_a_core is None:
        return Verdict(goal, "echo", "not measured", None)
    return Verdict(goal, "echo", f"{row.calls_a_core:.0f}", row.calls_a_core >= ECHO_CALLS_A_CORE)


def _uplink(held: list[Row], key: str, goal: str, most_ms: float, of: Callable[[Spread], float]) -> Verdict:
    goal = f"{goal} ≤ {most_ms:g} ms"
    row = _at_share(held, key)
    if row is None:
        return Verdict(goal, key, "not measured", None)
    spread = row.sample.delays.handed_on if key == "mirror" else row.sample.delays.uplink
    if spread is None:
        return Verdict(goal, key, "not measured", None)
    return Verdict(goal, key, f"{of(spread):.1f} ms with {row.sample.calls} calls", of(spread) <= most_ms)


def _jitter(held: list[Row], key: str, load: str) -> Verdict:
    goal = f"{key}: p99 of send jitter {load} ≤ that of a bare timer + {JITTER_ABOVE_TIMER_MS:g} ms"
    row = _at_share(held, key)
    if row is None or row.sample.delays.jitter is None or row.sample.delays.timer is None:
        return Verdict(goal, key, "not measured", None)
    ours, timer = row.sample.delays.jitter.p99, row.sample.delays.timer.p99
    figure = f"{ours:.2f} ms, the timer's {timer:.2f}, with {row.sample.calls} calls"
    return Verdict(goal, key, figure, ours <= timer + JITTER_ABOVE_TIMER_MS)


def _memory(held: list[Row], key: str) -> Verdict:
    """By the difference of the smallest and the largest size: what the first call brings with it is no other's.

    The highest number counts only where there is no other; at it much waits in queues.
    """
    goal = f"{key}: a call ≤ {KB_A_CALL} KB in all"
    own = [row for row in held if row.key == key]
    calm = [row for row in own if row.place in (Place.SIZE, Place.SHARE)]
    sizes = sorted(calm if len(calm) > 1 else own, key=lambda row: row.sample.calls)
    if len(sizes) < 2 or sizes[0].sample.calls == sizes[-1].sample.calls:
        return Verdict(goal, key, "not measured", None)
    first, last = sizes[0].sample, sizes[-1].sample
    each_kb = (last.costs.pss_kib - first.costs.pss_kib) * 1.024 / (last.calls - first.calls)
    return Verdict(goal, key, f"{each_kb:.0f} KB, from {first.calls} to {last.calls} calls", each_kb <= KB_A_CALL)


def largest_size(held: Sequence[Row], key: str) -> Row | None:
    """The highest number only if no other held: at it the machine is full, and what is full is dear."""
    own = [row for row in held if row.key == key and row.place is not Place.SHARE]
    return max(own, key=lambda row: (row.place is Place.SIZE, row.sample.calls), default=None)


def _at_share(held: list[Row], key: str) -> Row | None:
    return next((row for row in held if row.key == key and row.place is Place.SHARE), None)
