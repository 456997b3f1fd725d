"""Writes the chart's values into a page: `values_table.py VALUES PAGE TARGET`, between the page's two marks.

The comment above a value is its description, so that `helm show values` and the page say the same.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BEGIN = "<!-- values: made by scripts/render -->"
END = "<!-- end of values -->"
KEY = re.compile(r"^(?P<indent> *)(?P<name>[A-Za-z]\w*):(?: (?P<value>.+))?$")


@dataclass(frozen=True)
class Value:
    path: str
    default: str
    description: str


def values(text: str) -> Iterator[Value]:
    """Every value with a comment above it; a mapping that goes on below has no default of its own."""
    parents: list[str] = []
    comment: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            comment.append(line.strip().removeprefix("#").strip())
        elif found := KEY.match(line):
            depth = len(found["indent"]) // 2
            parents[depth:] = [found["name"]]
            if comment:
                yield Value(".".join(parents), found["value"] or "", " ".join(comment))
            comment = []
        else:
            comment = []


def table(text: str) -> str:
    rows = ["| value | default | |", "|---|---|---|"]
    for value in values(text):
        default = f"`{value.default}`" if value.default else "see `values.yaml`"
        rows.append(f"| `{value.path}` | {default} | {value.description} |")
    return "\n".join(rows)


def main(source: Path, page: Path, target: Path) -> None:
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{page} lacks the marks {BEGIN} and {END}")
    target.write_text(f"{before}{BEGIN}\n\n{table(source.read_text())}\n\n{END}{after}")


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:4]))
