"""The report: Markdown tables, and the same as JSON. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from bench.transceiver.floor import Floor
from bench.transceiver.sample import Absent, Failure, Sample
from bench.transceiver.speech import Script
from bench.transceiver.timing import Spread

NONE: Final = "–"


class Place(StrEnum):
    """Why so many calls were measured."""

    SIZE = "size"
    """Asked for."""
    HIGHEST = "highest"
    """The most that held."""
    AT_LEAST = "at least"
    """The most that were tried; more may hold."""
    SHARE = "share"
    """A share of the most that held."""


@dataclass(frozen=True)
class Row:
    key: str
    """The server's."""
    sample: Sample
    failure: Failure | None
    place: Place
    floor: Floor

    @property
    def calls(self) -> str:
        number = f"{self.sample.delivery.connected}"
        if self.sample.delivery.connected < self.sample.calls:
            number += f" of {self.sample.calls}"
        match self.place:
            case Place.HIGHEST:
                return f"{number} (most)"
            case Place.AT_LEAST:
                return f"≥ {number} (most)"
            case Place.SHARE:
                return f"{number} (share)"
            case Place.SIZE:
                return number

    @property
    def of_libopus(self) -> float:
        """What the server costs, against libopus alone for the same work."""
        return self.sample.costs.server / self.floor.of(self.sample.delivery.packets_down)

    @property
    def calls_a_core(self) -> float | None:
        cost = self.sample.costs.server
        return 60 / cost if cost else None


def table_of(rows: Sequence[Row | Absent]) -> str:
    columns: dict[str, Callable[[Row], str]] = {
        "server": lambda row: row.sample.server,
        "calls": lambda row: row.calls,
        "CPU-s/call-min": lambda row: f"{row.sample.costs.server:.3f}",
        "× libopus": lambda row: f"{row.of_libopus:.2f}",
        "calls/core": lambda row: NONE if row.calls_a_core is None else f"{row.calls_a_core:.0f}",
        "jitter ms": lambda row: of_spread(row.sample.delays.jitter),
        "bare timer ms": lambda row: of_spread(row.sample.delays.timer),
        "uplink ms": lambda row: of_spread(row.sample.delays.uplink),
        "handed on ms": lambda row: of_spread(row.sample.delays.handed_on),
        "round trip ms": lambda row: of_spread(row.sample.delays.round_trip),
        "lost up": lambda row: of_share(row.sample.delivery.lost_up),
        "lost down": lambda row: of_share(row.sample.delivery.lost_down),
        "KiB/call": lambda row: f"{row.sample.costs.pss_kib_per_call:.0f}",
        "beside": lambda row: by_name(row.sample.costs.beside),
        "generator": lambda row: f"{row.sample.costs.generator:.3f}, late {of_spread(row.sample.delays.generator)} ms",
        "holds": lambda row: "yes" if row.failure is None else f"no: {row.failure}",
    }
    body = [
        absent_cells(row, len(columns)) if isinstance(row, Absent) else [cell(row) for cell in columns.values()]
        for row in rows
    ]
    return markdown(list(columns), body)


def markdown(columns: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    return "\n".join(lines + [f"| {' | '.join(cells)} |" for cells in body])


def absent_cells(row: Absent, width: int) -> list[str]:
    return [row.server, str(row.calls), *[NONE] * (width - 3), f"no: {row.failure}"]


def by_name(costs: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {cost:.3f}" for name, cost in costs.items()) or NONE


def of_spread(spread: Spread | None) -> str:
    return NONE if spread is None else f"{spread.p50:.2f} / {spread.p99:.2f}"


def of_share(share: float | None) -> str:
    return NONE if share is None else f"{share:.2%}"


def document_of(rows: Sequence[Row | Absent], floors: Mapping[Script, Floor], about: dict[str, Any]) -> dict[str, Any]:
    alone = {script.value: asdict(floor) for script, floor in floors.items()}
    return {**about, "libopus_alone": alone, "rows": [asdict(row) for row in rows]}
