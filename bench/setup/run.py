"""Call set-up by stage: `antiphon up` with its example agent, and `antiphon call`'s client, one call after the other.

Everything runs on this one machine over loopback, so the figures are the cost of the software alone: no network
round trip is in them.
Prints a table and one line of JSON. ANTIPHON_BENCH_SECONDS bounds the time (default 60).
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Final

ROOT: Final = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from antiphon_cli.voice.caller import CallPlan, place_call
from antiphon_cli.voice.question import read_question
from antiphon_cli.voice.report import CallReport, Outcome
from product import running

STAGES: dict[str, Callable[[CallReport], float | None]] = {
    "HTTP (offer to answer)": lambda report: report.setup.http_ms,
    "ICE (first STUN to its answer)": lambda report: report.setup.ice_ms,
    "DTLS": lambda report: report.setup.dtls_ms,
    "first audio sent": lambda report: report.setup.first_audio_out_ms,
    "set-up, all stages": lambda report: report.setup.total_ms,
}
HELLO = ROOT / "cli" / "antiphon_cli" / "hello.wav"


async def measure(seconds: float) -> list[CallReport]:
    reports: list[CallReport] = []
    with tempfile.TemporaryDirectory() as state:
        async with running(Path(state)) as product:
            loop = asyncio.get_running_loop()
            end = loop.time() + seconds
            while loop.time() < end or not reports:
                reports.append(await place_call(CallPlan(product.url, read_question(HELLO))))
                print(f"\r{len(reports)} calls", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return reports


def main() -> None:
    reports = asyncio.run(measure(float(os.environ.get("ANTIPHON_BENCH_SECONDS", "60"))))
    good = [report for report in reports if report.outcome is Outcome.OK]
    if not good:
        sys.exit(f"no call succeeded: {reports[0].failure}")
    rows = {stage: [value for report in good if (value := read(report)) is not None] for stage, read in STAGES.items()}
    print(f"{len(good)} of {len(reports)} calls, {os.cpu_count()} CPUs\n")
    print("| stage | p50 ms | p95 ms |\n|---|---|---|")
    for stage, values in rows.items():
        p95 = quantiles(values, n=20)[-1] if len(values) > 1 else values[0]
        print(f"| {stage} | {median(values):.1f} | {p95:.1f} |")
    print(json.dumps({"calls": len(good), "failed": len(reports) - len(good), "ms": rows}))


if __name__ == "__main__":
    main()
