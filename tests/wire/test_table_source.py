"""A route table in a file as a process has it: taken, held back, and taken after all."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from antiphon_wire.table_hold import HOLD_S
from antiphon_wire.table_source import FileTables
from route_tables import block
from table_clock import TableClock

PATIENCE_S = 20.0


def write(path: Path, pods: range, generation: int) -> None:
    blocks = [block(8 * pod, f"pod-{pod}") for pod in pods]
    beside = path.with_suffix(".new")
    beside.write_text(
        json.dumps({"clusterID": 3, "clusterName": "c", "generation": generation, "blocks": blocks, "relays": []})
    )
    beside.replace(path)


@asynccontextmanager
async def followed(path: Path, clock: TableClock) -> AsyncIterator[FileTables]:
    tables = FileTables(path, clock)
    tables.load()
    running = asyncio.create_task(tables.run())
    try:
        yield tables
    finally:
        running.cancel()
        await asyncio.wait({running})


async def eventually(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}"
        await asyncio.sleep(0.01)


def generation(tables: FileTables) -> int:
    return tables.current.routes.generation if tables.current else 0


@pytest.fixture
def clock() -> TableClock:
    return TableClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "routes.json"
    write(path, range(6), 1)
    return path


async def test_a_file_that_loses_most_pods_is_held_back_until_one_does_not(path: Path, clock: TableClock) -> None:
    async with followed(path, clock) as tables:
        assert generation(tables) == 1
        write(path, range(2), 2)
        await eventually(lambda: tables.refused == 1, "the loss is held back")
        assert generation(tables) == 1
        write(path, range(3), 3)
        await eventually(lambda: generation(tables) == 3, "half of them may go")
        assert tables.taken_late == 0


async def test_a_file_that_stays_is_taken_after_all(
    path: Path, clock: TableClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with followed(path, clock) as tables:
        write(path, range(2), 2)
        await eventually(lambda: tables.refused == 1, "the loss is held back")
        clock.now += HOLD_S - 1
        await clock.looked_at()
        assert generation(tables) == 1
        clock.now += 1
        await eventually(lambda: generation(tables) == 2, "it stayed")
        assert (tables.refused, tables.taken_late) == (1, 1)
        assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
            "route table held back for 600 s, and taken then if it stays so",
            "route table taken after all: it stayed what its writer says",
        ]


async def test_a_file_that_is_broken_meanwhile_is_no_word(path: Path, clock: TableClock) -> None:
    async with followed(path, clock) as tables:
        write(path, range(2), 2)
        await eventually(lambda: tables.refused == 1, "the loss is held back")
        path.write_text("{")
        await eventually(lambda: tables.refused == 2, "the broken one is refused")
        clock.now += 2 * HOLD_S
        await clock.looked_at()
        assert (generation(tables), tables.taken_late, tables.holds_back) == (1, 0, True)


async def test_a_file_that_was_away_for_a_moment_has_its_hold_anew(
    path: Path, clock: TableClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with followed(path, clock) as tables:
        write(path, range(2), 2)
        await eventually(lambda: tables.refused == 1, "the loss is held back")
        aside = path.with_suffix(".aside")
        path.rename(aside)
        await eventually(lambda: "file not taken" in caplog.text, "it is missed")
        clock.now += 2 * HOLD_S
        await clock.looked_at()
        assert generation(tables) == 1
        aside.rename(path)
        await clock.looked_at()
        clock.now += HOLD_S
        await eventually(lambda: generation(tables) == 2, "it came back, and stayed")
