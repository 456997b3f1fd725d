"""The README's rows. Pure."""

from collections.abc import Sequence
from typing import Final

from bench.transceiver.goals import largest_size
from bench.transceiver.sample import Absent
from bench.transceiver.table import NONE, Place, Row, of_spread

COMMAND: Final = "`.venv/bin/python bench/transceiver/run.py`"
PEERS: Final = {"str0m": "str0m", "pion": "pion", "aiortc": "stock aiortc"}


def readme_rows(rows: Sequence[Row | Absent], share: float) -> list[str]:
    held = [row for row in rows if isinstance(row, Row) and row.failure is None]
    costs = [_cost(held, "echo", "echo"), _cost(held, "mirror", "realtime"), _peers(held)]
    return [
        _row(
            "a call in the transceiver, CPU-seconds a minute, decoding and encoding speech both ways without a pause; "
            "beside servers that do the same in the same run",
            "; ".join(costs),
        ),
        _row(f"from a caller's packet to the agent, p50 / p99, at {100 * share:.0f} % load", _delay(held)),
    ]


def _row(what: str, figure: str) -> str:
    return f"| {what} | {figure} | {COMMAND} |"


def _cost(held: list[Row], key: str, name: str) -> str:
    row = largest_size(held, key)
    if row is None:
        return f"{name} {NONE}"
    return f"{name} **{row.sample.costs.server:.2f}**, {row.of_libopus:.2f} × libopus alone ({row.sample.calls} calls)"


def _peers(held: list[Row]) -> str:
    """With as many calls as ours, where they held so many."""
    ours = largest_size(held, "echo")
    known = [(name, row.sample) for key, name in PEERS.items() if (row := _beside(held, ours, key)) is not None]
    return ", ".join(f"{name} {sample.costs.server:.2f} ({sample.calls})" for name, sample in known) or NONE


def _beside(held: list[Row], ours: Row | None, key: str) -> Row | None:
    same = (row for row in held if row.key == key and ours is not None and row.sample.calls == ours.sample.calls)
    return next(same, None) or largest_size(held, key)


def _delay(held: list[Row]) -> str:
    row = next((row for row in held if row.key == "mirror" and row.place is Place.SHARE), None)
    if row is None:
        return NONE
    delays = row.sample.delays
    return f"**{of_spread(delays.handed_on)} ms**; with the rest of its chunk of 40 ms {of_spread(delays.uplink)} ms"
