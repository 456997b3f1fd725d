"""One row a pod, of a table that people read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from antiphon_cli.cluster.numbers import PodNumbers
from antiphon_cli.cluster.own_kinds import Block, TransceiverPool
from antiphon_cli.cluster.reading import Known, NotReadError, Refused
from antiphon_cli.cluster.snapshot import Fleet
from antiphon_cli.cluster.words import lasting
from antiphon_cli.cluster.workloads import Pod


@dataclass(frozen=True)
class PodRow:
    name: str
    node: str
    state: str
    """ready, starting, draining, not ready or ended."""
    routes: int | None
    numbers: PodNumbers | None
    """None: it was not asked, or did not answer."""
    deadline_in_s: float | None
    trouble: str | None

    @property
    def is_plain(self) -> bool:
        """It serves and nothing is to be said of it."""
        return self.state == "ready" and self.trouble is None

    def text(self) -> str:
        parts = [self.name, self.state]
        if self.routes is not None:
            parts.append(f"routes {self.routes:#010x}")
        parts += [self.node] if self.node else []
        parts += _figures(self.numbers) if self.numbers else []
        if self.deadline_in_s is not None:
            parts.append(f"deadline in {lasting(self.deadline_in_s)}" if self.deadline_in_s > 0 else "deadline is over")
        parts += [self.trouble] if self.trouble else []
        return "   ".join(parts)

    def document(self) -> dict[str, object]:
        numbers = self.numbers or PodNumbers()
        return {
            "name": self.name,
            "node": self.node or None,
            "state": self.state,
            "routes": self.routes,
            "calls": numbers.calls,
            "capacity": numbers.capacity,
            "free": numbers.free,
            "flows": numbers.flows,
            "dropped": dict(numbers.drops),
            "deadline_in_s": self.deadline_in_s,
            "trouble": self.trouble,
        }


def relay_rows(fleet: Fleet) -> tuple[PodRow, ...]:
    return _ordered(_row(fleet, pod, None) for pod in fleet.relay_pods)


def transceiver_rows(fleet: Fleet, pool: TransceiverPool) -> tuple[PodRow, ...]:
    try:
        blocks: Mapping[str, Block] = {block.pod: block for table in fleet.tables for block in table.blocks}
    except NotReadError:
        blocks = {}
    return _ordered(_row(fleet, pod, blocks.get(pod.name.name)) for pod in fleet.pods_of(pool))


def _row(fleet: Fleet, pod: Pod, block: Block | None) -> PodRow:
    answer = fleet.snapshot.numbers.get(pod.name)
    numbers = answer.value if isinstance(answer, Known) else None
    return PodRow(
        name=pod.name.name,
        node=pod.node,
        state=_state(pod, block, numbers),
        routes=block.first if block else pod.routes,
        numbers=numbers,
        deadline_in_s=None if pod.deadline is None else pod.deadline - fleet.snapshot.at,
        trouble="its own figures cannot be read" if isinstance(answer, Refused) else pod.trouble,
    )


def _state(pod: Pod, block: Block | None, numbers: PodNumbers | None) -> str:
    if pod.has_ended:
        return "ended"
    if pod.deadline is not None or (numbers and numbers.is_draining) or (block and block.state == "Draining"):
        return "draining"
    if pod.ready:
        return "ready"
    return "starting" if pod.phase == "Pending" and pod.trouble is None else "not ready"


def _figures(numbers: PodNumbers) -> list[str]:
    said = []
    if numbers.calls is not None:
        said.append(f"{numbers.calls}/{numbers.capacity if numbers.capacity is not None else '?'} calls")
    if numbers.flows is not None:
        said.append(f"flows {numbers.flows}")
    if numbers.packets is not None:
        said.append(_dropped(numbers.packets, numbers.drops))
    return said


def _dropped(forwarded: int, drops: tuple[tuple[str, int], ...]) -> str:
    dropped = sum(count for _, count in drops)
    share = dropped / (forwarded + dropped) if dropped else 0.0
    most = f" (most: {drops[0][0]})" if drops else ""
    return f"forwarded {forwarded:,}, dropped {share:.2%}{most}"


def _ordered(rows: Iterable[PodRow]) -> tuple[PodRow, ...]:
    """What is not plain first, so that a long list's end can be left out."""
    return tuple(sorted(rows, key=lambda row: (row.is_plain, row.name)))
