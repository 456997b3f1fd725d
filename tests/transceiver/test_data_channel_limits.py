"""What a hostile SCTP peer can make the events channel hold, and what a slow but honest one may still send."""

import asyncio
import gc
import struct
from collections.abc import AsyncIterator, Iterable
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
    InboundStream,
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
STATE_COOKIE = 7
MOST_STREAMS = 16
T = TypeVar("T", bound=Chunk)


class Peer:
    """The client's end in bare SCTP: every chunk is the test's, and nothing is sent again by itself."""

    def __init__(self, dtls: DtlsSession) -> None:
        self._dtls = dtls
        self._tag = 0
        self._tsn = 1_000
        self._chunks: asyncio.Queue[Chunk] = asyncio.Queue()
        dtls.receive_application(self._take)

    async def associate(self) -> None:
        hello = InitChunk()
        hello.initiate_tag, hello.advertised_rwnd, hello.initial_tsn = 7, 1 << 20, self._tsn
        hello.outbound_streams = hello.inbound_streams = 65_535
        await self.send(hello)
        accepted = await self.next_of(InitAckChunk)
        self._tag = accepted.initiate_tag
        await self.send(CookieEchoChunk(body=dict(accepted.params)[STATE_COOKIE]))
        await self.next_of(CookieAckChunk)

    async def open_events(self, stream: int = 0) -> None:
        label = b"oai-events"
        await self.send(self.data(struct.pack("!BBHLHH", 3, 0, 0, 0, len(label), 0) + label, stream, WEBRTC_DCEP))

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
        await self._dtls.send_application(serialize_packet(PORT, PORT, self._tag, chunk))

    async def send_answered(self, chunk: Chunk) -> SackChunk:
        await self.send(chunk)
        return await self.next_of(SackChunk)

    async def next_of(self, kind: type[T]) -> T:
        async with asyncio.timeout(PATIENCE_S):
            while not isinstance(chunk := await self._chunks.get(), kind):
                pass
            return chunk

    async def until_aborted(self, chunks: Iterable[Chunk]) -> None:
        """Sends until an ABORT is the answer."""
        for chunk in chunks:
            await self.send(chunk)
            if isinstance(await self._next_answer(), AbortChunk):
                return
        pytest.fail("the association was not aborted")

    async def _next_answer(self) -> Chunk:
        async with asyncio.timeout(PATIENCE_S):
            while not isinstance(chunk := await self._chunks.get(), SackChunk | AbortChunk):
                pass
            return chunk

    async def _take(self, packet: bytes) -> None:
        for chunk in parse_packet(packet)[3]:
            self._chunks.put_nowait(chunk)


@asynccontextmanager
async def associated() -> AsyncIterator[tuple[Peer, asyncio.Queue[str]]]:
    """A bare peer with an association, and the events that the channel hands on."""
    one, two = Certificate.generateCertificate(), Certificate.generateCertificate()
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


def held_streams() -> int:
    return sum(isinstance(thing, InboundStream) for thing in gc.get_objects())


async def test_tiny_fragments_without_an_end_abort_the_association() -> None:
    async with associated() as (peer, _):
        await peer.send_answered(peer.data(b"x", 9, flags=FIRST))
        await peer.until_aborted(peer.data(b"x", 9, flags=0) for _ in range(300))


async def test_an_aborted_association_holds_nothing_and_takes_nothing() -> None:
    before = held_streams()
    async with associated() as (peer, events):
        await peer.open_events()
        await peer.until_aborted(peer.data(b"x", 9, flags=FIRST) for _ in range(300))
        await peer.send(peer.data(b"late", 0))
        await peer.send(InitChunk())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await peer.next_of(InitAckChunk)
        assert events.empty()
        assert held_streams() == before


async def test_a_chunk_takes_a_least_part_of_the_window_whatever_its_size() -> None:
    async with associated() as (peer, _):
        first = await peer.send_answered(peer.data(b"x", 9, flags=FIRST))
        second = await peer.send_answered(peer.data(b"x", 9, flags=0))
        assert first.advertised_rwnd - second.advertised_rwnd >= 256


async def test_tiny_chunks_behind_a_gap_are_held_up_to_a_limit_and_then_not_acknowledged() -> None:
    async with associated() as (peer, _):
        peer.data(b"lost on the way", 9)
        for _ in range(200):
            last = await peer.send_answered(peer.data(b"x", 9, flags=0))
        assert last.gaps == [(2, 129)]


async def test_streams_above_the_limit_are_acknowledged_and_forgotten() -> None:
    before = held_streams()
    async with associated() as (peer, _):
        for stream in range(100):
            chunk = peer.data(b"x", stream)
            assert (await peer.send_answered(chunk)).cumulative_tsn == chunk.tsn
        assert held_streams() - before <= MOST_STREAMS


async def test_a_forward_tsn_makes_no_streams_above_the_limit() -> None:
    before = held_streams()
    async with associated() as (peer, _):
        skip = ForwardTsnChunk()
        skip.cumulative_tsn = peer.data(b"abandoned", 0).tsn
        skip.streams = [(stream, 0) for stream in range(250)]
        await peer.send_answered(skip)
        assert held_streams() - before <= MOST_STREAMS


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
