"""Two DTLS sessions joined in memory, over a network that the test may make lossy."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from antiphon_transceiver.dtls import Certificate, DtlsFailedError, DtlsSession
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
    one, two = Certificate.generateCertificate(), Certificate.generateCertificate()
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
    await pair.close()


async def test_no_datagram_of_a_handshake_is_larger_than_the_hop_has_room_for() -> None:
    pair = joined()
    await pair.handshake()
    assert max(len(datagram) for datagram in pair.datagrams) <= 1200
    await pair.close()


@pytest.mark.parametrize("lost", [1, 2, 3, 4])
async def test_a_lost_flight_is_sent_again(lost: int) -> None:
    pair = joined(passes=lambda number: number != lost)
    client, server = await pair.handshake()
    assert client.local_key == server.remote_key
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
    pair.server.receive_application(received.put)
    await pair.handshake()
    await pair.client.send_application(b"hello")
    async with asyncio.timeout(PATIENCE_S):
        assert await received.get() == b"hello"
        await pair.client.close()
        await pair.server.closed()
    await pair.server.send_application(b"into the void")
    await pair.close()


async def test_garbage_during_a_handshake_changes_nothing() -> None:
    pair = joined()
    for garbage in (b"\x16", b"\x16\xfe\xfd" + bytes(60), b"\x3f" * 1500, b"\x14\xfe\xfd" + b"\xff" * 20):
        pair.server.deliver(garbage)
        pair.client.deliver(garbage)
    client, server = await pair.handshake()
    assert client.local_key == server.remote_key
    await pair.close()
