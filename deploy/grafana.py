"""Makes Grafana's dashboards from tables of panels: `grafana.py SOURCE_DIRECTORY TARGET_DIRECTORY`.

A panel is a title, an expression and a unit; all the rest of Grafana's JSON is the same for every panel, and lies here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import yaml

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

COLUMNS = 24
STAT_HEIGHT = 4
GRAPH_HEIGHT = 8
FLEET = 'namespace=~"$namespace",voicerelay=~"$voicerelay"'
# Refusals that a caller could not have avoided.
OUR_FAULTS = "backend_unreachable|draining|no_capacity|no_transceiver|signaling_failed|transceiver_failed"
# The longer word first: one is part of no other.
WORDS = {"$our_faults": OUR_FAULTS, "{$fleet": f"{{{FLEET}", "{$pool": f'{{{FLEET},pool=~"$pool"'}
SOURCE: dict[str, Json] = {"type": "prometheus", "uid": "$datasource"}


@dataclass(frozen=True)
class Panel:
    title: str
    expr: str
    unit: str
    is_stat: bool
    legend: str
    is_logarithmic: bool

    @classmethod
    def read(cls, entry: dict[str, str]) -> Panel:
        expr = entry["expr"]
        for word, meaning in WORDS.items():
            expr = expr.replace(word, meaning)
        return cls(
            title=entry["title"],
            expr=expr,
            unit=entry.get("stat") or entry["unit"],
            is_stat="stat" in entry,
            legend=entry.get("legend", ""),
            is_logarithmic=bool(entry.get("log")),
        )

    def document(self, number: int, place: dict[str, Json]) -> dict[str, Json]:
        custom: dict[str, Json] = {"fillOpacity": 10, "showPoints": "never"}
        if self.is_logarithmic:
            custom["scaleDistribution"] = {"type": "log", "log": 10}
        defaults: dict[str, Json] = {"unit": self.unit, "min": 0}
        if not self.is_stat:
            defaults["custom"] = custom
        return {
            "id": number,
            "type": "stat" if self.is_stat else "timeseries",
            "title": self.title,
            "datasource": SOURCE,
            "gridPos": place,
            "fieldConfig": {"defaults": defaults, "overrides": []},
            "targets": [{"refId": "A", "datasource": SOURCE, "expr": self.expr, "legendFormat": self.legend}],
        }


def dashboard(source: Path) -> dict[str, Json]:
    table = yaml.safe_load(source.read_text())
    rows = [[Panel.read(entry) for entry in row] for row in table["rows"]]
    return {
        "uid": table["uid"],
        "title": table["title"],
        "tags": ["antiphon"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": list(variables())},
        "panels": list(placed(rows)),
    }


def placed(rows: list[list[Panel]]) -> Iterator[Json]:
    """Rows from the top, the panels of one share its width."""
    number = top = 0
    for row in rows:
        height = STAT_HEIGHT if row[0].is_stat else GRAPH_HEIGHT
        for column, panel in enumerate(row):
            number += 1
            left = COLUMNS * column // len(row)
            width = COLUMNS * (column + 1) // len(row) - left
            yield panel.document(number, {"x": left, "y": top, "w": width, "h": height})
        top += height


def variables() -> Iterator[Json]:
    yield {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
    for name, labels in (
        ("namespace", "antiphon_relay_flows, namespace"),
        ("voicerelay", 'antiphon_relay_flows{namespace=~"$namespace"}, voicerelay'),
        ("pool", f"antiphon_transceiver_calls_live{{{FLEET}}}, pool"),
    ):
        yield {
            "name": name,
            "label": name,
            "type": "query",
            "datasource": SOURCE,
            "query": {"query": f"label_values({labels})", "refId": name},
            "refresh": 2,
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": {"text": ["All"], "value": ["$__all"]},
        }


def main(sources: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for source in sorted(sources.glob("*.yaml")):
        text = json.dumps(dashboard(source), indent=1, ensure_ascii=False)
        (target / f"{source.stem}.json").write_text(text + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
