"""Two DTLS sessions joined in memory, over a network that the test may make lossy."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest
from aiortc.rtcdtlstransport import SRTP_PROFILES, RTCCertificate
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


async def next_datagrams(pair: Pair, texts: list[bytes]) -> list[bytes]:
    """What the client would send for these texts, kept from the network."""
    before = len(pair.datagrams)
    for text in texts:
        await pair.client.send_application(text)
    return pair.datagrams[before:]


async def test_all_records_of_a_datagram_are_read_at_once() -> None:
    connected = asyncio.Event()
    pair = joined(passes=lambda _: not connected.is_set())
    received: list[bytes] = []
    got_last = asyncio.Event()

    async def receive(data: bytes) -> None:
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
    pair.server.receive_application(received.put)
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

    async def receive(_: bytes) -> None:
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


class OpenSslPeer:
    """Bare OpenSSL in the other role: unlike aiortc it may ask for a second handshake, and says what became of it."""

    def __init__(self, session_role: DtlsRole) -> None:
        certificate = RTCCertificate.generateCertificate()
        self._ssl = SSL.Connection(certificate._create_ssl_context(SRTP_PROFILES))
        if session_role is DtlsRole.SERVER:
            self._ssl.set_connect_state()
        else:
            self._ssl.set_accept_state()
        self._incoming: asyncio.Queue[bytes] = asyncio.Queue()
        fingerprint = next(print_.value for print_ in certificate.getFingerprints() if print_.algorithm == "sha-256")
        self.session = DtlsSession(
            Certificate.generateCertificate(),
            session_role,
            (Fingerprint("sha-256", fingerprint),),
            self._incoming.put_nowait,
        )

    async def connect(self) -> None:
        handshake = asyncio.create_task(self.session.handshake())
        await self._until_done(self._ssl.do_handshake)
        await handshake

    async def connect_again(self) -> None:
        """Raises SSL.Error when the session refuses."""
        self._ssl.renegotiate()
        with suppress(SSL.WantReadError):
            self._ssl.do_handshake()
        while self._ssl.renegotiate_pending():
            await self._until_done(lambda: self._ssl.recv(1500))

    async def _until_done(self, step: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    step()
                    return
                except SSL.WantReadError:
                    if self._ssl.total_renegotiations() and not self._ssl.renegotiate_pending():
                        return
                finally:
                    self._flush()
                self._ssl.bio_write(await self._incoming.get())

    def _flush(self) -> None:
        with suppress(SSL.WantReadError):
            self.session.deliver(self._ssl.bio_read(1500))


@pytest.mark.parametrize("role", list(DtlsRole))
async def test_a_second_handshake_is_refused(role: DtlsRole) -> None:
    peer = OpenSslPeer(role)
    await peer.connect()
    with pytest.raises(SSL.Error, match="no renegotiation"):
        await peer.connect_again()
    await peer.session.close()
