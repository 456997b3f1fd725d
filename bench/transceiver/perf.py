"""Where a process spends its time, by Linux' `perf`, where the machine has it and lets it be used."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

FREQUENCY_HZ: Final = 499
LEAST_PERCENT: Final = 2.0
MOST_LINES: Final = 12
PATIENCE_S: Final = 60.0


def hottest(pid: int, seconds: float, folder: Path) -> list[str]:
    """`share thread function`, the hottest first; empty where perf is missing or refused."""
    if shutil.which("perf") is None:
        return []
    data = str(folder / "perf.data")
    record = ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(FREQUENCY_HZ), "-p", str(pid), "-o", data]
    report = ["perf", "report", "-i", data, "--stdio", "-q", "--sort", "comm,symbol"]
    report += ["--percent-limit", str(LEAST_PERCENT)]
    try:
        _run([*record, "--", "sleep", f"{seconds:g}"], seconds)
        lines = _run(report, 0.0).splitlines()
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return []
    return lines_of(lines)


def lines_of(report: list[str]) -> list[str]:
    # "  12.3%  antiphon-codec  [.] celt_encode  -  -": the last columns are of processors that count branches.
    return [" ".join(line.replace(" - ", " ").split()).rstrip(" -") for line in report if line.strip()][:MOST_LINES]


def _run(command: list[str], seconds: float) -> str:
    ran = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + PATIENCE_S)
    return ran.stdout
