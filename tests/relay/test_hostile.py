"""What strangers send: nothing comes back, nothing grows, the reason is counted, and a live call does not notice."""

import asyncio
import random
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from antiphon_wire import KeyRing, Ticket, hop
from relay_client import RTP, check_with, client, connected, live_flow
from relay_pod import Pod
from relay_pod import pod as open_pod
from relay_site import CLUSTER, LONGEST_CALL_S, PATIENCE_S, RelayRun, RelaySite, eventually

TIMES = 200
SOURCES = 10_000
# What is on its way at a time fits any receive buffer: what the kernel loses says nothing about the relay.
BURST = 20
GROWTH_KIB = 8192


def forged(_: RelaySite, pod: Pod) -> bytes:
    """Minted with keys that are not the relay's."""
    now = int(time.time())
    ring = KeyRing.from_json(KeyRing.generate_json(now))
    ticket = Ticket(cluster_id=CLUSTER, route=pod.route, expires_at=now + LONGEST_CALL_S, nonce=1)
    return check_with(ring.mint(ticket, now=now))


def expired(site: RelaySite, pod: Pod) -> bytes:
    return check_with(site.mint(pod, expires_in_s=-600))


def of_another_cluster(site: RelaySite, pod: Pod) -> bytes:
    return check_with(site.mint(pod, cluster_id=CLUSTER + 1))


def with_wrong_integrity(site: RelaySite, pod: Pod) -> bytes:
    return check_with(site.mint(pod), password="guessed-guessed-guessed")


def truncated(site: RelaySite, pod: Pod) -> bytes:
    return check_with(site.mint(pod))[:-5]


def with_more_behind(site: RelaySite, pod: Pod) -> bytes:
    return check_with(site.mint(pod)) + bytes(16)


def longer_than_a_frame(site: RelaySite, pod: Pod) -> bytes:
    return check_with(site.mint(pod)).ljust(9000, b"\0")


def longer_by_one_byte(site: RelaySite, pod: Pod) -> bytes:
    return check_with(site.mint(pod)).ljust(1501, b"\0")


def dtls_before_ice(_: RelaySite, __: Pod) -> bytes:
    return bytes.fromhex("16fefd0000000000000000") + bytes(100)


def media_before_ice(_: RelaySite, __: Pod) -> bytes:
    return RTP + bytes(158)


STRANGE = [
    (forged, "ticket_forged"),
    (expired, "ticket_expired"),
    (of_another_cluster, "other_cluster"),
    (with_wrong_integrity, "bad_integrity"),
    (truncated, "stun_truncated"),
    (with_more_behind, "stun_oversized"),
    (longer_than_a_frame, "oversized"),
    (longer_by_one_byte, "oversized"),
    (dtls_before_ice, "dtls_unknown_source"),
    (media_before_ice, "media_unknown_source"),
]


@pytest.mark.parametrize(("strange", "reason"), STRANGE, ids=[strange.__name__ for strange, _ in STRANGE])
async def test_a_strange_packet_is_dropped_and_counted(
    site: RelaySite, pod: Pod, strange: Callable[[RelaySite, Pod], bytes], reason: str
) -> None:
    datagram = strange(site, pod)
    async with site.relay() as relay, client(site.address) as stranger:
        async with live_flow(site, pod) as flow:
            for sent in range(BURST, TIMES + 1, BURST):
                for _ in range(BURST):
                    stranger.send(datagram)
                await relay.dropped(reason, sent)
            assert (await relay.metrics())["flows"] == 1
        assert await relay.drops() == {reason: TIMES}
        await nothing_came_of_it(relay, pod, flow.client.address)
        assert stranger.received == []


async def test_an_empty_packet_is_dropped_and_counted(site: RelaySite, pod: Pod) -> None:
    async with site.relay() as relay, live_flow(site, pod):
        for sent in range(BURST, TIMES + 1, BURST):
            for _ in range(BURST):
                send_from("127.0.0.1", b"", site.address)
            await relay.dropped("empty", sent)
        assert await relay.drops() == {"empty": TIMES}


async def test_random_bytes_are_all_dropped(site: RelaySite, pod: Pod) -> None:
    dice = random.Random(7)
    async with site.relay() as relay, client(site.address) as stranger:
        async with live_flow(site, pod) as flow:
            before = relay.resident_kib
            for sent in range(BURST, 5000 + 1, BURST):
                for _ in range(BURST):
                    stranger.send(dice.randbytes(dice.randrange(1, 1500)))
                await dropped_in_all(relay, sent)
            assert relay.resident_kib - before < GROWTH_KIB
        assert sum((await relay.drops()).values()) == 5000
        await nothing_came_of_it(relay, pod, flow.client.address)
        assert stranger.received == []


async def test_a_replay_from_another_address_gets_no_answer_and_moves_nothing(site: RelaySite, pod: Pod) -> None:
    async with site.relay() as relay, client(site.address) as thief:
        async with live_flow(site, pod) as flow:
            recorded = next(record.payload for record in pod.received)
            for sent in range(BURST, TIMES + 1, BURST):
                for _ in range(BURST // 2):
                    thief.send(recorded)
                    thief.send(RTP + b"stolen")
                await heard_from(pod, thief.address, sent)
            # Bound by the replay, but unconfirmed: the relay takes none of it for the call's new address.
            assert (await relay.metrics())["flows"] == 2
        assert thief.received == []
        assert flow.client.senders == {site.address}


async def test_a_replay_from_ten_thousand_addresses_leaves_eight_flows(site: RelaySite, pod: Pod) -> None:
    async with site.relay() as relay:
        async with live_flow(site, pod) as flow:
            recorded = next(record.payload for record in pod.received)
            before = relay.resident_kib
            await from_everywhere(site.address, pod, lambda: recorded)
            samples = await relay.metrics()
            assert samples["flows"] == 8
            assert relay.resident_kib - before < GROWTH_KIB
        # The live call's packets and its check's answer, and nothing to anybody else.
        assert (await relay.metrics())['forwarded_packets_total{direction="downlink"}'] == flow.echoed + 1
        assert await relay.drops() == {}


async def test_a_good_ticket_used_from_ten_thousand_addresses_has_eight_flows(site: RelaySite, pod: Pod) -> None:
    minted = site.mint(pod)
    pod.password_of[minted.ufrag] = minted.password
    async with site.relay() as relay, live_flow(site, pod):
        before = relay.resident_kib
        await from_everywhere(site.address, pod, lambda: check_with(minted))
        assert (await relay.metrics())["flows"] == 9
        assert relay.resident_kib - before < GROWTH_KIB


async def test_good_tickets_from_one_prefix_are_held_to_its_budget(site: RelaySite, pod: Pod) -> None:
    checks = [check_with(site.mint(pod)) for _ in range(400)]
    async with site.relay(ANTIPHON_NEW_FLOWS_PER_PREFIX="10") as relay:
        start = time.monotonic()
        for number, check in enumerate(checks):
            send_from(f"127.9.9.{number % 250 + 1}", check, site.address)
            if number % BURST == BURST - 1:
                await judged_in_all(relay, number + 1)
        # Twice ten at once, and ten a second.
        most = 20 + 10 * (time.monotonic() - start)
        flows = (await relay.metrics())["flows"]
        assert 20 <= flows <= most
        assert await relay.drops() == {"flow_budget": 400 - flows}


async def test_hop_datagrams_of_strangers_reach_nobody(tmp_path: Path, pod: Pod) -> None:
    async with open_pod(8192) as other, open_pod(16384) as stranger:
        site = RelaySite(tmp_path, [pod, other])
        hop_address = ("127.0.0.1", site.hop_port)
        async with site.relay() as relay:
            async with live_flow(site, pod) as flow:
                genuine = pod.received[0]
                for sent in range(BURST, TIMES + 1, BURST):
                    for _ in range(BURST):
                        stranger.send(genuine, b"strange", hop_address)
                        other.send(genuine, b"strange", hop_address)
                        other.transport.sendto(hop.pack([genuine])[:-1], hop_address)
                        other.transport.sendto(b"\xff" * 40, hop_address)
                    await dropped_in_all(relay, 4 * sent)
            assert await relay.drops() == {
                "hop_stranger": TIMES,
                "hop_wrong_owner": TIMES,
                "hop_malformed": 2 * TIMES,
            }
            assert b"strange" not in flow.client.received


async def test_a_pod_cannot_reach_clients_that_are_not_its_own(tmp_path: Path, pod: Pod) -> None:
    async with open_pod(8192) as other:
        site = RelaySite(tmp_path, [pod, other])
        async with site.relay() as relay, connected(site, pod) as caller, client(site.address) as bystander:
            genuine = pod.received[0]
            in_its_own_name = hop.Record(other.route, *caller.address, genuine.local_index, b"strange")
            to_a_bystander = hop.Record(other.route, *bystander.address, genuine.local_index, b"strange")
            for record in (in_its_own_name, to_a_bystander):
                other.transport.sendto(hop.pack([record]), ("127.0.0.1", site.hop_port))
            await relay.dropped("hop_other_route", 1)
            await relay.dropped("hop_no_flow", 1)
            assert b"strange" not in caller.received + bystander.received


def send_from(host: str, datagram: bytes, to: tuple[str, int]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as source:
        source.bind((host, 0))
        source.sendto(datagram, to)


async def from_everywhere(to: tuple[str, int], pod: Pod, datagram: Callable[[], bytes]) -> None:
    """From ten thousand addresses, each of another /24; every one of the packets reaches the pod."""
    others = len(pod.heard)
    for sent in range(1, SOURCES + 1):
        send_from(f"127.{1 + sent // 250}.{sent % 250}.7", datagram(), to)
        if sent % BURST == 0:
            await heard_of(pod, others + sent)


async def heard_from(pod: Pod, source: tuple[str, int], packets: int) -> None:
    await eventually(lambda: pod.received_from(source) == packets, f"{packets} packets of one source reach the pod")


async def heard_of(pod: Pod, sources: int) -> None:
    await eventually(lambda: len(pod.heard) == sources, f"packets of {sources} sources reach the pod")


async def nothing_came_of_it(relay: RelayRun, pod: Pod, live: tuple[str, int]) -> None:
    """The pod heard of the live call only."""
    assert {(record.client_host, record.client_port) for record in pod.received} == {live}
    assert (await relay.metrics())["flows"] == 1


async def dropped_in_all(relay: RelayRun, count: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while sum((await relay.drops()).values()) < count:
        assert time.monotonic() < deadline, await relay.drops()
        await asyncio.sleep(0.002)


async def judged_in_all(relay: RelayRun, count: int) -> None:
    """As many packets of clients have been forwarded or dropped."""
    deadline = time.monotonic() + PATIENCE_S
    while (await relay.metrics())['received_packets_total{direction="uplink"}'] < count:
        assert time.monotonic() < deadline, f"{count} packets expected"
        await asyncio.sleep(0.002)
