"""Packets both ways through a real relay."""

from pathlib import Path

from relay_client import RTP, client, connected, live_flow
from relay_pod import Pod
from relay_pod import pod as open_pod
from relay_site import RelaySite, eventually


async def test_a_check_opens_the_flow_and_media_goes_both_ways(site: RelaySite, pod: Pod) -> None:
    minted = site.mint(pod)
    pod.password_of[minted.ufrag] = minted.password
    async with site.relay() as relay, client(site.address) as caller:
        await caller.check(minted)
        await caller.echoes(RTP + bytes(158))
        assert caller.senders == {site.address}
        assert {(record.route, record.client_port) for record in pod.received} == {(pod.route, caller.address[1])}
        samples = await relay.metrics()
        assert samples['forwarded_packets_total{direction="uplink"}'] == 2
        assert samples['forwarded_packets_total{direction="downlink"}'] == 2
        assert samples["flows"] == 1
        assert await relay.drops() == {}


async def test_ipv6_clients_reach_the_same_pod(site: RelaySite, pod: Pod) -> None:
    minted = site.mint(pod)
    pod.password_of[minted.ufrag] = minted.password
    async with site.relay(), client(("::1", site.port)) as six, client(site.address) as four:
        await six.check(minted)
        await six.echoes(RTP + b"six")
        await four.check(minted)
        await four.echoes(RTP + b"four")
        assert {record.client_host for record in pod.received} == {"::1", "127.0.0.1"}
        assert len({record.local_index for record in pod.received}) == 2


async def test_a_wildcard_relay_answers_from_the_address_that_the_client_used(site: RelaySite, pod: Pod) -> None:
    minted = site.mint(pod)
    pod.password_of[minted.ufrag] = minted.password
    async with site.relay(ANTIPHON_LISTEN=f"0.0.0.0:{site.port},[::]:{site.port}"):
        for host in ("127.0.0.1", "127.0.0.9", "::1"):
            async with client((host, site.port)) as caller:
                await caller.check(minted)
                assert caller.senders == {(host, site.port)}


async def test_every_worker_serves_every_flow(tmp_path: Path, pod: Pod) -> None:
    site = RelaySite(tmp_path, [pod], workers=2)
    async with site.relay():
        for _ in range(12):
            async with connected(site, pod) as caller:
                await caller.echoes(RTP)


async def test_a_batch_of_packets_shares_hop_datagrams_unless_the_pod_cannot_unpack(site: RelaySite, pod: Pod) -> None:
    async with site.relay(), connected(site, pod) as caller:
        pod.no_pack = True
        await caller.echoes(RTP)
        for number in range(300):
            caller.send(RTP + number.to_bytes(2))
        await eventually(lambda: pod.received_from(caller.address) == 302, "all packets arrive")
        assert set(pod.datagrams) == {1}
        pod.no_pack = False
        await caller.echoes(RTP + b"now it can")
        for number in range(300):
            caller.send(RTP + number.to_bytes(2) + b"more")
        await eventually(lambda: pod.received_from(caller.address) == 603, "all packets arrive")
        numbers = [record.payload[2:4] for record in pod.received if record.payload.endswith(b"more")]
        assert numbers == sorted(numbers)


async def test_a_full_frame_fits_a_lone_record(site: RelaySite, pod: Pod) -> None:
    async with site.relay() as relay, connected(site, pod) as caller:
        await caller.echoes(RTP + bytes(1498))
        assert (await relay.metrics())["hop_large_datagrams_total"] == 1


async def test_a_client_that_changes_its_address_goes_on_with_its_next_check(site: RelaySite, pod: Pod) -> None:
    minted = site.mint(pod)
    pod.password_of[minted.ufrag] = minted.password
    async with site.relay() as relay, client(site.address) as before, client(site.address) as after:
        await before.check(minted)
        after.send(RTP + b"too early")
        await relay.dropped("media_unknown_source", 1)
        await after.check(minted)
        await after.echoes(RTP + b"moved")


async def test_a_port_that_is_used_again_is_bound_to_the_new_calls_pod(tmp_path: Path, pod: Pod) -> None:
    async with open_pod(8192) as second:
        site = RelaySite(tmp_path, [pod, second])
        tickets = {each.route: site.mint(each) for each in site.pods}
        for each in site.pods:
            each.password_of[tickets[each.route].ufrag] = tickets[each.route].password
        async with site.relay() as relay, client(site.address) as caller:
            await caller.check(tickets[pod.route])
            await caller.check(tickets[second.route])
            await caller.echoes(RTP + b"to the second")
            assert second.received[-1].payload == RTP + b"to the second"
            assert (await relay.metrics())["flows"] == 1
            # The first pod's late packets are another call's now.
            pod.send(pod.received[0], b"late", ("127.0.0.1", site.hop_port))
            await relay.dropped("hop_other_route", 1)
            assert b"late" not in caller.received


async def test_two_tickets_behind_one_address_stay_apart(tmp_path: Path, pod: Pod) -> None:
    async with open_pod(8192) as second:
        site = RelaySite(tmp_path, [pod, second])
        async with site.relay(), connected(site, pod) as one, connected(site, second) as other:
            await one.echoes(RTP + b"one")
            await other.echoes(RTP + b"other")
            assert RTP + b"one" not in other.received
            assert [record.payload for record in second.received][-1] == RTP + b"other"


async def test_an_idle_flow_ends(site: RelaySite, pod: Pod) -> None:
    async with site.relay(ANTIPHON_FLOW_IDLE_S="1") as relay, connected(site, pod):
        await relay.metric_reaches("flows", 0)
        assert (await relay.metrics())["flows_expired_total"] == 1


async def test_a_live_call_loses_nothing(site: RelaySite, pod: Pod) -> None:
    async with site.relay(), live_flow(site, pod):
        pass
