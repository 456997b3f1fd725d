"""RouteTables of a real API server as a process has them: put together, held back, and kept in a file."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from antiphon_wire.cluster.access import KubeconfigAccess
from antiphon_wire.cluster.cluster_tables import ClusterTables
from antiphon_wire.table_hold import HOLD_S
from antiphon_wire.table_setting import ClusterTable
from cut_proxy import cut_proxy
from real_kubernetes.control_plane import ControlPlane
from route_tables import RELAY, VIP, RouteTables, block, route_tables
from table_clock import TableClock

pytestmark = pytest.mark.cluster

PATIENCE_S = 30.0
SIX = [block(8 * number, f"pod-{number}") for number in range(6)]


@pytest.fixture(scope="module")
def fleet(control_plane: ControlPlane) -> Iterator[RouteTables]:
    with route_tables(control_plane.cluster, "tables") as tables:
        yield tables


@pytest.fixture(autouse=True)
def empty(fleet: RouteTables) -> Iterator[None]:
    yield
    fleet.cluster.kubectl("delete", "routetables", "--all", "-n", fleet.namespace)


@pytest.fixture
def clock() -> TableClock:
    return TableClock()


@asynccontextmanager
async def followed(
    fleet: RouteTables,
    cache: Path | None = None,
    *,
    with_blocks: bool = True,
    kubeconfig: Path | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[ClusterTables]:
    access = KubeconfigAccess(kubeconfig or fleet.cluster.kubeconfig)
    setting = ClusterTable(fleet.namespace, RELAY, access, cache)
    tables = ClusterTables(setting, with_blocks=with_blocks, clock=clock)
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


def restore(fleet: RouteTables, generation: int) -> None:
    """All pods, as an older generation had them."""
    newest, fleet.generation = fleet.generation, generation - 1
    fleet.write(SIX)
    fleet.generation = newest


def pods(tables: ClusterTables) -> list[str]:
    return sorted(block.pod for block in tables.current.routes.blocks) if tables.current else []


async def test_shards_become_one_table_and_a_deleted_one_changes_nothing(fleet: RouteTables) -> None:
    async with followed(fleet) as tables:
        assert pods(tables) == []
        fleet.write([block(8, "one")], shards=2)
        last = fleet.write([block(16, "two")], shard=1, shards=2)
        await eventually(lambda: pods(tables) == ["one", "two"], "both shards are there")
        table = tables.current
        assert table is not None
        assert (table.routes.generation, [str(address) for address in table.vip]) == (last, [VIP])
        fleet.delete(1)
        fleet.write([block(8, "changed")], shards=2)
        await eventually(lambda: pods(tables) == ["changed", "two"], "the other shard goes on")
        fleet.delete(0)
        fleet.write([block(16, "renewed")], shard=1, shards=2)
        await eventually(lambda: pods(tables) == ["changed", "renewed"], "and the same the other way round")
        assert tables.refused == 0


async def test_a_bad_shard_is_refused_and_the_last_good_one_stays(fleet: RouteTables) -> None:
    async with followed(fleet) as tables:
        fleet.write([block(8, "good")])
        await eventually(lambda: pods(tables) == ["good"], "the good one")
        fleet.write([block(8, "bad", hop="nowhere")])
        await eventually(lambda: tables.refused == 1, "the bad one is counted")
        assert pods(tables) == ["good"]
        fleet.write([block(8, "better")])
        await eventually(lambda: pods(tables) == ["better"], "the next good one")


async def test_a_table_that_drops_most_blocks_is_held_back_until_one_does_not(fleet: RouteTables) -> None:
    async with followed(fleet) as tables:
        fleet.write(SIX)
        await eventually(lambda: len(pods(tables)) == 6, "all are there")
        fleet.write(SIX[:2])
        await eventually(lambda: tables.refused == 1, "the loss is held back")
        assert len(pods(tables)) == 6
        fleet.write(SIX[:3])
        await eventually(lambda: len(pods(tables)) == 3, "half of them may go")


async def test_a_backup_ends_the_hold_although_what_is_held_back_is_newer(
    fleet: RouteTables, clock: TableClock
) -> None:
    async with followed(fleet, clock=clock) as tables:
        backup = fleet.write(SIX)
        await eventually(lambda: len(pods(tables)) == 6, "all are there")
        fleet.write([])
        await eventually(lambda: tables.refused == 1, "the loss is held back")
        fleet.delete()
        restore(fleet, backup)
        await eventually(lambda: not tables.holds_back, "it was mended")
        clock.now += 2 * HOLD_S
        assert (len(pods(tables)), tables.refused, tables.taken_late) == (6, 1, 0)


@pytest.mark.parametrize("word", ["deleted", "unreadable", "older"])
async def test_what_the_api_server_says_no_more_is_not_taken_late(
    fleet: RouteTables, clock: TableClock, caplog: pytest.LogCaptureFixture, word: str
) -> None:
    async with followed(fleet, clock=clock) as tables:
        in_force = fleet.write(SIX)
        await eventually(lambda: len(pods(tables)) == 6, "all are there")
        fleet.write(SIX[:2])
        await eventually(lambda: tables.refused == 1, "the loss is held back")
        match word:
            case "deleted":
                fleet.delete()
                await eventually(lambda: "route table deleted" in caplog.text, "it is heard")
            case "unreadable":
                fleet.write([block(8, "bad", hop="nowhere")])
                await eventually(lambda: tables.refused == 2, "it is refused")
            case _:
                # Who writes over it may not go back.
                fleet.delete()
                restore(fleet, in_force - 1)
                await eventually(lambda: tables.refused == 2, "it is refused")
        clock.now += 2 * HOLD_S
        await clock.looked_at()
        assert (len(pods(tables)), tables.taken_late) == (6, 0)
        refused = tables.refused
        fleet.write(SIX[:2])
        await eventually(lambda: tables.refused > refused, "it is said again")
        clock.now += HOLD_S - 1
        await clock.looked_at()
        assert len(pods(tables)) == 6
        clock.now += 1
        await eventually(lambda: len(pods(tables)) == 2, "it stayed")
        assert tables.taken_late == 1


async def test_a_reader_that_was_cut_off_goes_on_with_the_truth(
    fleet: RouteTables, clock: TableClock, tmp_path: Path
) -> None:
    """Its cache is from before the pods were replaced: what it reads anew looks like a mistake, and stays."""
    cache = tmp_path / "routes.json"
    old = [block(8 * number, f"old-{number}") for number in range(6)]
    young = [block(8 * number, f"young-{number}") for number in range(10, 16)]
    async with followed(fleet, cache) as tables:
        fleet.write(old)
        await eventually(lambda: cache.exists() and "old-5" in cache.read_text(), "it is cached")
    fleet.write(young)
    async with followed(fleet, cache, clock=clock) as tables:
        await eventually(lambda: tables.refused == 1, "what is so different is held back")
        assert pods(tables) == [f"old-{number}" for number in range(6)]
        await clock.looked_at()
        clock.now += HOLD_S - 1
        young = [*young, block(8 * 16, "young-16")]
        fleet.write(young)
        await eventually(lambda: tables.refused == 2, "also when it changed")
        await clock.looked_at()
        assert pods(tables)[0] == "old-0"
        clock.now += 1
        await eventually(lambda: pods(tables) == [f"young-{number}" for number in range(10, 17)], "it stayed")
        assert tables.taken_late == 1
        await eventually(lambda: "young-16" in cache.read_text(), "it is cached")
    restarted = ClusterTables(ClusterTable(fleet.namespace, RELAY, KubeconfigAccess(tmp_path / "absent"), cache))
    assert pods(restarted) == [f"young-{number}" for number in range(10, 17)]


async def test_nothing_is_taken_late_while_the_api_server_cannot_be_reached(
    fleet: RouteTables, control_plane: ControlPlane, clock: TableClock, tmp_path: Path
) -> None:
    fleet.write(SIX)
    async with cut_proxy(control_plane.ports.api) as proxy:
        config = json.loads(fleet.cluster.kubeconfig.read_text())
        config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{proxy.port}"
        path = tmp_path / "through-proxy.kubeconfig"
        path.write_text(json.dumps(config))
        async with followed(fleet, kubeconfig=path, clock=clock) as tables:
            await eventually(lambda: len(pods(tables)) == 6, "all are there")
            fleet.write(SIX[:1])
            await eventually(lambda: tables.refused == 1, "the loss is held back")
            proxy.refuse()
            proxy.cut()
            await eventually(lambda: tables.watch.troubles["unreachable"], "the connection is lost")
            # It was heard a moment ago, and what it says now nobody knows.
            clock.now += HOLD_S
            await clock.looked_at()
            assert (len(pods(tables)), tables.taken_late) == (6, 0)
            # What was written meanwhile is heard before anything is taken.
            fleet.write(SIX[:4])
            await proxy.admit()
            await eventually(lambda: len(pods(tables)) == 4, "it was mended")
            assert tables.taken_late == 0


async def test_whoever_needs_the_fleet_only_is_told_of_shard_0_only(fleet: RouteTables) -> None:
    async with followed(fleet, with_blocks=False) as tables:
        fleet.write([block(8, "one", hop="nowhere")], shards=2, relays=[relay("10.0.0.1:7100")])
        await eventually(lambda: tables.current is not None, "a table is there")
        fleet.write([block(16, "two")], shard=1, shards=2)
        fleet.write([block(8, "one")], shards=2, relays=[relay("10.0.0.2:7100")])
        await eventually(lambda: tables.current and tables.current.routes.relays[0].hop == "10.0.0.2:7100", "a change")
        assert pods(tables) == []
        assert tables.refused == 0


def relay(hop: str) -> dict[str, object]:
    return {"name": "relay-0", "hop": hop, "workers": 1}


async def test_the_cache_has_the_table_in_force_for_the_next_start(fleet: RouteTables, tmp_path: Path) -> None:
    cache = tmp_path / "routes.json"
    async with followed(fleet, cache) as tables:
        fleet.write(SIX[:1], shards=2)
        fleet.write(SIX[1:], shard=1, shards=2)
        await eventually(lambda: len(pods(tables)) == 6, "all are there")
        await eventually(lambda: cache.exists() and "pod-5" in cache.read_text(), "they are cached")
        fleet.write([], shard=1, shards=2)
        await eventually(lambda: tables.refused == 1, "the loss is held back")
    nowhere = KubeconfigAccess(tmp_path / "absent")
    restarted = ClusterTables(ClusterTable(fleet.namespace, RELAY, nowhere, cache))
    assert pods(restarted) == [f"pod-{number}" for number in range(6)]
    assert restarted.current is not None
    assert [str(address) for address in restarted.current.vip] == [VIP]


async def test_credentials_that_are_not_there_yet_are_waited_for(
    fleet: RouteTables, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fleet.write([block(8, "one")])
    config = tmp_path / "config"
    tables = ClusterTables(ClusterTable(fleet.namespace, RELAY, KubeconfigAccess(config)))
    running = asyncio.create_task(tables.run())
    try:
        await eventually(lambda: tables.watch.age_s > 1, "it tries")
        assert tables.current is None
        config.write_text(fleet.cluster.kubeconfig.read_text())
        await eventually(lambda: pods(tables) == ["one"], "the table is there")
        assert caplog.text.count("no way to the API server yet") == 1
    finally:
        running.cancel()
        await asyncio.wait({running})
