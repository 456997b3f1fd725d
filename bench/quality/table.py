"""Rows of figures to Markdown and JSON. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import mean

from bench.quality.measures import Measures


@dataclass(frozen=True)
class Row:
    condition: str
    receiver: str
    trace: int
    lost_ms: float
    """Speech in packets of which no copy came."""
    measures: Measures


LEAST_FOUND = 0.5
"""With less of the speech found again, a delay says nothing."""

Cell = Callable[[Sequence[Row]], str]


def estoi_of(rows: Sequence[Row]) -> str:
    return f"{mean(row.measures.estoi for row in rows):.3f}"


def delay_of(rows: Sequence[Row]) -> str:
    """Median, and that of the last second: what a receiver has got used to."""
    median, last = _mean(rows, lambda each: each.median_ms), _mean(rows, lambda each: each.last_ms)
    lost_track = any(row.measures.found < LEAST_FOUND for row in rows)
    return "–" if lost_track or median is None or last is None else f"{median:.0f} ({last:.0f})"


def unlike_of(rows: Sequence[Row]) -> str:
    missing, recovered = _mean(rows, lambda each: each.not_as_said_ms), _mean(rows, lambda each: each.recovered_ms)
    return "–" if missing is None else f"{missing:.0f}" + (f" ({recovered:.0f})" if recovered else "")


def wait_of(rows: Sequence[Row]) -> str:
    return f"{max(row.measures.longest_wait_ms for row in rows):.0f}"


TABLES: dict[str, Cell] = {
    "ESTOI, mean of the traces (1: as if nothing had happened to the packets)": estoi_of,
    "Delay from packet to sound, ms: median second (last second); the network's is in it": delay_of,
    "Speech left out or made up, ms (lost or late, and there by what other packets repeat)": unlike_of,
    "Longest time in which no sound was handed on, ms": wait_of,
}


def tables_of(rows: Sequence[Row]) -> str:
    return "\n\n".join(f"{title}\n\n{_table(rows, cell)}" for title, cell in TABLES.items())


def document_of(rows: Sequence[Row]) -> list[dict[str, object]]:
    return [_flat(row) for row in rows]


def _flat(row: Row) -> dict[str, object]:
    figures = {name: round(value, 4) for name, value in asdict(row.measures).items() if value is not None}
    place = {"condition": row.condition, "receiver": row.receiver, "trace": row.trace}
    return {**place, "lost_ms": row.lost_ms, **figures}


def _table(rows: Sequence[Row], cell: Cell) -> str:
    receivers = list(dict.fromkeys(row.receiver for row in rows))
    lines = [f"| | lost, ms | {' | '.join(receivers)} |", "|---" * (2 + len(receivers)) + "|"]
    for condition in dict.fromkeys(row.condition for row in rows):
        ours = [row for row in rows if row.condition == condition]
        cells = [cell(some) if (some := [row for row in ours if row.receiver == name]) else "" for name in receivers]
        lines.append(f"| {condition} | {mean(row.lost_ms for row in ours):.0f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _mean(rows: Sequence[Row], figure: Callable[[Measures], float | None]) -> float | None:
    values = [value for row in rows if (value := figure(row.measures)) is not None]
    return mean(values) if values else None
