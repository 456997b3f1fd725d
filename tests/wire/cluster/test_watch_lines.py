"""Lines out of chunks, and events out of lines."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_wire.cluster.list_page import read_list_page
from antiphon_wire.cluster.manifest import ManifestError
from antiphon_wire.cluster.watch_lines import EventKind, WatchLineError, WatchLines


def event(number: int) -> bytes:
    return json.dumps({"type": "ADDED", "object": {"number": number}}).encode() + b"\n"


@given(st.lists(st.integers(0, 99), max_size=8), st.lists(st.integers(1, 60), min_size=1, max_size=20))
def test_events_are_the_same_however_the_bytes_come(numbers: list[int], cuts: list[int]) -> None:
    stream = b"".join(event(number) for number in numbers)
    lines, read, position, turn = WatchLines(), [], 0, 0
    while position < len(stream):
        step = cuts[turn % len(cuts)]
        read += [each.object["number"] for each in lines.feed(stream[position : position + step])]
        position, turn = position + step, turn + 1
    assert read == numbers


def test_a_line_may_have_its_bound_and_no_byte_more_in_one_piece_or_in_many() -> None:
    line = event(1)
    assert len(list(WatchLines(len(line) - 1).feed(line))) == 1
    with pytest.raises(WatchLineError):
        list(WatchLines(len(line) - 2).feed(line))
    lines = WatchLines(10)
    for _ in range(10):
        assert list(lines.feed(b"x")) == []
    with pytest.raises(WatchLineError):
        list(lines.feed(b"x"))


@pytest.mark.parametrize(
    "line",
    [b"hello", b"[]", b'{"type": "ADDED"}', b'{"type": "RENAMED", "object": {}}', b'{"type": "ADDED", "object": []}'],
)
def test_a_line_that_is_no_event_is_refused(line: bytes) -> None:
    with pytest.raises(WatchLineError):
        list(WatchLines().feed(line + b"\n"))


@given(st.binary(max_size=60))
def test_bytes_are_events_or_refused_and_nothing_else(stream: bytes) -> None:
    try:
        for each in WatchLines().feed(stream + b"\n"):
            assert each.kind in EventKind
    except WatchLineError:
        pass


def test_a_page_says_its_version_and_whether_there_is_more() -> None:
    page = read_list_page(b'{"metadata": {"resourceVersion": "7", "continue": "abc"}, "items": [{"x": 1}]}')
    assert (page.version, page.token, page.items) == (7, "abc", ({"x": 1},))
    last = read_list_page(b'{"metadata": {"resourceVersion": "7"}, "items": null}')
    assert (last.token, last.items) == ("", ())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"metadata": {"resourceVersion": "x"}, "items": []}',
        b'{"metadata": {"resourceVersion": "1"}}',
        b'{"metadata": {"resourceVersion": "1"}, "items": {}}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_list_is_refused(body: bytes) -> None:
    with pytest.raises(ManifestError):
        read_list_page(body)
