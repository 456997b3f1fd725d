"""What must not grow in a soak, how much of it is no growth, and the sentences that say so. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bench.transceiver.table import NONE, markdown
from bench.transceiver.trend import Trend, trend

MOST_REMEMBERED: Final = 1000
"""Calls that ended and that a transceiver still tells of."""
REMEMBERED_KIB: Final = 4
REMEMBERED_BLOCKS: Final = 70
"""What one of them costs, generously."""


class Kind(StrEnum):
    GROWTH = "growth"
    """Of memory and the like."""
    DRIFT = "drift"
    """Of the playout's clock."""
    TIME = "time"
    """How well the time is kept: on a machine with other work that is not the transceiver's alone."""
    REPORT = "report"
    """Told, never judged."""


@dataclass(frozen=True)
class Series:
    """One figure of one process or call, over time."""

    of: str
    what: str
    unit: str
    kind: Kind
    most: float
    """Growth that is none, …"""
    most_share: float
    """… or so much of what was there at the beginning, …"""
    at_s: tuple[float, ...]
    values: tuple[float, ...]
    most_per_s: float = 0.0
    """… or so much a second, of what is counted from the beginning and never becomes less; whichever is most."""

    def finding(self, settled_s: float) -> "Finding | None":
        """What came after so many seconds counts; None: too little did."""
        later = [(at, value) for at, value in zip(self.at_s, self.values, strict=True) if at >= settled_s]
        line = trend([at for at, _ in later], [value for _, value in later])
        if line is None:
            return None
        return Finding(self, line, max(self.most, self.most_share * abs(line.begin), self.most_per_s * line.seconds))


@dataclass(frozen=True)
class Finding:
    series: Series
    trend: Trend
    allowed: float

    @property
    def is_growth(self) -> bool:
        """A clock may not run either way; everything else may become less."""
        growth = self.trend.growth
        return (abs(growth) if self.series.kind is Kind.DRIFT else growth) > self.allowed

    @property
    def sentence(self) -> str:
        each, line = self.series, self.trend
        verb = "drifts" if each.kind is Kind.DRIFT else "grows"
        told = f"{each.what} of {each.of} {verb}: {line.begin:.5g} → {line.end:.5g} {each.unit}".strip()
        return f"{told} in {line.seconds / 60:.1f} minutes, {line.growth:+.3g} where {self.allowed:.3g} is allowed"


def findings_of(series: Sequence[Series], settled_s: float) -> list[Finding]:
    return [finding for each in series if (finding := each.finding(settled_s)) is not None]


def complaints(findings: Sequence[Finding], judged: Sequence[Kind]) -> list[str]:
    return [finding.sentence for finding in findings if finding.series.kind in judged and finding.is_growth]


def findings_table(findings: Sequence[Finding], judged: Sequence[Kind]) -> str:
    columns = ["of", "what", "at the beginning", "at the end", "change", "allowed", "holds"]
    return markdown(columns, list(_cells(findings, judged)))


def _cells(findings: Sequence[Finding], judged: Sequence[Kind]) -> Iterator[list[str]]:
    for each in findings:
        series, line = each.series, each.trend
        is_judged = series.kind in judged
        what = f"{series.what}, {series.unit}" if series.unit else series.what
        figures = [f"{line.begin:.5g}", f"{line.end:.5g}", f"{line.growth:+.3g}"]
        holds = ("**no**" if each.is_growth else "yes") if is_judged else NONE
        yield [series.of, what, *figures, f"{each.allowed:.3g}" if is_judged else NONE, holds]
