"""bench/transceiver: when a number of calls holds, which is tried next, and what is told of it."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.transceiver.floor import Floor
from bench.transceiver.results import ServerResults
from bench.transceiver.sample import Absent, Costs, Delays, Delivery, Failure, Sample, failure_of, middle
from bench.transceiver.search import Search
from bench.transceiver.speech import Script
from bench.transceiver.table import document_of, table_of
from bench.transceiver.timing import Spread

BOUND_MS = 20.0
QUIET = Spread(0.1, 1.0)
GOOD = Sample(
    "a server",
    50,
    Delivery(connected=50, refused=0, lost_up=0.0, lost_down=0.0, packets_down=3000.0),
    Costs(
        server=0.5,
        beside={"relay": 0.02},
        generator=0.2,
        threads={"codec": 0.4, "pacer": 0.1},
        pss_kib=60_000,
        pss_kib_per_call=180.0,
    ),
    Delays(jitter=QUIET, timer=QUIET, generator=QUIET, uplink=Spread(10.0, 22.0), handed_on=None, round_trip=None),
)
FLOOR = Floor(decode=0.06, encode=0.34)


def delivered(**changes: float | None) -> Sample:
    return replace(GOOD, delivery=replace(GOOD.delivery, **changes))  # type: ignore[arg-type]


def delayed(**changes: Spread | None) -> Sample:
    return replace(GOOD, delays=replace(GOOD.delays, **changes))


@pytest.mark.parametrize(
    ("sample", "failure"),
    [
        (GOOD, None),
        (delivered(lost_up=None), None),
        (delivered(lost_down=0.0005), None),
        (delivered(refused=1, connected=49), Failure.REFUSED),
        (delivered(connected=49), Failure.NOT_CONNECTED),
        (delivered(lost_up=0.002), Failure.LOST_UP),
        (delivered(lost_down=0.002), Failure.LOST_DOWN),
        (delayed(jitter=Spread(1.0, 21.0)), Failure.JITTER),
        (delayed(jitter=None), Failure.NO_SOUND),
        (delayed(generator=Spread(1.0, 21.0), jitter=Spread(1.0, 21.0)), Failure.GENERATOR_LATE),
    ],
)
def test_what_does_not_hold_says_why(sample: Sample, failure: Failure | None) -> None:
    assert failure_of(sample, BOUND_MS) is failure


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (GOOD, False),
        (delayed(jitter=Spread(1.0, 21.0)), True),
        (delivered(lost_down=0.002), True),
        (delivered(refused=1), False),
        (delayed(jitter=None), False),
    ],
)
def test_lateness_and_loss_may_be_the_machines_hiccup(sample: Sample, *, expected: bool) -> None:
    assert results_with().may_be_a_hiccup(sample) is expected


def test_of_several_rounds_each_figures_median_counts() -> None:
    rounds = [replace(GOOD, costs=replace(GOOD.costs, server=cost)) for cost in (0.4, 0.9, 0.5)]
    rounds[0] = replace(rounds[0], delays=replace(GOOD.delays, jitter=Spread(0.3, 3.0)))

    told = middle(rounds)

    assert told.costs.server == 0.5
    assert told.delays.jitter == QUIET
    assert told.delays.round_trip is None


@given(capacity=st.integers(0, 500), known=st.integers(0, 200), most=st.integers(1, 400))
def test_the_search_ends_near_the_truth_and_never_above_it(capacity: int, known: int, most: int) -> None:
    search = Search(held=min(known, capacity, most), failed=None, most=most, tries=100)
    tried: list[int] = []
    while (calls := search.next()) is not None:
        tried.append(calls)
        search = search.after(calls, held=calls <= capacity)

    truth = min(capacity, most)
    assert search.held <= truth
    assert truth - search.held <= max(1, search.held // 10)
    assert len(tried) == len(set(tried)) <= 15
    assert search.ended_open == (truth == most and search.failed is None)
    assert all(calls <= most for calls in tried)


def test_the_search_stops_when_its_tries_are_used_up() -> None:
    search = Search(held=100, failed=200, most=400, tries=1)

    assert search.next() == 150
    assert search.after(150, held=True).next() is None


def results_with(*samples: Sample | Absent) -> ServerResults:
    results = ServerResults("echo", FLOOR, BOUND_MS)
    for sample in samples:
        results.add(sample)
    return results


def test_the_search_begins_between_what_the_sizes_have_shown() -> None:
    results = results_with(replace(delivered(connected=5), calls=5), GOOD, replace(delivered(lost_down=0.2), calls=100))

    assert results.search(most=400, tries=4) == Search(held=50, failed=100, most=400, tries=4)


def test_a_server_that_did_not_start_holds_nothing() -> None:
    results = results_with(Absent("a server", 5, Failure.NOT_STARTED, "no such file"))

    assert results.lowest_failed() == 5
    assert results.search(most=400, tries=4).held == 0


def test_the_table_has_the_sizes_and_the_highest_number() -> None:
    more = replace(delivered(connected=80), calls=80)
    missing = Absent("a server", 100, Failure.NOT_CONNECTED, "no call connected")
    rows = results_with(GOOD, more, missing).rows([50, 100], Search(held=80, failed=88, most=400, tries=0))

    lines = table_of(rows).splitlines()

    assert len({line.count("|") for line in lines}) == 1
    assert [line.split(" | ")[1] for line in lines[2:]] == ["50", "80 (most)", "100"]
    assert "| 0.500 | 1.25 | 120 | 0.10 / 1.00 |" in lines[2]
    assert "relay 0.020" in lines[2]
    assert lines[4].endswith("| no: calls not connected |")


def test_a_number_that_nothing_failed_above_is_told_as_a_lower_bound() -> None:
    rows = results_with(GOOD).rows([50], Search(held=50, failed=None, most=50, tries=2))

    assert "≥ 50 (most)" in table_of(rows)


def test_the_same_is_told_as_json() -> None:
    rows = results_with(GOOD).rows([50], None)

    told = json.loads(json.dumps(document_of(rows, {Script.STEADY: FLOOR}, {"cpus": 2})))

    assert told["cpus"] == 2
    assert told["rows"][0]["sample"]["delays"]["uplink"] == {"p50": 10.0, "p99": 22.0}
