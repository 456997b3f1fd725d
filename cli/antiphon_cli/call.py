"""`antiphon call`: a real WebRTC call from the terminal, told stage by stage."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import cast

from antiphon_cli.voice.caller import CallPlan, place_call, place_calls
from antiphon_cli.voice.exchange import ExchangeError, calls_url
from antiphon_cli.voice.question import QuestionError, read_question
from antiphon_cli.voice.report import CallReport, Outcome, closing_lines, progress_lines

HELLO = Path(__file__).with_name("hello.wav")
BAD_USAGE = 2


@dataclass(frozen=True)
class CallRequest:
    url: str
    wav: Path | None
    record: Path | None
    model: str | None
    timeout_s: float
    keep_alive_s: float
    calls: int
    as_json: bool
    insecure: bool


class RecordError(Exception):
    """The answer could not be saved where it is wanted; the message is one sentence."""


def call(request: CallRequest) -> int:
    """Places the calls, prints what came of them; the exit code is the first failure's stage."""
    try:
        plans = _plans(request)
    except (QuestionError, ExchangeError, RecordError) as error:
        print(f"antiphon: {error}", file=sys.stderr)
        return BAD_USAGE
    if not request.as_json:
        question = plans[0].question
        print(f"calling {calls_url(request.url)}, saying {question.duration_s:.1f} s", file=sys.stderr, flush=True)
    try:
        reports = asyncio.run(_place_until_interrupted(plans, as_json=request.as_json))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    failed = [report.outcome for report in reports if report.outcome is not Outcome.OK]
    return failed[0].value if failed else 0


def _plans(request: CallRequest) -> list[CallPlan]:
    calls_url(request.url)
    if request.record is not None:
        _check_folder(request.record)
    question = read_question(request.wav or HELLO)
    return [
        CallPlan(
            url=request.url,
            question=question,
            model=request.model,
            record=_record(request, number),
            timeout_s=request.timeout_s,
            keep_alive_s=request.keep_alive_s,
            insecure=request.insecure,
        )
        for number in range(request.calls)
    ]


def _check_folder(record: Path) -> None:
    """Before the call, not after it."""
    folder = record.parent
    if not folder.is_dir():
        raise RecordError(f"--record {record}: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise RecordError(f"--record {record}: nothing can be written in {folder}")


def _record(request: CallRequest, number: int) -> Path | None:
    """answer.wav, or answer-0.wav, answer-1.wav … for several calls."""
    path = request.record
    return path if path is None or request.calls == 1 else path.with_stem(f"{path.stem}-{number}")


async def _place_until_interrupted(plans: list[CallPlan], *, as_json: bool) -> list[CallReport]:
    """Those that are kept alive end with their next answers at the first SIGINT."""
    if all(plan.keep_alive_s == 0 for plan in plans):
        return await _place(plans, as_json=as_json)
    with _interrupted() as interrupted:
        return await _place([replace(plan, enough=interrupted.is_set) for plan in plans], as_json=as_json)


@contextmanager
def _interrupted() -> Iterator[asyncio.Event]:
    """Set by the first SIGINT; the next one cancels the task.

    Not left to what SIGINT did before, which is nothing in a script's background job.
    """
    loop, interrupted = asyncio.get_running_loop(), asyncio.Event()
    task = cast("asyncio.Task[object]", asyncio.current_task())
    before = signal.getsignal(signal.SIGINT)

    def interrupt() -> None:
        if interrupted.is_set():
            task.cancel()
            return
        interrupted.set()
        told = "antiphon: each call ends with its next answer; Ctrl-C again hangs up at once, without a report"
        print(told, file=sys.stderr, flush=True)

    loop.add_signal_handler(signal.SIGINT, interrupt)
    try:
        yield interrupted
    finally:
        # The loop itself would leave Python's default, which interrupts whichever call happens to run.
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, before)


async def _place(plans: list[CallPlan], *, as_json: bool) -> list[CallReport]:
    """All at once. People are told each stage of one call, or each of several calls, as it comes."""
    if as_json:
        reports = await place_calls(plans)
        documents = [report.document() for report in reports]
        _say([json.dumps(documents[0] if len(documents) == 1 else documents, indent=1)])
        return reports
    if len(plans) == 1:
        return [await _place_one(plans[0])]
    reports = list(await asyncio.gather(*(_place_numbered(number, plan) for number, plan in enumerate(plans))))
    _say([_summary(reports)])
    return reports


async def _place_one(plan: CallPlan) -> CallReport:
    told = 0

    def progress(report: CallReport) -> None:
        nonlocal told
        said = progress_lines(report)
        _say(said[told:])
        told = len(said)

    report = await place_call(plan, progress)
    progress(report)
    _say(closing_lines(report))
    return report


async def _place_numbered(number: int, plan: CallPlan) -> CallReport:
    report = await place_call(plan)
    _say([_one_line(number, report)])
    return report


def _say(said: list[str]) -> None:
    for line in said:
        print(line, flush=True)


def _one_line(number: int, report: CallReport) -> str:
    if report.outcome is not Outcome.OK:
        return f"call {number:<3} × {report.outcome.stage}: {report.failure}"
    delay_ms = median(turn.delay_ms for turn in report.turns)
    quality = report.quality
    return (
        f"call {number:<3} set-up {report.setup.total_ms or 0:5.0f} ms   answer after {delay_ms:5.0f} ms   "
        f"loss {quality.lost_on_the_way_down:.1%}   jitter {quality.jitter_ms:.1f} ms"
    )


def _summary(reports: list[CallReport]) -> str:
    good = [report for report in reports if report.outcome is Outcome.OK]
    said = f"{len(good)} of {len(reports)} calls ok"
    setups = [report.setup.total_ms for report in good if report.setup.total_ms is not None]
    return f"{said}, set-up median {median(setups):.0f} ms, longest {max(setups):.0f} ms" if setups else said
