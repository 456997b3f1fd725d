"""A call and the relays of the route table: one that joins, and one that takes over."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from media_pair import tone
from transceiver_caller import Caller, connected
from transceiver_process import Pod, running_pod, write_routes
from transceiver_relay import ClientRelay, client_relay
from transceiver_service import pod_with_service


async def test_a_relay_that_joins_the_table_is_served_within_moments(tmp_path: Path) -> None:
    async with running_pod(tmp_path) as pod, client_relay(pod.relay.ring) as newcomer:
        newcomer.transceiver = pod.relay.transceiver
        write_routes(pod.routes_file, newcomer, generation=2)
        async with connected(pod, Caller(newcomer.vip)) as conversation:
            await conversation.caller.speak(0.2, hertz=440)
            assert conversation.caller.heard
        assert pod.logged("route table taken generation=2")


async def test_sound_returns_through_the_relay_that_brought_the_last_authentic_packet(tmp_path: Path) -> None:
    async with running_pod(tmp_path) as pod, another_relay(pod) as other, connected(pod) as conversation:
        caller = conversation.caller
        await caller.speak(0.1, hertz=440)
        assert other.returned == 0
        other.routes[caller.udp.address] = conversation.reply.body["route"]
        caller.vip = other.vip
        await caller.speak(0.2, hertz=440)
        before = pod.relay.returned
        await caller.speak(0.2, hertz=440)
        assert other.returned >= 10
        assert pod.relay.returned == before


async def test_a_forged_packet_through_another_relay_moves_no_sound(tmp_path: Path) -> None:
    async with (
        pod_with_service(tmp_path) as (pod, backend),
        another_relay(pod) as other,
        connected(pod) as talk,
    ):
        caller = talk.caller
        await backend.say_aloud(tone(1.0, hertz=440))
        await pod.until_media(talk.call_id, "packets_sent", 5)
        other.routes[caller.udp.address] = talk.reply.body["route"]
        caller.vip = other.vip
        caller.send(b"\x80\x6f" + bytes(40))
        await pod.until_media(talk.call_id, "authentication_failures", 1)
        sent = (await pod.call(talk.call_id))["stats"]["media"]["packets_sent"]
        await pod.until_media(talk.call_id, "packets_sent", sent + 5)
        assert other.returned == 0


@asynccontextmanager
async def another_relay(pod: Pod) -> AsyncIterator[ClientRelay]:
    """A second relay of the pod's table."""
    async with client_relay(pod.relay.ring) as other:
        other.transceiver = pod.relay.transceiver
        write_routes(pod.routes_file, pod.relay, other, generation=2)
        await pod.until_logged("route table taken generation=2")
        yield other
