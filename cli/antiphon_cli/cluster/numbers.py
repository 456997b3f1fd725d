"""A pod's own figures, from its Prometheus exposition. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

_SAMPLE = re.compile(r"^(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>[^}]*)\})? (?P<value>\S+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Sample:
    name: str
    labels: dict[str, str]
    value: float


@dataclass(frozen=True)
class PodNumbers:
    """What is None is not said by pods of that part."""

    calls: int | None = None
    capacity: int | None = None
    free: int | None = None
    is_draining: bool = False
    flows: int | None = None
    packets: int | None = None
    """Forwarded since the relay began."""
    drops: tuple[tuple[str, int], ...] = ()
    """By reason, most first."""

    @classmethod
    def read(cls, exposition: str) -> Self:
        samples = [sample for line in exposition.splitlines() if (sample := _sample(line)) is not None]
        drops = {
            sample.labels.get("reason", ""): int(sample.value)
            for sample in samples
            if sample.name == "antiphon_relay_dropped_packets_total" and sample.value > 0
        }
        return cls(
            calls=_sum(samples, "antiphon_transceiver_calls_live"),
            capacity=_sum(samples, "antiphon_transceiver_calls_capacity"),
            free=_sum(samples, "antiphon_transceiver_calls_free"),
            is_draining=bool(_sum(samples, "antiphon_transceiver_draining")),
            flows=_sum(samples, "antiphon_relay_flows"),
            packets=_sum(samples, "antiphon_relay_forwarded_packets_total"),
            drops=tuple(sorted(drops.items(), key=lambda drop: -drop[1])),
        )


def _sample(line: str) -> Sample | None:
    found = _SAMPLE.match(line)
    if found is None:
        return None
    try:
        return Sample(found["name"], dict(_LABEL.findall(found["labels"] or "")), float(found["value"]))
    except ValueError:
        return None


def _sum(samples: list[Sample], name: str) -> int | None:
    values = [sample.value for sample in samples if sample.name == name]
    return int(sum(values)) if values else None
