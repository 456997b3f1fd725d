"""What was measured so far, and the rows to tell of it. Pure."""

from dataclasses import dataclass, field
from typing import Final

from bench.transceiver.floor import Floor
from bench.transceiver.sample import Absent, Failure, Sample, failure_of, middle
from bench.transceiver.search import Search
from bench.transceiver.table import Place, Row

HICCUPS: Final = (Failure.GENERATOR_LATE, Failure.JITTER, Failure.LOST_UP, Failure.LOST_DOWN)


@dataclass
class ServerResults:
    """Of one server, by number of calls; of several rounds the median counts."""

    key: str
    floor: Floor
    """For the speech of its calls."""
    most_jitter_ms: float
    samples: dict[int, list[Sample]] = field(default_factory=dict)
    absent: dict[int, Absent] = field(default_factory=dict)
    at_share: Sample | Absent | None = None
    """At a share of the highest number that held."""

    def add(self, result: Sample | Absent) -> None:
        if isinstance(result, Absent):
            self.absent[result.calls] = result
        else:
            self.samples.setdefault(result.calls, []).append(result)

    def holds(self, sample: Sample) -> bool:
        return failure_of(sample, self.most_jitter_ms) is None

    def may_be_a_hiccup(self, sample: Sample) -> bool:
        """What a moment of the machine's own can do."""
        return failure_of(sample, self.most_jitter_ms) in HICCUPS

    def failure(self, calls: int) -> Failure | None:
        """Why so many calls, which were tried, did not hold; None: they did."""
        if calls in self.absent:
            return self.absent[calls].failure
        return failure_of(middle(self.samples[calls]), self.most_jitter_ms)

    def lowest_failed(self) -> int | None:
        return min((calls for calls in {*self.samples, *self.absent} if self.failure(calls) is not None), default=None)

    def largest(self) -> Sample | None:
        """With most calls, of those numbers that held; else of all."""
        held = [calls for calls in self.samples if self.failure(calls) is None] or list(self.samples)
        return middle(self.samples[max(held)]) if held else None

    def search(self, *, most: int, tries: int) -> Search:
        """From what the sizes have shown."""
        failed = self.lowest_failed()
        held = (calls for calls in self.samples if failed is None or calls < failed)
        return Search(max(held, default=0), failed, most, tries)

    def rows(self, sizes: list[int], search: Search | None) -> list[Row | Absent]:
        """Of the sizes that were asked for, of the share, and of the highest number that held."""
        highest = search.held if search is not None else 0
        told = [
            self._row(calls, search) for calls in sorted({*sizes, highest}) if calls in {*self.samples, *self.absent}
        ]
        if isinstance(self.at_share, Sample):
            told.append(self._row_of(self.at_share, Place.SHARE))
        elif self.at_share is not None:
            told.append(self.at_share)
        return told

    def _row(self, calls: int, search: Search | None) -> Row | Absent:
        if calls in self.absent:
            return self.absent[calls]
        place = Place.SIZE
        if search is not None and search.held == calls:
            place = Place.AT_LEAST if search.ended_open else Place.HIGHEST
        return self._row_of(middle(self.samples[calls]), place)

    def _row_of(self, sample: Sample, place: Place) -> Row:
        return Row(self.key, sample, failure_of(sample, self.most_jitter_ms), place, self.floor)
