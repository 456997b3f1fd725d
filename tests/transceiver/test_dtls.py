"""Two DTLS sessions joined in memory, over a network that the test may make lossy."""

import asyncio
import gc
import struct
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from OpenSSL import SSL

from antiphon_transceiver.dtls import Certificate, DtlsFailedError, DtlsSession
from antiphon_transceiver.dtls_records import MOST_RECORDS
from antiphon_transceiver.media import SrtpKeys
from antiphon_transceiver.negotiation import DtlsRole, Fingerprint

PATIENCE_S = 8.0


@dataclass
class Pair:
    """`passes(number)` says whether the datagram of that number, counted over both directions, arrives."""

    client: DtlsSession
    server: DtlsSession
    datagrams: list[bytes]

    async def handshake(self) -> tuple[SrtpKeys, SrtpKeys]:
        async with asyncio.timeout(PATIENCE_S):
            client, server = await asyncio.gather(self.client.handshake(), self.server.handshake())
        return client, server

    async def close(self) -> None:
        await self.client.close()
        await self.server.close()


def fingerprint_of(certificate: Certificate) -> Fingerprint:
    return Fingerprint("sha-256", certificate.fingerprint)


def joined(passes: Callable[[int], bool] = lambda number: True, client_fingerprint: Fingerprint | None = None) -> Pair:
    one, two = Certificate.generate(), Certificate.generate()
    datagrams: list[bytes] = []

    def deliver(to: str, datagram: bytes) -> None:
        datagrams.append(datagram)
        if passes(len(datagrams)):
            getattr(pair, to).deliver(datagram)

    pair = Pair(
        DtlsSession(one, DtlsRole.CLIENT, (fingerprint_of(two),), lambda data: deliver("server", data)),
        DtlsSession(
            two,
            DtlsRole.SERVER,
            (client_fingerprint or fingerprint_of(one),),
            lambda data: deliver("client", data),
        ),
        datagrams,
    )
    return pair


async def test_both_sides_hold_the_same_keys_crosswise() -> None:
    pair = joined()
    client, server = await pair.handshake()
    assert client.profile is server.profile
    assert (client.local_key, client.local_salt) == (server.remote_key, server.remote_salt)
    assert (client.remote_key, client.remote_salt) == (server.local_key, server.local_salt)
    assert client.local_key != client.remote_key
    assert (pair.client.discarded, pair.server.discarded) == (0, 0)
    await pair.close()


async def test_after_the_handshake_nothing_of_openssl_is_left() -> None:
    before = connections()
    pair = joined()
    await pair.handshake()
    # The peer of another connection in this process may go at any time.
    assert connections() <= before
    await pair.close()


def connections() -> int:
    gc.collect()
    return sum(isinstance(held, SSL.Connection) for held in gc.get_objects())


async def test_no_datagram_of_a_handshake_is_larger_than_the_hop_has_room_for() -> None:
    pair = joined()
    await pair.handshake()
    assert max(len(datagram) for datagram in pair.datagrams) <= 1200
    await pair.close()


@pytest.mark.parametrize("lost", [1, 2, 3, 4])
async def test_a_lost_flight_is_sent_again_and_no_number_of_it_is_used_for_data(lost: int) -> None:
    pair = joined(passes=lambda number: number != lost)
    received: asyncio.Queue[bytes] = asyncio.Queue()
    pair.client.receive_application(received.put_nowait)
    pair.server.receive_application(received.put_nowait)
    client, server = await pair.handshake()
    assert client.local_key == server.remote_key
    async with asyncio.timeout(PATIENCE_S):
        for end, other in ((b"to the server", pair.client), (b"to the client", pair.server)):
            other.send_application(end)
            assert await received.get() == end
    await pair.close()


async def test_a_certificate_of_another_fingerprint_is_refused() -> None:
    pair = joined(client_fingerprint=Fingerprint("sha-256", ":".join(["00"] * 32)))
    client = asyncio.create_task(pair.client.handshake())
    with pytest.raises(DtlsFailedError):
        await pair.server.handshake()
    await client
    async with asyncio.timeout(PATIENCE_S):
        await pair.client.closed()
    await pair.close()


async def test_application_data_arrives_and_a_close_is_noticed() -> None:
    pair = joined()
    received: asyncio.Queue[bytes] = asyncio.Queue()
    pair.server.receive_application(received.put_nowait)
    await pair.handshake()
    pair.client.send_application(b"hello")
    async with asyncio.timeout(PATIENCE_S):
        assert await received.get() == b"hello"
        await pair.client.close()
        await pair.server.closed()
    pair.server.send_application(b"into the void")
    await pair.close()


async def test_garbage_during_a_handshake_changes_nothing() -> None:
    pair = joined()
    for garbage in (b"\x16", b"\x16\xfe\xfd" + bytes(60), b"\x3f" * 1500, b"\x14\xfe\xfd" + b"\xff" * 20):
        pair.server.deliver(garbage)
        pair.client.deliver(garbage)
    client, server = await pair.handshake()
    assert client.local_key == server.remote_key
    await pair.close()


def clear_record(kind: int, body: bytes, *, number: int = 77) -> bytes:
    return struct.pack("!BHHHLH", kind, 0xFEFD, 0, number >> 32, number & 0xFFFFFFFF, len(body)) + body


FORGED = [
    pytest.param(clear_record(21, b"\2\x28"), id="an alert that it has failed"),
    pytest.param(clear_record(21, b"\1\0"), id="close_notify"),
    pytest.param(clear_record(21, b"\1"), id="half an alert"),
    pytest.param(clear_record(23, b"data"), id="data without keys"),
    pytest.param(clear_record(99, b"data"), id="a type that is none"),
    pytest.param(clear_record(20, b"\2"), id="a wrong ChangeCipherSpec"),
    pytest.param(clear_record(22, b"\2\0\0"), id="half a message"),
    pytest.param(clear_record(22, b"\2\0\0\x28\0\0\0\0\x1e\0\0\x28" + bytes(40)), id="a fragment beyond its message"),
    pytest.param(clear_record(22, b"\x14\0\0\x0c\0\0\0\0\0\0\0\x0c" + bytes(12)), id="Finished without keys"),
    pytest.param(clear_record(22, b"\0\0\0\0" + bytes(8), number=2**48 - 1), id="a number after which none is new"),
]


@pytest.mark.parametrize("forged", FORGED)
async def test_what_others_send_in_the_clear_neither_ends_a_handshake_nor_slows_it_down(forged: bytes) -> None:
    def disturb(_number: int) -> bool:
        pair.client.deliver(forged)
        pair.server.deliver(forged)
        return True

    quiet, pair = joined(), joined(passes=disturb)
    await quiet.handshake()
    client, server = await pair.handshake()
    assert client.local_key == server.remote_key
    assert len(pair.datagrams) == len(quiet.datagrams)
    assert min(pair.client.discarded, pair.server.discarded) > 0
    for one in (quiet, pair):
        await one.close()


async def test_a_handshake_of_which_nothing_comes_after_an_alert_has_failed() -> None:
    pair = joined(passes=lambda _: False)
    pair.client.deliver(clear_record(21, b"\2\x28"))
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(DtlsFailedError):
            await pair.client.handshake()
    await pair.close()


async def test_the_loop_turns_between_two_datagrams_of_a_handshake() -> None:
    pair = joined()
    # Of the epoch to come: kept, and dropped when there are keys.
    garbage = b"\x17\xfe\xfd\0\1" + bytes(6) + b"\0\x20" + bytes(32)
    for _ in range(64):
        pair.server.deliver(garbage)
    handshake = asyncio.create_task(pair.server.handshake())
    for _ in range(4):
        await asyncio.sleep(0)
    for _ in range(64):
        pair.server.deliver(garbage)
    # What could be delivered was read in those few turns.
    assert pair.server.discarded >= 60
    client = asyncio.create_task(pair.client.handshake())
    async with asyncio.timeout(PATIENCE_S):
        assert (await client).local_key == (await handshake).remote_key
    await pair.close()


async def next_datagrams(pair: Pair, texts: list[bytes]) -> list[bytes]:
    """What the client would send for these texts, kept from the network."""
    before = len(pair.datagrams)
    for text in texts:
        pair.client.send_application(text)
    return pair.datagrams[before:]


async def test_all_records_of_a_datagram_are_read_at_once() -> None:
    connected = asyncio.Event()
    pair = joined(passes=lambda _: not connected.is_set())
    received: list[bytes] = []
    got_last = asyncio.Event()

    def receive(data: bytes) -> None:
        received.append(data)
        if data == texts[-1]:
            got_last.set()

    texts = [b"record %d" % number for number in range(MOST_RECORDS)]
    pair.server.receive_application(receive)
    await pair.handshake()
    connected.set()
    pair.server.deliver(b"".join(await next_datagrams(pair, texts)))
    async with asyncio.timeout(PATIENCE_S):
        await got_last.wait()
    assert received == texts
    assert pair.server.discarded == 0
    await pair.close()


async def test_a_datagram_of_too_many_records_is_discarded_and_counted() -> None:
    connected = asyncio.Event()
    pair = joined(passes=lambda _: not connected.is_set())
    received: asyncio.Queue[bytes] = asyncio.Queue()
    pair.server.receive_application(received.put_nowait)
    await pair.handshake()
    connected.set()
    pair.server.deliver(b"".join(await next_datagrams(pair, [b"too many"] * (MOST_RECORDS + 1))))
    pair.server.deliver(b"".join(await next_datagrams(pair, [b"fine"])))
    async with asyncio.timeout(PATIENCE_S):
        assert await received.get() == b"fine"
    assert pair.server.discarded == 1
    await pair.close()


async def test_the_loop_turns_between_two_datagrams_of_a_burst() -> None:
    connected = asyncio.Event()
    pair = joined(passes=lambda _: not connected.is_set())
    turns = 0
    seen: list[int] = []
    done = asyncio.Event()

    def turn() -> None:
        nonlocal turns
        turns += 1
        if not done.is_set():
            asyncio.get_running_loop().call_soon(turn)

    def receive(_: bytes) -> None:
        seen.append(turns)
        if len(seen) == 40:
            done.set()

    pair.server.receive_application(receive)
    await pair.handshake()
    connected.set()
    turn()
    for datagram in await next_datagrams(pair, [b"burst"] * 40):
        pair.server.deliver(datagram)
    async with asyncio.timeout(PATIENCE_S):
        await done.wait()
    assert len(set(seen)) == 40
    await pair.close()
