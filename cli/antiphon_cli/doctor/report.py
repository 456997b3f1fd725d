"""Findings told to people, or to programs. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from antiphon_cli.cluster.words import counted
from antiphon_cli.doctor.verdict import Finding, Level

PAGE = "docs/doctor.md"
WIDTH = 62


@dataclass(frozen=True)
class Marks:
    of: dict[Level, str]


UNICODE = Marks({Level.OK: "√", Level.WARNING: "‼", Level.FAILURE: "×", Level.SKIPPED: "-"})
ASCII = Marks({Level.OK: "ok", Level.WARNING: "!!", Level.FAILURE: "XX", Level.SKIPPED: "--"})


def marks_for(encoding: str | None) -> Marks:
    return UNICODE if (encoding or "").lower().replace("-", "") == "utf8" else ASCII


def lines(findings: Iterable[Finding], marks: Marks) -> Iterator[str]:
    """In the findings' order, as they come; skips with the same reason together."""
    for reason, together in groupby(findings, key=_skip_reason):
        if reason is None:
            for finding in together:
                yield from _finding_lines(finding, marks)
        else:
            yield _skip_line([finding.code for finding in together], reason, marks)


def summary(findings: Sequence[Finding]) -> str:
    levels = Counter(finding.verdict.level for finding in findings)
    said = [
        counted(len(findings), "check"),
        f"{levels[Level.FAILURE]} failed",
        counted(levels[Level.WARNING], "warning"),
    ]
    return ", ".join([*said, f"{levels[Level.SKIPPED]} skipped"])


def has_failed(findings: Iterable[Finding]) -> bool:
    return any(finding.verdict.level is Level.FAILURE for finding in findings)


def document(findings: Sequence[Finding]) -> dict[str, object]:
    """For `-o json`."""
    return {
        "ok": not has_failed(findings),
        "checks": [
            {
                "code": finding.code,
                "title": finding.title,
                "subject": finding.subject or None,
                "level": finding.verdict.level.value,
                "message": finding.verdict.said,
                "look": finding.verdict.look or None,
                "cure": finding.verdict.cure or None,
                "page": page(finding.code),
            }
            for finding in findings
        ],
    }


def page(code: str) -> str:
    return f"{PAGE}#{code.lower()}"


def _finding_lines(finding: Finding, marks: Marks) -> Iterator[str]:
    verdict = finding.verdict
    head = f"{marks.of[verdict.level]} {finding.code} {finding.title}"
    subject = f"   {finding.subject}" if finding.subject else ""
    if verdict.level is Level.OK:
        yield f"{head:<{WIDTH}}{subject}   {verdict.said}".rstrip()
        return
    yield f"{head:<{WIDTH}}{subject}".rstrip()
    yield f"    {verdict.said}"
    yield f"    Look: {verdict.look}"
    yield f"    Cure: {verdict.cure} ({page(finding.code)})"


def _skip_line(codes: list[str], reason: str, marks: Marks) -> str:
    named = codes[0] if len(codes) == 1 else f"{codes[0]} to {codes[-1]} ({len(codes)})"
    return f"{marks.of[Level.SKIPPED]} {named} skipped: {reason}"


def _skip_reason(finding: Finding) -> str | None:
    return finding.verdict.said if finding.verdict.level is Level.SKIPPED else None
