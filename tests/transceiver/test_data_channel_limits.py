"""What a hostile SCTP peer can make the events channel hold, and what a slow but honest one may still send."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest
from aiortc.rtcsctptransport import (
    WEBRTC_DCEP,
    WEBRTC_STRING,
    AbortChunk,
    Chunk,
    CookieAckChunk,
    CookieEchoChunk,
    DataChunk,
    ForwardTsnChunk,
    InitAckChunk,
    InitChunk,
    SackChunk,
    parse_packet,
    serialize_packet,
)

from antiphon_transceiver.data_channel import EventsChannel
from antiphon_transceiver.dtls import Certificate, DtlsSession
from antiphon_transceiver.negotiation import LARGEST_MESSAGE, DataChannelOffer, DtlsRole, Fingerprint

PATIENCE_S = 8.0
PORT = 5000
FIRST, LAST = 2, 1
# RFC 7053: acknowledge at once.
IMMEDIATE = 8
STATE_COOKIE = 7
# What the association may hold, and what a piece of it costs beside its payload.
WINDOW, OVERHEAD = 160 * 1024, 128
HELD_BYTES = WINDOW + WINDOW // 3
T = TypeVar("T", bound=Chunk)


class Peer:
    """The client's end in bare SCTP: every chunk is the test's, and nothing is sent again by itself."""

    def __init__(self, dtls: DtlsSession) -> None:
        self._dtls = dtls
        self._tag = 0
        self._tsn = 1_000
        self.empty_window = 0
        """What the association says it has room for when it holds nothing."""
        self._chunks: asyncio.Queue[Chunk] = asyncio.Queue()
        dtls.receive_application(self._take)

    async def associate(self) -> None:
        hello = InitChunk()
        hello.initiate_tag, hello.advertised_rwnd, hello.initial_tsn = 7, 1 << 20, self._tsn
        hello.outbound_streams = hello.inbound_streams = 65_535
        await self.send(hello)
        accepted = await self.next_of(InitAckChunk)
        self._tag = accepted.initiate_tag
        self.empty_window = accepted.advertised_rwnd
        await self.send(CookieEchoChunk(body=dict(accepted.params)[STATE_COOKIE]))
        await self.next_of(CookieAckChunk)

    async def open_events(self, stream: int = 0) -> None:
        label = b"oai-events"
        opening = struct.pack("!BBHLHH", 3, 0, 0, 0, len(label), 0) + label
        await self.send_answered(self.data(opening, stream, WEBRTC_DCEP))

    def data(self, text: bytes, stream: int, protocol: int = WEBRTC_STRING, flags: int = FIRST | LAST) -> DataChunk:
        """The next chunk in order."""
        chunk = DataChunk(flags=flags)
        chunk.tsn, self._tsn = self._tsn, self._tsn + 1
        chunk.stream_id, chunk.protocol, chunk.user_data = stream, protocol, text
        return chunk

    def message(self, text: bytes, *, stream: int, number: int, fragment: int) -> list[DataChunk]:
        pieces = [text[start : start + fragment] for start in range(0, len(text), fragment)]
        chunks = [self.data(piece, stream, flags=0) for piece in pieces]
        chunks[0].flags |= FIRST
        chunks[-1].flags |= LAST
        for chunk in chunks:
            chunk.stream_seq = number
        return chunks

    async def send(self, chunk: Chunk) -> None:
        self._dtls.send_application(serialize_packet(PORT, PORT, self._tag, chunk))

    async def send_answered(self, chunk: Chunk) -> SackChunk:
        if isinstance(chunk, DataChunk):
            chunk.flags |= IMMEDIATE
        await self.send(chunk)
        return await self.next_of(SackChunk)

    async def next_of(self, kind: type[T]) -> T:
        async with asyncio.timeout(PATIENCE_S):
            while not isinstance(chunk := await self._chunks.get(), kind):
                pass
            return chunk

    def has_heard_nothing(self) -> bool:
        return self._chunks.empty()

    def _take(self, packet: bytes) -> None:
        for chunk in parse_packet(packet)[3]:
            self._chunks.put_nowait(chunk)


@asynccontextmanager
async def associated() -> AsyncIterator[tuple[Peer, asyncio.Queue[str]]]:
    """A bare peer with an association, and the events that the channel hands on."""
    one, two = Certificate.generate(), Certificate.generate()
    prints = [Fingerprint("sha-256", certificate.fingerprint) for certificate in (one, two)]
    client = DtlsSession(one, DtlsRole.CLIENT, (prints[1],), lambda datagram: server.deliver(datagram))
    server = DtlsSession(two, DtlsRole.SERVER, (prints[0],), lambda datagram: client.deliver(datagram))
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(client.handshake(), server.handshake())
    events: asyncio.Queue[str] = asyncio.Queue()
    channel = EventsChannel(server, DataChannelOffer(PORT, LARGEST_MESSAGE), events.put_nowait)
    await channel.start()
    peer = Peer(client)
    await peer.associate()
    try:
        yield peer, events
    finally:
        await channel.stop()
        await client.close()
        await server.close()


async def test_a_message_without_end_is_not_kept_and_the_next_one_is_heard() -> None:
    async with associated() as (peer, events):
        await peer.open_events()
        for number in range(120):
            answer = await peer.send_answered(peer.data(b"x" * 1_000, 0, flags=0 if number else FIRST))
        assert answer.advertised_rwnd == peer.empty_window
        await peer.send_answered(peer.data(b"whole", 0))
        async with asyncio.timeout(PATIENCE_S):
            assert await events.get() == "whole"


async def test_tiny_fragments_without_an_end_cost_no_more_than_their_bytes() -> None:
    async with associated() as (peer, events):
        await peer.open_events()
        for number in range(500):
            answer = await peer.send_answered(peer.data(b"x", 0, flags=0 if number else FIRST))
        assert answer.advertised_rwnd == peer.empty_window
        await peer.send_answered(peer.data(b"y", 0, flags=LAST))
        async with asyncio.timeout(PATIENCE_S):
            assert await events.get() == "x" * 500 + "y"


async def test_an_aborted_association_takes_nothing_and_answers_nothing() -> None:
    async with associated() as (peer, events):
        await peer.open_events()
        await peer.send_answered(peer.data(b"x", 9, flags=FIRST))
        await peer.send(AbortChunk())
        await peer.send(peer.data(b"late", 0))
        await peer.send(InitChunk())
        # None of the three is answered: another association, begun afterwards in the same loop, comes up meanwhile.
        async with associated() as (other, _):
            await other.open_events()
        assert peer.has_heard_nothing()
        assert events.empty()


async def test_a_chunk_takes_a_least_part_of_the_window_whatever_its_size() -> None:
    async with associated() as (peer, _):
        peer.data(b"lost on the way", 9)
        first = await peer.send_answered(peer.data(b"x", 9, flags=0))
        second = await peer.send_answered(peer.data(b"x", 9, flags=0))
        assert first.advertised_rwnd - second.advertised_rwnd >= 100


async def test_tiny_chunks_behind_a_gap_are_held_up_to_a_limit_and_then_not_acknowledged() -> None:
    async with associated() as (peer, _):
        peer.data(b"lost on the way", 9)
        for _ in range(2_000):
            last = await peer.send_answered(peer.data(b"x", 9, flags=0))
        assert last.gaps == [(2, 1 + HELD_BYTES // (OVERHEAD + 1))]
        assert last.advertised_rwnd == 0


async def test_messages_on_streams_that_nobody_opened_are_acknowledged_and_forgotten() -> None:
    async with associated() as (peer, events):
        for stream in range(1_000):
            chunk = peer.data(b"x", stream)
            answer = await peer.send_answered(chunk)
            assert (answer.cumulative_tsn, answer.advertised_rwnd) == (chunk.tsn, peer.empty_window)
        assert events.empty()


async def test_a_forward_tsn_of_many_streams_is_taken_and_keeps_nothing() -> None:
    async with associated() as (peer, events):
        await peer.open_events()
        skip = ForwardTsnChunk()
        skip.cumulative_tsn = peer.data(b"abandoned", 0).tsn
        skip.streams = [(stream, 0) for stream in range(250)]
        answer = await peer.send_answered(skip)
        assert (answer.cumulative_tsn, answer.advertised_rwnd) == (skip.cumulative_tsn, peer.empty_window)
        await peer.send_answered(peer.data(b"whole", 0))
        async with asyncio.timeout(PATIENCE_S):
            assert await events.get() == "whole"


@pytest.mark.parametrize("fragment", [500, 1_100])
async def test_the_largest_message_arrives_in_fragments_of_any_usual_size(fragment: int) -> None:
    async with associated() as (peer, events):
        await peer.open_events()
        for number in (1, 2, 3):
            text = bytes([64 + number]) * LARGEST_MESSAGE
            for chunk in peer.message(text, stream=0, number=number, fragment=fragment):
                await peer.send_answered(chunk)
            async with asyncio.timeout(PATIENCE_S):
                assert (await events.get()).encode() == text


async def test_a_full_window_behind_a_lost_chunk_comes_through_once_it_is_sent_again() -> None:
    async with associated() as (peer, events):
        await peer.open_events()
        lost, *rest = peer.message(b"m" * LARGEST_MESSAGE, stream=0, number=1, fragment=1_100)
        behind = peer.message(b"n" * LARGEST_MESSAGE, stream=0, number=2, fragment=1_100)
        for chunk in rest + behind:
            await peer.send_answered(chunk)
        await peer.send_answered(lost)
        async with asyncio.timeout(PATIENCE_S):
            assert [(await events.get())[0], (await events.get())[0]] == ["m", "n"]
