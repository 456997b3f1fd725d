"""A watched file: its changes arrive, its last good value stays, and each complaint is logged once."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from antiphon_wire.watched_file import WatchedFile

DEADLINE_S = 5.0


def replace(path: Path, text: str) -> None:
    """As every writer of ours does it: a new file, renamed over the old one."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.replace(path)


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.fields["why"] for record in caplog.records if hasattr(record, "fields")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "number"
    path.write_text("1")
    return path


def test_the_file_is_read_at_once(path: Path) -> None:
    assert WatchedFile(path, int).current == 1


@pytest.mark.parametrize("spoil", [lambda path: path.write_text("one"), lambda path: path.unlink()])
def test_a_first_reading_that_fails_is_an_error(path: Path, spoil: Callable[[Path], object]) -> None:
    spoil(path)
    with pytest.raises((ValueError, OSError)):
        WatchedFile(path, int)


def test_a_file_that_did_not_change_is_not_read_again(path: Path) -> None:
    watched = WatchedFile(path, lambda text: [text])
    before = watched.current
    assert not watched.look()
    assert watched.current is before


def test_a_replaced_and_a_rewritten_file_are_read(path: Path) -> None:
    watched = WatchedFile(path, int)
    replace(path, "2")
    assert watched.look()
    assert watched.current == 2
    path.write_text("345")
    assert watched.look()
    assert watched.current == 345


def test_a_replacement_of_the_same_size_and_time_is_read(path: Path) -> None:
    watched = WatchedFile(path, int)
    status = path.stat()
    beside = path.with_suffix(".new")
    beside.write_text("2")
    os.utime(beside, ns=(status.st_atime_ns, status.st_mtime_ns))
    beside.replace(path)
    assert watched.look()
    assert watched.current == 2


def test_the_last_good_value_stays_and_each_complaint_is_logged_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watched = WatchedFile(path, int)
    for text in ("two", "two", "three"):
        replace(path, text)
        assert not watched.look()
        assert not watched.look()
    path.unlink()
    assert not watched.look()
    assert not watched.look()
    assert watched.current == 1
    assert watched.refused == 3
    assert [why.partition(":")[2].strip() or why for why in complaints(caplog)] == [
        "'two'",
        "'three'",
        "No such file or directory",
    ]
    replace(path, "4")
    assert watched.look()
    assert watched.current == 4


def test_a_text_that_is_not_utf_8_is_a_complaint(path: Path) -> None:
    watched = WatchedFile(path, str)
    path.write_bytes(b"\xff\xff")
    for _ in range(3):
        assert not watched.look()
    assert (watched.current, watched.refused) == ("1", 1)


def test_a_value_is_in_date_while_the_file_says_it(path: Path) -> None:
    watched = WatchedFile(path, int)
    seen = [watched.in_date]
    for text in ("two", "2"):
        replace(path, text)
        watched.look()
        seen.append(watched.in_date)
    path.unlink()
    watched.look()
    assert ([*seen, watched.in_date], watched.current) == ([True, False, True, False], 2)


@pytest.mark.parametrize(("text", "in_date"), [("2", True), ("two", False)])
def test_a_file_that_was_away_and_comes_back_unchanged_is_what_it_was(path: Path, text: str, *, in_date: bool) -> None:
    watched = WatchedFile(path, int)
    replace(path, text)
    watched.look()
    before, refused = watched.current, watched.refused
    aside = path.with_suffix(".aside")
    path.rename(aside)
    watched.look()
    assert not watched.in_date
    aside.rename(path)
    assert not watched.look()
    assert (watched.in_date, watched.current, watched.refused) == (in_date, before, refused)


def test_what_could_not_be_read_to_its_end_is_read_again(path: Path) -> None:
    watched = WatchedFile(path, int)
    path.unlink()
    # It can be opened, and what it says cannot be had, as on a disk that fails.
    path.symlink_to("/proc/self/mem")
    for _ in range(2):
        assert not watched.look()
        assert not watched.in_date
    replace(path, "2")
    assert watched.look()
    assert (watched.in_date, watched.current, watched.refused) == (True, 2, 0)


async def test_every_reader_is_told_of_a_change(path: Path) -> None:
    watched = WatchedFile(path, int)

    async def first_change() -> int:
        async for value in watched.changes():
            return value
        raise AssertionError("the changes ended")

    readers = [asyncio.create_task(first_change()) for _ in range(2)]
    # Both have looked once, and wait.
    await asyncio.sleep(0)
    replace(path, "2")
    async with asyncio.timeout(DEADLINE_S):
        assert await asyncio.gather(*readers) == [2, 2]
