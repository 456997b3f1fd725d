"""The data path with its routes from a real API server: calls go on whatever becomes of that."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from loopback_fleet import Fleet, loopback_fleet
from real_kubernetes.control_plane import ControlPlane
from route_tables import RouteTables, block, route_tables

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(420)]

GENERATION = "route_table_generation"
AWAY_S = 20.0
STARTING_S = 5
"""A relay that was started anew watches a little later; on a busy machine seconds."""


@pytest.fixture
def tables(control_plane: ControlPlane, request: pytest.FixtureRequest) -> Iterator[RouteTables]:
    with route_tables(control_plane.cluster, f"path-{abs(hash(request.node.name)) % 10**6}") as written:
        yield written


async def taken_by_all(fleet: Fleet, generation: int) -> None:
    await fleet.relay.until_metric(GENERATION, lambda value: value == generation)
    await fleet.transceiver.until_metric(GENERATION, lambda value: value == generation)
    await fleet.signaling.until_metric("table_generation", lambda value: value == generation)


async def test_each_part_says_what_it_lacks_until_it_has_it_and_then_a_call_is_up(
    tables: RouteTables, tmp_path: Path
) -> None:
    async with loopback_fleet(tmp_path, tables, tables.cluster.kubeconfig) as fleet:
        await fleet.relay.until_says("/readyz", 503, "no route table yet")
        await fleet.transceiver.until_says("/readyz", 503, "no route table yet")
        await fleet.signaling.until_says("/readyz", 503, "no route table")
        await fleet.publish(relays=[], vip=[])
        await fleet.relay.until_says("/readyz", 503, "the route table does not name this relay yet")
        await fleet.transceiver.until_says("/readyz", 503, "no public address yet")
        await taken_by_all(fleet, await fleet.publish())
        await fleet.ready()
        async with fleet.call() as caller:
            await fleet.hears_itself(caller)
            # Once ready a relay stays ready, whatever others write.
            await taken_by_all(fleet, await fleet.publish(relays=[fleet.own_relay | {"hop": "127.0.0.1:9"}]))
            assert await fleet.relay.says("/readyz") == (200, "ready")
            await taken_by_all(fleet, await fleet.publish())
            await fleet.hears_itself(caller)


async def test_a_new_public_address_is_what_new_calls_are_told(tables: RouteTables, tmp_path: Path) -> None:
    async with loopback_fleet(tmp_path, tables, tables.cluster.kubeconfig) as fleet:
        await taken_by_all(fleet, await fleet.publish())
        await fleet.ready()
        async with fleet.call() as caller:
            await taken_by_all(fleet, await fleet.publish(vip=["192.0.2.77:3478", f"127.0.0.1:{fleet.udp}"]))
            async with fleet.call() as later:
                hosts = [candidate.ip for media in later.answer.media for candidate in media.ice_candidates]
                assert hosts[:2] == ["192.0.2.77", "127.0.0.1"]
            assert '"192.0.2.77:3478"' in (await fleet.signaling.says("/page/config.json"))[1]
            await fleet.hears_itself(caller)


async def test_a_deleted_table_changes_nothing_and_most_routes_are_not_dropped_at_once(
    tables: RouteTables, tmp_path: Path
) -> None:
    others = [block(0x2000 + 8 * number, f"agents-{number}", "127.0.0.1:9", "127.0.0.1:9") for number in range(5)]
    async with loopback_fleet(tmp_path, tables, tables.cluster.kubeconfig) as fleet:
        await taken_by_all(fleet, whole := await fleet.publish(*others))
        await fleet.ready()
        async with fleet.call() as caller:
            await asyncio.to_thread(tables.write, [], relays=[fleet.own_relay])
            await fleet.relay.until_metric("route_tables_held_total", lambda value: value == 1)
            assert await fleet.relay.metric(GENERATION) == whole
            await asyncio.to_thread(tables.delete)
            await fleet.hears_itself(caller)
            async with fleet.call() as another:
                await fleet.hears_itself(another)
            await taken_by_all(fleet, await fleet.publish(*others))


async def test_calls_and_new_calls_go_on_without_the_api_server_and_changes_come_when_it_is_back(
    control_plane: ControlPlane, tables: RouteTables, tmp_path: Path
) -> None:
    async with loopback_fleet(tmp_path, tables, tables.cluster.kubeconfig) as fleet:
        await taken_by_all(fleet, await fleet.publish())
        await fleet.ready()
        async with fleet.call() as caller:
            control_plane.stop_api_server()
            try:
                # Killed and started again, the relay knows nothing but its cache, and it serves the flows that go on.
                await fleet.relay.stop()
                await fleet.relay.start()
                await fleet.ready()
                assert not [line for line in fleet.relay.lines if "waiting for the first route table" in line]
                gone = asyncio.get_running_loop().time()
                while asyncio.get_running_loop().time() < gone + AWAY_S:
                    await fleet.hears_itself(caller)
                    async with fleet.call() as another:
                        await fleet.hears_itself(another)
                for part in fleet.parts:
                    assert await part.metric("route_watch_age_seconds") >= AWAY_S - STARTING_S, part.name
                await fleet.ready()
            finally:
                control_plane.start_api_server()
            await taken_by_all(fleet, await fleet.publish(block(0x2000, "agents-2")))
            await fleet.hears_itself(caller)


async def test_signaling_fails_readiness_first_and_answers_on(tables: RouteTables, tmp_path: Path) -> None:
    async with loopback_fleet(tmp_path, tables, tables.cluster.kubeconfig) as fleet:
        await fleet.publish()
        await fleet.ready()
        fleet.signaling.tell(signal.SIGTERM)
        await fleet.signaling.until_says("/readyz", 503, "draining")
        async with fleet.call() as caller:
            await fleet.hears_itself(caller)
        # A second signal does not wait for the rest of the time.
        assert await fleet.signaling.stop(signal.SIGTERM) == 0


async def test_a_draining_transceiver_is_not_ready_and_its_call_goes_on(tables: RouteTables, tmp_path: Path) -> None:
    async with loopback_fleet(tmp_path, tables, tables.cluster.kubeconfig) as fleet:
        await fleet.publish()
        await fleet.ready()
        async with fleet.call() as caller:
            fleet.transceiver.tell(signal.SIGTERM)
            await fleet.transceiver.until_says("/readyz", 503, "draining")
            await taken_by_all(fleet, await fleet.publish(block(0x2000, "agents-2")))
            await fleet.hears_itself(caller)
