"""bench/transceiver's last table: which goals are met, and by which of the rows that is told."""

from dataclasses import replace

from bench.transceiver.budget import Budget
from bench.transceiver.floor import Floor
from bench.transceiver.goals import Verdict, goals_table, verdicts
from bench.transceiver.headline import readme_rows
from bench.transceiver.perf import lines_of
from bench.transceiver.sample import Costs, Delays, Delivery, Failure, Sample
from bench.transceiver.table import Place, Row
from bench.transceiver.timing import Spread

FLOOR = Floor(decode=0.1, encode=0.3)
GOOD = Sample(
    "a server",
    50,
    Delivery(connected=50, refused=0, lost_up=0.0, lost_down=0.0, packets_down=3000.0),
    Costs(server=0.5, beside={}, generator=0.2, threads={}, pss_kib=50_000, pss_kib_per_call=100),
    Delays(
        jitter=Spread(0.1, 1.5),
        timer=Spread(0.1, 1.0),
        generator=None,
        uplink=Spread(30.0, 45.0),
        handed_on=Spread(10.0, 20.0),
        round_trip=None,
    ),
)


def row(key: str, calls: int, place: Place = Place.SIZE, *, cost: float = 0.5, failure: Failure | None = None) -> Row:
    costs = replace(GOOD.costs, server=cost, pss_kib=40_000 + 200 * calls)
    delivery = replace(GOOD.delivery, connected=calls)
    return Row(key, replace(GOOD, calls=calls, costs=costs, delivery=delivery), failure, place, FLOOR)


def verdict(rows: list[Row], key: str, words: str) -> Verdict:
    (found,) = (each for each in verdicts(rows, 0.7) if each.key == key and words in each.goal)
    return found


def test_costs_are_told_of_the_largest_size_that_held_and_not_of_a_full_machine() -> None:
    rows = [
        row("echo", 5, cost=2.0),
        row("echo", 50, cost=0.58),
        row("echo", 100, cost=0.1, failure=Failure.JITTER),
        row("echo", 80, Place.HIGHEST, cost=3.0),
        row("echo", 56, Place.SHARE, cost=4.0),
    ]

    cost = verdict(rows, "echo", "× libopus")
    assert cost == Verdict("echo ≤ 1.5 × libopus alone", "echo", "1.45 × with 50 calls", True)
    assert verdict(rows, "echo", "calls a core").met
    assert verdict(rows[:1], "echo", "× libopus").met is False
    assert verdict(rows[:1], "echo", "calls a core") == Verdict("echo ≥ 100 calls a core", "echo", "30", False)


def test_without_another_size_a_full_machine_has_to_do() -> None:
    rows = [row("echo", 80, Place.HIGHEST, cost=0.6), row("echo", 56, Place.SHARE, cost=0.1)]

    assert verdict(rows, "echo", "× libopus").figure == "1.50 × with 80 (most) calls"


def test_who_is_silent_half_of_the_time_is_held_against_half_of_the_encoding() -> None:
    """0.1 + 0.3 / 2 = 0.25 CPU-s of libopus alone."""
    turns = row("realtime", 50, cost=0.5)
    turns = replace(turns, sample=replace(turns.sample, delivery=replace(GOOD.delivery, packets_down=1500.0)))

    assert verdict([turns], "realtime", "× libopus").figure == "2.00 × with 50 calls"
    assert verdict([turns], "realtime", "× libopus").met is False


def test_delays_are_told_at_the_share_of_the_highest_number() -> None:
    rows = [row("mirror", 50), row("mirror", 56, Place.SHARE), row("mirror20", 56, Place.SHARE)]

    assert verdict(rows, "mirror", "completes one: p50").figure == "10.0 ms with 56 calls"
    assert verdict(rows, "mirror", "completes one: p99").met
    assert verdict(rows, "mirror20", "any packet: p50").met is False
    assert verdict(rows, "mirror", "jitter at 70 % load").met
    assert verdict(rows[:1], "mirror", "jitter").met is None


def test_jitter_may_be_a_millisecond_more_than_a_bare_timers() -> None:
    late = row("echo", 56, Place.SHARE)
    late = replace(late, sample=replace(late.sample, delays=replace(GOOD.delays, jitter=Spread(0.1, 2.1))))

    assert verdict([late], "echo", "jitter") == Verdict(
        "echo: p99 of send jitter at 70 % load ≤ that of a bare timer + 1 ms",
        "echo",
        "2.10 ms, the timer's 1.00, with 56 calls",
        False,
    )


def test_memory_is_what_a_further_call_adds() -> None:
    """200 KiB are 205 KB."""
    assert verdict([row("echo", 5), row("echo", 50)], "echo", "KB in all") == Verdict(
        "echo: a call ≤ 200 KB in all", "echo", "205 KB, from 5 to 50 calls", False
    )
    assert verdict([row("echo", 5)], "echo", "KB in all").met is None
    full = row("echo", 100, Place.HIGHEST)
    full = replace(full, sample=replace(full.sample, costs=replace(full.sample.costs, pss_kib=900_000)))
    assert verdict([row("echo", 5), row("echo", 50), full], "echo", "KB in all").figure == "205 KB, from 5 to 50 calls"
    assert verdict([row("echo", 5), row("echo", 80, Place.HIGHEST)], "echo", "KB in all").met is False


def test_the_table_says_what_was_not_measured() -> None:
    lines = goals_table(verdicts([row("echo", 50)], 0.7)).splitlines()

    assert len({line.count("|") for line in lines}) == 1
    assert any(line.endswith("| yes |") for line in lines)
    assert "| not measured | – |" in lines[-1]


def test_the_readmes_rows_name_what_was_measured() -> None:
    rows = [row("echo", 50, cost=0.6), row("str0m", 50, cost=0.58), row("str0m", 100, cost=0.55)]
    rows += [row("mirror", 56, Place.SHARE)]

    cost, delay = readme_rows([*rows, row("aiortc", 15, Place.HIGHEST, cost=3.7)], 0.7)

    assert (
        "| echo **0.60**, 1.50 × libopus alone (50 calls); realtime –; str0m 0.58 (50), stock aiortc 3.70 (15) |"
        in cost
    )
    assert "| **10.00 / 20.00 ms**; with the rest of its chunk of 40 ms 30.00 / 45.00 ms |" in delay
    assert {cost.count("|"), delay.count("|")} == {4}
    assert readme_rows([], 0.7)[1].count("–") == 1


def test_a_budget_is_spent_when_one_more_piece_as_long_as_the_longest_would_not_fit() -> None:
    assert Budget(0.0).is_spent
    plenty = Budget(3600.0)
    with plenty.piece():
        assert not plenty.is_spent
    assert not plenty.is_spent


def test_perfs_report_is_told_without_its_empty_columns() -> None:
    report = ["", "    21.21%  antiphon-codec  [.] silk_NSQ_del_dec_c      -      -            ", ""]

    assert lines_of(report) == ["21.21% antiphon-codec [.] silk_NSQ_del_dec_c"]
