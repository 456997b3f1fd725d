"""A soak's findings: what grows is told, what merely goes up and down is not."""

import secrets
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.backends import BackendStatistics
from antiphon_transceiver.call import CallState, Milestone
from antiphon_transceiver.call_book import CallBook, CallRecord
from antiphon_transceiver.data_channel import ChannelCounters
from antiphon_transceiver.media import MediaStatistics
from antiphon_wire.control import EndReason
from bench.transceiver import soak_verdict
from bench.transceiver.generator import Keep
from bench.transceiver.soak_calls import Tally
from bench.transceiver.soak_plan import Course, Party
from bench.transceiver.soak_verdict import Kind, Series, complaints, findings_of, findings_table
from bench.transceiver.soak_watch import RATES, Reading, Watched, endings_in
from bench.transceiver.trend import trend

ALL = [Kind.GROWTH, Kind.DRIFT, Kind.TIME]


def series(values: list[float], kind: Kind = Kind.GROWTH, most: float = 5.0, most_share: float = 0.0) -> Series:
    return Series("t0", "memory", "KiB", kind, most, most_share, tuple(map(float, range(len(values)))), tuple(values))


@given(
    slope=st.floats(-10, 10),
    begin=st.floats(-1000, 1000),
    outliers=st.lists(st.tuples(st.integers(0, 39), st.floats(-1e6, 1e6)), max_size=4),
)
def test_a_trend_is_found_through_outliers(slope: float, begin: float, outliers: list[tuple[int, float]]) -> None:
    values = begin + slope * np.arange(40.0)
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, 40)
    for place, by in outliers:
        values[place] += by

    found = trend(list(range(40)), list(values + noise))

    assert found is not None
    assert found.growth == pytest.approx(39 * slope, abs=0.4 * 39 if outliers else 2.0)


def test_one_moment_has_no_trend() -> None:
    assert trend([1.0], [2.0]) is None
    assert trend([1.0, 1.0], [2.0, 3.0]) is None


def test_what_grows_is_told_in_a_sentence() -> None:
    findings = findings_of([series([100.0 + value for value in range(61)])], settled_s=20)

    assert complaints(findings, ALL) == [
        "memory of t0 grows: 120 → 160 KiB in 0.7 minutes, +40 where 5 is allowed",
    ]
    assert "| t0 | memory, KiB | 120 | 160 | +40 | 5 | **no** |" in findings_table(findings, ALL)


def test_what_grew_while_it_settled_is_no_finding() -> None:
    begun = [min(100.0, 10.0 * value) for value in range(60)]

    assert not complaints(findings_of([series(begun)], settled_s=20), ALL)


def test_what_goes_up_and_down_does_not_grow() -> None:
    tide = [100.0 + 30 * (value % 7) for value in range(200)]

    assert not complaints(findings_of([series(tide)], settled_s=60), ALL)


def test_growth_may_be_a_share_of_what_was_there() -> None:
    findings = findings_of([series([1000.0 + value for value in range(41)], most_share=0.05)], settled_s=0)

    assert not complaints(findings, ALL)


@pytest.mark.parametrize(("a_second", "told"), [(0.9, 0), (1.1, 1)])
def test_what_is_counted_may_become_so_much_more_a_second(a_second: float, told: int) -> None:
    counted = replace(series([a_second * value for value in range(91)], Kind.TIME), most_per_s=1.0)

    assert len(complaints(findings_of([counted], settled_s=30), ALL)) == told


@pytest.mark.parametrize(("kind", "told"), [(Kind.GROWTH, 0), (Kind.DRIFT, 1), (Kind.TIME, 0), (Kind.REPORT, 0)])
def test_only_a_clock_may_not_run_backwards(kind: Kind, told: int) -> None:
    findings = findings_of([series([-float(value) for value in range(41)], kind)], settled_s=0)

    assert len(complaints(findings, ALL)) == told


def test_what_is_not_judged_is_shown_without_a_verdict() -> None:
    findings = findings_of([series([float(value) for value in range(41)], Kind.TIME)], settled_s=0)

    assert complaints(findings, [Kind.TIME])
    assert not complaints(findings, [Kind.GROWTH, Kind.DRIFT])
    assert "| +40 | – | – |" in findings_table(findings, [Kind.GROWTH])


def readings(count: int, ended_by_second: int) -> list[Reading]:
    return [reading(second, ended=second * ended_by_second) for second in range(count)]


def reading(second: int, ended: int) -> Reading:
    kept = min(ended, 1000)
    totals = {name: 0.0 for rate in RATES for name in rate[3]}
    totals |= {"calls_live": 10.0 + second % 3, "calls_ended_total": ended, "python_blocks": 200_000.0 + 60 * kept}
    totals |= {"pacer_ticks_total": 500.0 * second, "pacer_late_ticks_total": 5.0 * second}
    return Reading(second, 50_000 + 3 * kept, 30 + 10 + second % 3, 12, totals)


def told_of(watched: Watched) -> dict[str, Series]:
    return {each.what: each for each in watched.series()}


@pytest.mark.parametrize("ended_by_second", [6, 10])
def test_calls_that_ended_and_are_remembered_are_no_leak(ended_by_second: int) -> None:
    watched = Watched("t0", 1, "a url", 1, readings(200, ended_by_second))

    assert not complaints(findings_of(watched.series(), settled_s=60), ALL)
    assert told_of(watched)["open files"].values == (30,) * 200


def test_what_calls_leave_behind_is_one() -> None:
    leaking = [
        Reading(each.at_s, each.memory_kib + 80 * second, each.files, each.threads, each.totals)
        for second, each in enumerate(readings(200, ended_by_second=1))
    ]

    (sentence,) = complaints(findings_of(Watched("t0", 1, "a url", 1, leaking).series(), settled_s=60), ALL)

    assert sentence.startswith("memory of t0 grows: ")


def test_shares_are_of_what_happened_between_two_readings() -> None:
    shares = told_of(Watched("t0", 1, "a url", 1, readings(10, 0)))["frames over 5 ms late"]

    assert shares.values == (1.0,) * 9
    assert shares.at_s[0] == 1


def test_a_process_that_is_no_transceiver_is_only_reported() -> None:
    seen = [Reading(float(second), 100 * second, 3, 4, {}) for second in range(50)]
    told = Watched("relay", 1, None, 0, seen).series()

    assert {each.kind for each in told} == {Kind.REPORT}
    assert not complaints(findings_of(told, 0), ALL)


def test_a_call_that_fails_is_told_but_for_one_in_fifty_where_the_machine_is_busy() -> None:
    tally = Tally(asked=100, connected=98, silent=0, why="not in time")

    assert list(tally.complaints("echo", busy=False)) == ["2 of 100 calls to echo failed: not in time"]
    assert not list(tally.complaints("echo", busy=True))
    tally.connected, tally.silent = 97, 1
    assert len(list(tally.complaints("echo", busy=True))) == 2


def test_endings_are_told_by_reason() -> None:
    name = "antiphon_transceiver_calls_ended_total"
    lines = [f'{name}{{reason="hangup"}} 12.0', f'{name}{{reason="drain_deadline"}} 0.0', f'{name}_other{{a="b"}} 3.0']

    assert (
        endings_in("\n".join(["# HELP x", *lines, f'{name}{{reason="consent_lost"}} 3.0']))
        == "12 hangup, 3 consent_lost"
    )


class EndedCall:
    """As rich in figures as a call can be."""

    def __init__(self, number: int) -> None:
        self.handle = number
        self.call_id = "rtc_" + secrets.token_hex(14)

    def record(self) -> CallRecord:
        def filled(kind: type) -> dict[str, float]:
            whole = {each.name for each in fields(kind) if "int" in str(each.type)}
            return {each.name: self._figure() if each.name in whole else self._figure() / 7 for each in fields(kind)}

        milestones = {milestone: self._figure() / 7 for milestone in Milestone}
        channels, backend = ChannelCounters(**filled(ChannelCounters)), BackendStatistics(**filled(BackendStatistics))  # type: ignore[arg-type]
        media = MediaStatistics(**filled(MediaStatistics))  # type: ignore[arg-type]
        model = f"model {self.handle}"
        ended = (CallState.ENDED, EndReason.HANGUP, self._figure() / 7)
        return CallRecord(self.call_id, self._figure(), model, *ended, milestones, media, channels, backend)

    @staticmethod
    def _figure() -> int:
        return 1000 + secrets.randbelow(1 << 24)


def test_a_remembered_call_costs_no_more_than_is_taken_off_for_it() -> None:
    book = CallBook[EndedCall]()
    before = sys.getallocatedblocks()
    for number in range(1000):
        call = EndedCall(number)
        book.add(call)
        book.close(call, 0.0)
    each = (sys.getallocatedblocks() - before) / 1000

    # And not much less, or a leak could hide in it.
    assert soak_verdict.REMEMBERED_BLOCKS / 2 < each <= soak_verdict.REMEMBERED_BLOCKS


@given(calls=st.integers(1, 500))
def test_every_call_of_a_party_stays_or_comes_and_goes(calls: int) -> None:
    party = Party("echo", "", calls, Path(), (), is_echo=True)

    assert party.staying + sum(party.groups) == calls
    assert party.staying - sum(party.groups) in (0, 1)
    assert all(party.groups)
    assert max(party.groups, default=1) - min(party.groups, default=1) <= 1


def test_a_short_soak_writes_more_down_and_has_shorter_calls() -> None:
    assert Course.of(1800) == Course(1800, 60, Keep(4.0, 60))
    assert Course.of(120) == Course(120, 5, Keep(4.0, 10))
