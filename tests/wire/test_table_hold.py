"""A table that leaves most pods out is held back, and taken when it stays."""

import json
from collections.abc import Iterable

from antiphon_wire.fleet_table import FleetTable
from antiphon_wire.route_table import Held, HoldReason, RouteTable
from antiphon_wire.table_hold import HOLD_S, Standing

OLD = range(10)
YOUNG = range(100, 110)


def table(pods: Iterable[int], generation: int = 1, cluster: int = 3) -> FleetTable:
    blocks = [
        {
            "first": 8 * pod,
            "pod": f"pod-{pod}",
            "pool": "agents",
            "state": "Active",
            "hop": "127.0.0.1:7200",
            "control": "127.0.0.1:7300",
        }
        for pod in pods
    ]
    document = {"clusterID": cluster, "clusterName": "c", "generation": generation, "blocks": blocks}
    return FleetTable(RouteTable.from_json(json.dumps(document)))


def standing(*offers: tuple[FleetTable, float], on: Standing | None = None) -> Standing:
    standing = on or Standing()
    for newer, now in offers:
        standing, _ = standing.offered(newer, now)
    return standing


def at(standing: Standing, now: float, *, in_date: bool = True) -> Standing:
    return standing.looked(now, in_date=in_date)


def test_the_first_table_and_one_with_most_pods_are_taken_at_once() -> None:
    first, next_one = table(OLD), table(range(5), 2)
    assert standing((first, 0)) == Standing(first)
    assert standing((first, 0)).offered(next_one, 1) == (Standing(next_one), None)


def test_a_table_that_leaves_most_out_is_held_and_the_reason_judges_it() -> None:
    first, young = table(OLD), table([0, *YOUNG], 2)
    held_back, held = standing((first, 0)).offered(young, 5)
    assert held_back.current is first
    said = "it would drop 9 of 10 live blocks (90 %), and has 10 that are new"
    assert held == Held(HoldReason.MASS_REMOVAL, said)


def test_what_is_held_is_taken_when_it_stayed() -> None:
    young = table(YOUNG, 2)
    held_back = standing((table(OLD), 0), (young, 5))
    assert at(held_back, 5 + HOLD_S - 1) is held_back
    assert at(held_back, 5 + HOLD_S) == Standing(young)


def test_a_fleet_that_changes_meanwhile_does_not_begin_the_hold_anew() -> None:
    held_back = standing((table(OLD), 0), (table(YOUNG, 2), 0))
    last = table(YOUNG, 2)
    for minute in range(1, 10):
        last = table([*YOUNG, 200 + minute], 2 + minute)
        held_back = standing((last, 60 * minute), on=at(held_back, 60 * minute))
    assert at(held_back, HOLD_S) == Standing(last)


def test_what_loses_most_pods_of_the_held_table_begins_it_anew() -> None:
    """The truth came late, and then a mistake: the mistake is not taken on the truth's time."""
    empty = table([], 3)
    held_back = standing((table(OLD), 0), (table(YOUNG, 2), 0), (empty, HOLD_S - 1))
    assert at(held_back, HOLD_S) is held_back
    assert at(held_back, 2 * HOLD_S - 1) == Standing(empty)


def test_a_good_table_ends_the_hold_and_the_next_one_has_a_hold_of_its_own() -> None:
    mended = table(OLD, 3)
    ended = standing((table(OLD), 0), (table([], 2), 0), (mended, 60))
    assert ended == Standing(mended)
    assert at(ended, 2 * HOLD_S) is ended
    again = standing((table([], 4), HOLD_S - 1), on=ended)
    assert at(again, HOLD_S) is again


def test_time_counts_while_the_writer_is_heard_only() -> None:
    young = table(YOUNG, 2)
    held_back = standing((table(OLD), 0), (young, 0))
    silent = at(held_back, HOLD_S, in_date=False)
    assert silent.current is held_back.current
    assert at(silent, 2 * HOLD_S - 1) is silent
    assert at(silent, 2 * HOLD_S) == Standing(young)


def test_what_is_older_or_anothers_is_never_taken_and_ends_the_hold() -> None:
    first, young = table(OLD, 5), table(YOUNG, 6)
    for wrong, reason in (
        (table(OLD, 4), HoldReason.OLDER_GENERATION),
        (table(OLD, 7, cluster=4), HoldReason.OTHER_CLUSTER),
    ):
        refused, held = standing((first, 0), (young, 0)).offered(wrong, 1)
        assert held is not None
        assert held.reason is reason
        assert at(refused, 10 * HOLD_S) == Standing(first)
