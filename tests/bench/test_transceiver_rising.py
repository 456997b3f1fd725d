"""bench/transceiver/rising.py: what it reads of a pod, and when it is content."""

import os
from dataclasses import replace

import pytest

from bench.transceiver.rising import Reading, tell

EXPOSITION = """\
antiphon_transceiver_calls_live 72.0
antiphon_transceiver_pacer_ticks_total 9990.0
antiphon_transceiver_pacer_skipped_ticks_total 10.0
antiphon_transceiver_pacer_late_ticks_total 30.0
antiphon_transceiver_pacer_missed_ticks_total 3.0
antiphon_transceiver_calls_ended_total{reason="hangup"} 7.0
antiphon_transceiver_calls_ended_total{reason="overload"} 1.0
antiphon_transceiver_admission_closed{sign="missed"} 0.0
antiphon_transceiver_admission_closed{sign="cpu"} 1.0
"""
BEGUN = Reading(at_s=0.0, cpu_s=0.0, live=0, frames=0, late=0, missed=0, ended=0, closed=None)
CLOSED = Reading(at_s=10.0, cpu_s=9.0, live=72, frames=10_000, late=500, missed=5, ended=0, closed="cpu")
AFTER = Reading(at_s=20.0, cpu_s=17.0, live=72, frames=20_000, late=600, missed=6, ended=0, closed="cpu")


def test_a_reading_is_what_the_pod_says() -> None:
    reading = Reading.of(os.getpid(), EXPOSITION)
    assert [reading.live, reading.frames, reading.late, reading.missed, reading.ended] == [72, 10_000, 30, 13, 1]
    assert reading.closed == "cpu"
    assert Reading.of(os.getpid(), EXPOSITION.replace("1.0\n", "0.0\n")).closed is None


def test_admission_that_closes_in_time_is_what_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    assert tell([BEGUN, CLOSED], AFTER) == 0
    said = capsys.readouterr().out
    assert "| 72 | 0.90 | 5.00% | 0.050% |" in said
    assert "closed with 72 calls, by 'cpu'; frames missed until then: 0.0500%" in said
    assert "the 10 s after: 0.80 CPUs, missed 0.0100%, 0 calls ended" in said


@pytest.mark.parametrize(
    ("closed", "after"),
    [
        (replace(CLOSED, missed=11), replace(AFTER, missed=12)),
        (CLOSED, replace(AFTER, missed=16)),
        (CLOSED, replace(AFTER, ended=1)),
        (replace(CLOSED, missed=11, closed=None), AFTER),
    ],
    ids=["missed before", "missed after", "a call was ended", "missed, and never closed"],
)
def test_what_is_not_wanted_is_told_by_the_exit_code(closed: Reading, after: Reading) -> None:
    assert tell([BEGUN, closed], after) == 1


def test_a_pod_that_never_closes_and_misses_nothing_is_no_failure() -> None:
    assert tell([BEGUN, replace(CLOSED, closed=None)], AFTER) == 0
