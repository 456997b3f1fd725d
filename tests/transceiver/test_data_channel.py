"""A client that is up, and then abuses SCTP: what it breaks is its own association, and the call goes on."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
from aiortc.rtcsctptransport import Chunk, DataChunk, InitChunk, SackChunk, serialize_packet
from google_crc32c import value as crc32c

from transceiver_caller import Channel, Conversation, connected
from transceiver_process import Pod
from transceiver_service import Service, pod_with_service

SOON_S = 2.0
ECHO_REQUEST = '{"type":"response.create"}'


@asynccontextmanager
async def talking(folder: Path) -> AsyncIterator[tuple[Pod, Service, Conversation, Channel]]:
    """A call whose events channel is open."""
    async with pod_with_service(folder) as (pod, backend), connected(pod) as conversation:
        channel = await conversation.caller.open_channel()
        assert orjson.loads(await channel.next_message())["type"] == "session.created"
        yield pod, backend, conversation, channel


async def inject(conversation: Conversation, chunk: Chunk) -> None:
    """Sends a chunk as if the client's association had made it."""
    sctp = conversation.caller.sctp
    tag = 0 if isinstance(chunk, InitChunk) else sctp._remote_verification_tag
    await conversation.caller.dtls._send_data(serialize_packet(5000, 5000, tag, chunk))


async def test_a_parameter_of_length_zero_is_counted_and_hangs_nothing(tmp_path: Path) -> None:
    async with talking(tmp_path) as (pod, backend, conversation, channel):
        endless = InitChunk()
        endless.params = [(0xC000, b"")]
        raw = bytearray(serialize_packet(5000, 5000, 0, endless))
        raw[-4:] = struct.pack("!HH", 0xC000, 0)
        await conversation.caller.dtls._send_data(with_checksum(bytes(raw)))
        channel.channel.send(ECHO_REQUEST)
        async with asyncio.timeout(SOON_S):
            await backend.next_of("response.create")
        assert (await pod.call(conversation.call_id))["stats"]["events"]["malformed_packets"] == 1


async def test_an_acknowledgement_of_the_whole_number_space_costs_no_time(tmp_path: Path) -> None:
    async with talking(tmp_path) as (_, backend, conversation, channel):
        for _ in range(20):
            wide = SackChunk()
            wide.cumulative_tsn = conversation.caller.sctp._last_received_tsn or 0
            wide.gaps = [(1, 65_535)] * 250
            await inject(conversation, wide)
        channel.channel.send(ECHO_REQUEST)
        async with asyncio.timeout(SOON_S):
            await backend.next_of("response.create")


async def test_data_far_ahead_is_not_kept_and_data_in_order_still_arrives(tmp_path: Path) -> None:
    async with talking(tmp_path) as (pod, backend, conversation, channel):
        for number in range(600):
            ahead = DataChunk(flags=3)
            ahead.tsn = (conversation.caller.sctp._local_tsn + 1_000 + number) % 2**32
            ahead.user_data = bytes(1_000)
            await inject(conversation, ahead)
        channel.channel.send(ECHO_REQUEST)
        await backend.next_of("response.create")
        assert (await pod.call(conversation.call_id))["state"] == "connected"


async def test_a_message_above_64_kib_is_not_taken_and_the_next_one_is(tmp_path: Path) -> None:
    async with talking(tmp_path) as (pod, backend, conversation, channel):
        conversation.caller.sctp._remote_max_message_size = 0
        channel.channel.send("x" * 70_000)
        channel.channel.send(ECHO_REQUEST)
        await backend.next_of("response.create")
        assert (await pod.call(conversation.call_id))["stats"]["events"]["events_received"] == 1


async def test_a_message_without_end_is_not_kept_and_what_comes_after_it_arrives(tmp_path: Path) -> None:
    async with talking(tmp_path) as (pod, backend, conversation, channel):
        conversation.caller.sctp._remote_max_message_size = 0
        channel.channel.send("x" * 1_000_000)
        channel.channel.send(ECHO_REQUEST)
        await conversation.caller.speak(0.1, hertz=440)
        await backend.next_of("response.create")
        call = await pod.call(conversation.call_id)
        assert call["state"] == "connected"
        assert call["stats"]["media"]["packets_received"] >= 4


def with_checksum(packet: bytes) -> bytes:
    return packet[:8] + struct.pack("<L", crc32c(packet[:8] + bytes(4) + packet[12:])) + packet[12:]


async def test_a_flood_of_events_is_taken_up_to_an_allowance_and_the_channel_stays(tmp_path: Path) -> None:
    async with talking(tmp_path) as (pod, _, conversation, channel):
        for _ in range(2_000):
            channel.channel.send("no event")
        async with asyncio.timeout(10 * SOON_S):
            while True:
                events = (await pod.call(conversation.call_id))["stats"]["events"]
                if events["events_received"] + events["events_dropped"] == 2_000:
                    break
                await asyncio.sleep(0.05)
        assert 200 <= events["events_received"] < 1_500
        assert orjson.loads(await channel.next_message())["error"]["code"] == "invalid_event"
