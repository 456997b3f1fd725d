"""The route table in force, and its changes under live flows."""

from contextlib import AsyncExitStack
from pathlib import Path

from relay_client import RTP, connected
from relay_pod import Pod
from relay_pod import pod as open_pod
from relay_site import RelaySite


async def test_a_moved_route_takes_its_live_flows_along_and_its_old_owner_is_not_heard_any_more(tmp_path: Path) -> None:
    async with open_pod(8) as pod, open_pod(16) as heir:
        site = RelaySite(tmp_path, [pod, heir])
        async with site.relay() as relay, connected(site, pod) as caller:
            heir.checked.add(caller.address)
            site.publish(states={pod.route: "Lost"}, moved={pod.route: heir.address})
            await relay.metric_reaches("route_table_generation", 2)
            before = pod.received_from(caller.address)
            await caller.echoes(RTP + b"by the new owner")
            assert (pod.received_from(caller.address), heir.received_from(caller.address)) == (before, 1)
            pod.send(pod.received[0], b"of one that does not know", ("127.0.0.1", site.hop_port))
            await relay.dropped("hop_wrong_owner", 1)
            assert b"of one that does not know" not in caller.received


async def test_a_lost_route_drops_its_packets_and_says_so(site: RelaySite, pod: Pod) -> None:
    async with site.relay() as relay, connected(site, pod) as caller:
        site.publish(states={pod.route: "Lost"})
        await relay.metric_reaches("route_table_generation", 2)
        caller.send(RTP)
        await relay.dropped("route_lost", 1)


async def test_a_draining_route_goes_on(site: RelaySite, pod: Pod) -> None:
    async with site.relay() as relay, connected(site, pod) as caller:
        site.publish(states={pod.route: "Draining"})
        await relay.metric_reaches("route_table_generation", 2)
        await caller.echoes(RTP)


async def test_a_mass_removal_is_held_back(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        pods = [await stack.enter_async_context(open_pod(8 * number)) for number in range(1, 6)]
        site = RelaySite(tmp_path, pods)
        relay = await stack.enter_async_context(site.relay())
        caller = await stack.enter_async_context(connected(site, pods[4]))
        site.pods = pods[:2]
        site.publish()
        await relay.metric_reaches("route_tables_held_total", 1)
        await relay.metric_reaches("route_table_holds_back", 1)
        await caller.echoes(RTP + b"still there")
        site.pods = pods[:4]
        site.publish()
        await relay.metric_reaches("route_table_generation", 3)
        caller.send(RTP)
        await relay.dropped("no_route", 1)


async def test_a_broken_table_changes_nothing(site: RelaySite, pod: Pod, tmp_path: Path) -> None:
    async with site.relay() as relay, connected(site, pod) as caller:
        (tmp_path / "routes.json").write_text("{")
        await relay.metric_reaches("route_tables_held_total", 1)
        await caller.echoes(RTP)
        assert sum("file not taken" in line for line in relay.lines) == 1
