"""Capacity, the spread over route ids, and what is remembered of ended calls."""

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.backends import BackendStatistics
from antiphon_transceiver.call import CallState
from antiphon_transceiver.call_book import MOST_REMEMBERED, REMEMBERED_S, CallBook, CallRecord
from antiphon_transceiver.capacity import Capacity, Refusal
from antiphon_transceiver.data_channel import ChannelCounters
from antiphon_transceiver.media import MediaStatistics
from antiphon_transceiver.overload import Sign
from antiphon_transceiver.route_spread import RouteSpread
from antiphon_wire.control import EndReason


@dataclass
class Entry:
    handle: int
    state: CallState = CallState.NEW

    @property
    def call_id(self) -> str:
        return f"rtc_{self.handle}"

    def record(self) -> CallRecord:
        reason = EndReason.HANGUP if self.state is CallState.ENDED else None
        return CallRecord(
            self.call_id,
            0,
            None,
            self.state,
            reason,
            1.0,
            {},
            MediaStatistics(),
            ChannelCounters(),
            BackendStatistics(),
        )


def close(book: CallBook[Entry], entry: Entry, now: float) -> None:
    entry.state = CallState.ENDED
    book.close(entry, now)


def test_a_call_is_found_by_handle_while_it_lives_and_by_id_afterwards_too() -> None:
    book: CallBook[Entry] = CallBook()
    entry = Entry(7)
    book.add(entry)
    assert book.by_handle(7) is entry
    assert book.by_id("rtc_7") is entry
    close(book, entry, now=100.0)
    assert book.by_handle(7) is None
    assert book.by_id("rtc_7") is None
    assert book.knows("rtc_7")
    record = book.record("rtc_7", now=101.0)
    assert record is not None
    assert record.reason is EndReason.HANGUP
    assert not book.live()


def test_an_ended_call_is_forgotten_after_an_hour() -> None:
    book: CallBook[Entry] = CallBook()
    entry = Entry(7)
    book.add(entry)
    close(book, entry, now=100.0)
    assert book.record("rtc_7", now=100.0 + REMEMBERED_S) is not None
    assert book.record("rtc_7", now=100.1 + REMEMBERED_S) is None
    assert book.records(now=100.1 + REMEMBERED_S) == []


def test_only_the_last_ended_calls_are_remembered() -> None:
    book: CallBook[Entry] = CallBook()
    for handle in range(MOST_REMEMBERED + 5):
        entry = Entry(handle)
        book.add(entry)
        close(book, entry, now=float(handle))
    assert len(book.records(now=MOST_REMEMBERED)) == MOST_REMEMBERED
    assert not book.knows("rtc_4")
    assert book.knows("rtc_5")


@given(st.lists(st.booleans(), max_size=200))
def test_calls_come_and_go_and_a_new_one_gets_the_emptiest_route(arrivals: list[bool]) -> None:
    spread, taken = RouteSpread(0x1000), list[int]()
    for arrives in arrivals:
        if arrives:
            before = Counter(taken)
            route = spread.take()
            assert route is not None
            assert route in range(0x1000, 0x1008)
            assert before[route] == min(before[other] for other in range(0x1000, 0x1008))
            taken.append(route)
        elif taken:
            spread.give_back(taken.pop(0))


def test_routes_that_go_to_another_pod_get_no_new_calls() -> None:
    spread, all_routes = RouteSpread(8), frozenset(range(8, 16))
    spread.withhold(frozenset((8, 9)))
    assert {spread.take() for _ in range(12)} == set(range(10, 16))
    spread.withhold(all_routes)
    assert spread.take() is None
    spread.allow(all_routes)
    assert spread.take() in (8, 9)


def test_a_call_that_comes_back_is_live_and_not_remembered() -> None:
    book: CallBook[Entry] = CallBook()
    entry = Entry(1)
    book.add(entry)
    close(book, entry, now=0.0)
    book.add(entry)
    assert len(book.records(now=1.0)) == 1


def test_a_place_is_taken_at_the_offer_and_given_back_at_the_end() -> None:
    capacity = Capacity(limit=2)
    assert capacity.reserve() is None
    assert capacity.reserve() is None
    assert (capacity.reserve(), capacity.free) == (Refusal.NO_CAPACITY, 0)
    capacity.release()
    assert capacity.free == 1


@pytest.mark.parametrize("live", [0, 1])
def test_a_draining_pod_has_nothing_free_and_says_that_it_drains(live: int) -> None:
    capacity = Capacity(limit=2, live=live)
    capacity.drain()
    assert capacity.free == 0
    assert capacity.reserve() is Refusal.DRAINING
    assert capacity.live == live


def test_a_closed_pod_has_nothing_free_and_says_that_it_is_full() -> None:
    capacity = Capacity(limit=2, live=1, closed=Sign.LATE)
    assert (capacity.free, capacity.reserve(), capacity.live) == (0, Refusal.NO_CAPACITY, 1)
    capacity.closed = None
    assert (capacity.free, capacity.reserve(), capacity.live) == (1, None, 2)


@pytest.mark.parametrize(("most", "measured", "limit"), [(60, None, 60), (60, 80, 60), (60, 40, 40), (None, 40, 40)])
def test_the_limit_is_the_smaller_of_what_is_allowed_and_what_is_possible(
    most: int | None, measured: int | None, limit: int
) -> None:
    assert Capacity.of(most, measured) == Capacity(limit, measured)


@pytest.mark.parametrize(
    ("limit", "live", "many"), [(60, 8, True), (60, 7, False), (8, 2, True), (8, 1, False), (0, 2, True), (0, 1, False)]
)
def test_a_few_calls_are_not_what_takes_the_cpu(limit: int, live: int, many: bool) -> None:
    assert Capacity(limit, live=live).has_many is many
