"""What a soak sees of the processes: memory, objects, open files, and how well the time is kept, sample by sample."""

import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

from bench.transceiver.process_cost import open_files, own_memory_kib
from bench.transceiver.soak_verdict import MOST_REMEMBERED, REMEMBERED_BLOCKS, REMEMBERED_KIB, Kind, Series
from product import sum_of

PATIENCE_S: Final = 10.0
PREFIX: Final = "antiphon_transceiver"
ENDED: Final = f"{PREFIX}_calls_ended_total"


class EndedError(Exception):
    """A process of the product is not there any more."""


@dataclass(frozen=True)
class Reading:
    """Of one process at one moment."""

    at_s: float
    """Since the soak's beginning."""
    memory_kib: int
    files: int
    threads: int
    totals: dict[str, float]
    """Of a transceiver: its metrics, without their prefix."""


@dataclass(frozen=True)
class Watched:
    name: str
    pid: int
    metrics_url: str | None
    """None: it is no transceiver."""
    files_a_call: int
    """Of the transceiver: a connection to an agent."""
    readings: list[Reading] = field(default_factory=list)

    def read(self, at_s: float) -> Reading:
        memory_kib = own_memory_kib(self.pid)
        if not memory_kib:
            raise EndedError(f"{self.name} has ended")
        threads = sum(1 for _ in Path(f"/proc/{self.pid}/task").iterdir())
        totals = {} if self.metrics_url is None else totals_at(self.metrics_url)
        reading = Reading(at_s, memory_kib, open_files(self.pid), threads, totals)
        self.readings.append(reading)
        return reading

    def endings(self) -> str:
        """By their reason, how many calls have ended."""
        return "" if self.metrics_url is None else endings_in(exposition_at(self.metrics_url))

    def series(self) -> list[Series]:
        kind = Kind.REPORT if self.metrics_url is None else Kind.GROWTH
        told = [
            self._series("memory", "KiB", kind, (2048, 0.03), self._memory_kib),
            self._series("open files", "", kind, (3, 0), self._files),
            self._series("threads", "", kind, (1, 0), lambda reading: reading.threads),
        ]
        if self.metrics_url is not None:
            told.append(self._series("Python objects", "blocks", kind, (1000, 0.005), blocks))
            told += list(self._rates())
        return told

    def _memory_kib(self, reading: Reading) -> float:
        return reading.memory_kib - REMEMBERED_KIB * remembered(reading)

    def _files(self, reading: Reading) -> float:
        return reading.files - self.files_a_call * reading.totals.get("calls_live", 0)

    def _series(
        self, what: str, unit: str, kind: Kind, most: tuple[float, float], figure: Callable[[Reading], float]
    ) -> Series:
        at_s = tuple(reading.at_s for reading in self.readings)
        values = tuple(figure(reading) for reading in self.readings)
        return Series(self.name, what, unit, kind, *most, at_s, values)

    def _rates(self) -> Iterator[Series]:
        """Between one reading and the next."""
        for what, unit, most, of, scale in RATES:
            points = [
                (later.at_s, scale * spent / base)
                for earlier, later in pairwise(self.readings)
                if (base := later.totals[of[1]] - earlier.totals[of[1]]) > 0
                for spent in [later.totals[of[0]] - earlier.totals[of[0]]]
            ]
            at_s, values = tuple(at for at, _ in points), tuple(value for _, value in points)
            yield Series(self.name, what, unit, Kind.TIME, most, 0, at_s, values)


RATES: Final = (
    ("frames over 5 ms late", "%", 0.5, ("pacer_late_ticks_total", "pacer_ticks_total"), 100.0),
    ("frames later than they are long", "%", 0.2, ("pacer_missed_ticks_total", "pacer_ticks_total"), 100.0),
    ("frames left out", "%", 0.2, ("pacer_skipped_ticks_total", "pacer_ticks_total"), 100.0),
    ("frames late only when encoded", "%", 0.2, ("pacer_encoded_late_total", "pacer_ticks_total"), 100.0),
    ("PCM's wait for Python", "ms", 2.0, ("pcm_wait_seconds_total", "pcm_chunks_total"), 1000.0),
)
"""What, its unit, growth that is none, the total of it and that of which it is a part, and the scale."""


def blocks(reading: Reading) -> float:
    return reading.totals["python_blocks"] - REMEMBERED_BLOCKS * remembered(reading)


def remembered(reading: Reading) -> float:
    return min(MOST_REMEMBERED, reading.totals.get("calls_ended_total", 0.0))


TOLD: Final = ("calls_live", "calls_ended_total", "python_blocks", *{name for rate in RATES for name in rate[3]})


def totals_at(url: str) -> dict[str, float]:
    exposition = exposition_at(url)
    return {name: sum_of(f"{PREFIX}_{name}", exposition) for name in TOLD}


def endings_in(exposition: str) -> str:
    rows = [line.split('"') for line in exposition.splitlines() if line.startswith(f"{ENDED}{{")]
    counts = {reason: float(rest.split()[-1]) for _, reason, rest in rows}
    return ", ".join(f"{count:.0f} {reason}" for reason, count in counts.items() if count)


def exposition_at(url: str) -> str:
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        return str(answer.read().decode())
