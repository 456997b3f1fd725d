"""Our association and aiortc's in memory, over a network that loses packets: each hears all that the other says."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import pytest
from aiortc import RTCDataChannel, RTCDataChannelParameters
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcsctptransport import RTCSctpCapabilities, RTCSctpTransport

from antiphon_transceiver.data_channel import EVENTS_LABEL, EventsChannel
from antiphon_transceiver.dtls import DtlsSession
from antiphon_transceiver.negotiation import LARGEST_MESSAGE, DataChannelOffer, DtlsRole
from realtime_server import eventually

PORT = 5000
PATIENCE_S = 40.0
MESSAGES = 60


class OurWire:
    """What EventsChannel asks of DTLS."""

    def __init__(self, role: DtlsRole, send: Callable[[bytes], None]) -> None:
        self.role = role
        self.send_application = send
        self.receive: Callable[[bytes], None]

    def receive_application(self, receive: Callable[[bytes], None]) -> None:
        self.receive = receive


class TheirWire:
    """What aiortc's association asks of DTLS."""

    state = "connected"

    def __init__(self, role: str, send: Callable[[bytes], None]) -> None:
        self._role = role
        self._send = send

    def _register_data_receiver(self, receiver: object) -> None:
        pass

    def _unregister_data_receiver(self, receiver: object) -> None:
        pass

    async def _send_data(self, data: bytes) -> None:
        self._send(data)


@dataclass
class Pair:
    """`lost`: packets in a hundred, always the same ones, from when the channel is open."""

    role: DtlsRole
    lost: int
    heard: list[str] = field(default_factory=list)
    heard_by_them: list[str] = field(default_factory=list)
    packets_lost: int = 0

    def __post_init__(self) -> None:
        self.answer: Callable[[str], object] = lambda text: None
        self.divert: Callable[[bytes], None] | None = None
        self._chance = random.Random(8831)
        self._is_lossy = False
        self._to_them: asyncio.Queue[bytes] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._wire = OurWire(self.role, self._send_to_them)
        theirs = "client" if self.role is DtlsRole.SERVER else "server"
        self.sctp = RTCSctpTransport(cast(RTCDtlsTransport, TheirWire(theirs, self._send_to_us)))
        self.ours = EventsChannel(cast(DtlsSession, self._wire), DataChannelOffer(PORT, LARGEST_MESSAGE), self._hear)
        self._reader = self._loop.create_task(self._read())

    async def begin(self) -> RTCDataChannel:
        await self.ours.start()
        await self.sctp.start(RTCSctpCapabilities(LARGEST_MESSAGE), PORT)
        channel = self.channel(EVENTS_LABEL)
        await self.until(lambda: channel.readyState == "open")
        self._is_lossy = True
        return channel

    def channel(self, label: str) -> RTCDataChannel:
        channel = RTCDataChannel(self.sctp, RTCDataChannelParameters(label=label))
        channel.on("message", self.heard_by_them.append)
        return channel

    async def until(self, condition: Callable[[], object]) -> None:
        await eventually(condition, within_s=PATIENCE_S)

    async def until_closed(self, channel: RTCDataChannel) -> None:
        await self.until(lambda: channel.readyState == "closed")

    async def end(self) -> None:
        await self.ours.stop()
        await self.sctp.stop()
        self._reader.cancel()
        await asyncio.wait([self._reader])

    def _hear(self, text: str) -> None:
        self.heard.append(text)
        self.answer(text)

    def _passes(self) -> bool:
        is_lost = self._is_lossy and self._chance.randrange(100) < self.lost
        self.packets_lost += is_lost
        return not is_lost

    def _send_to_them(self, packet: bytes) -> None:
        assert len(packet) <= 1160
        if self._passes():
            self._to_them.put_nowait(packet)

    def _send_to_us(self, packet: bytes) -> None:
        if self.divert is not None:
            self.divert(packet)
        elif self._passes():
            self._loop.call_soon(self.deliver, packet)

    def deliver(self, packet: bytes) -> None:
        self._wire.receive(packet)

    async def _read(self) -> None:
        while True:
            await self.sctp._handle_data(await self._to_them.get())


def sentences(speaker: str) -> list[str]:
    chance = random.Random(speaker)
    return [f"{speaker} {number} " + "ü" * chance.choice((0, 10, 700, 3_000)) for number in range(MESSAGES)]


@pytest.mark.parametrize("role", list(DtlsRole))
@pytest.mark.parametrize("lost", [0, 4])
async def test_each_hears_all_that_the_other_says_once_and_in_order(role: DtlsRole, lost: int) -> None:
    pair = Pair(role, lost)
    channel = await pair.begin()
    for ours, theirs in zip(sentences("we"), sentences("they"), strict=True):
        assert pair.ours.send(ours)
        channel.send(theirs)
    await pair.until(lambda: len(pair.heard) >= MESSAGES and len(pair.heard_by_them) >= MESSAGES)
    assert pair.heard == sentences("they")
    assert pair.heard_by_them == sentences("we")
    assert pair.ours.counters.malformed_packets == 0
    assert (pair.packets_lost > 5) == (lost > 0)
    await pair.end()


@pytest.mark.parametrize("role", list(DtlsRole))
async def test_channels_are_closed_by_either_side_and_opened_again(role: DtlsRole) -> None:
    pair = Pair(role, lost=0)
    events = await pair.begin()
    for _ in range(5):
        await pair.until_closed(pair.channel("chat"))
    events.close()
    await pair.until_closed(events)
    assert not pair.ours.send("to nobody")
    again = pair.channel(EVENTS_LABEL)
    await pair.until(lambda: again.readyState == "open")
    assert pair.ours.send("welcome back")
    await pair.until(lambda: pair.heard_by_them == ["welcome back"])
    await pair.end()


async def test_an_answer_to_an_event_does_not_overtake_the_next_event() -> None:
    pair = Pair(DtlsRole.SERVER, lost=0)
    channel = await pair.begin()
    pair.answer = lambda text: pair.ours.send(f"answer to {text}")
    # The first packet arrives last, so that one turn hears them all.
    held: list[bytes] = []
    pair.divert = held.append
    for number in range(5):
        channel.send(str(number))
    await pair.until(lambda: len(held) == 5)
    pair.divert = None
    for packet in reversed(held):
        pair.deliver(packet)
    await pair.until(lambda: len(pair.heard_by_them) == 5)
    assert pair.heard == ["0", "1", "2", "3", "4"]
    assert pair.heard_by_them == [f"answer to {number}" for number in range(5)]
    await pair.end()


async def test_a_second_events_channel_is_closed_while_the_first_is_open() -> None:
    pair = Pair(DtlsRole.CLIENT, lost=0)
    await pair.begin()
    await pair.until_closed(pair.channel(EVENTS_LABEL))
    assert pair.ours.send("to the first")
    await pair.until(lambda: pair.heard_by_them == ["to the first"])
    await pair.end()


async def test_the_largest_message_goes_both_ways_and_a_larger_one_neither() -> None:
    pair = Pair(DtlsRole.SERVER, lost=0)
    channel = await pair.begin()
    largest = "x" * LARGEST_MESSAGE
    assert pair.ours.send(largest)
    assert not pair.ours.send(largest + "x")
    channel.send(largest)
    await pair.until(lambda: pair.heard and pair.heard_by_them)
    assert (pair.heard, pair.heard_by_them) == ([largest], [largest])
    await pair.end()


async def test_an_end_is_told() -> None:
    pair = Pair(DtlsRole.SERVER, lost=0)
    channel = await pair.begin()
    await pair.ours.stop()
    await pair.until_closed(channel)
    assert not pair.ours.send("to nobody")
    await pair.end()
