"""A session and bare OpenSSL in the other role: after the handshake OpenSSL goes on, and our records against it."""

import asyncio
import struct
from contextlib import suppress

import pytest
from OpenSSL import SSL

from antiphon_transceiver.dtls import DtlsFailedError
from antiphon_transceiver.dtls_records import split
from antiphon_transceiver.media import SrtpProfile
from antiphon_transceiver.negotiation import DtlsRole, Fingerprint
from dtls_peer import PATIENCE_S, OpenSslPeer
from realtime_server import eventually


def sequences(datagrams: list[bytes]) -> list[int]:
    """Of the records under the keys."""
    found = []
    for datagram in datagrams:
        for record in split(datagram):
            epoch, high, low = struct.unpack_from("!HHL", record, 3)
            if epoch == 1:
                found.append(high << 32 | low)
    return found


@pytest.mark.parametrize("role", list(DtlsRole))
async def test_a_second_handshake_is_refused(role: DtlsRole) -> None:
    peer = OpenSslPeer(role)
    await peer.connect()
    with pytest.raises(SSL.Error, match="no renegotiation"):
        await peer.connect_again()
    await peer.session.close()


@pytest.mark.parametrize("role", list(DtlsRole))
@pytest.mark.parametrize("suite", ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"])
async def test_openssl_goes_on_with_our_records_and_we_with_its_own(role: DtlsRole, suite: str) -> None:
    peer = OpenSslPeer(role, ciphers=f"ECDHE-ECDSA-{suite}".encode())
    received: asyncio.Queue[bytes] = asyncio.Queue()
    peer.session.receive_application(received.put_nowait)
    await peer.connect()
    assert suite in (peer.ssl.get_cipher_name() or "")
    for payload in (b"x", b"a packet", bytes(1_160)):
        peer.session.send_application(payload)
        assert await peer.until_done(lambda: peer.ssl.recv(2_000)) == payload
        peer.ssl.send(payload)
        peer.flush()
        async with asyncio.timeout(PATIENCE_S):
            assert await received.get() == payload
    assert max(map(len, peer.sent_by_session)) <= 1200
    peer.ssl.shutdown()
    peer.flush()
    async with asyncio.timeout(PATIENCE_S):
        await peer.session.closed()
    await peer.session.close()
    with pytest.raises(SSL.ZeroReturnError):
        await peer.until_done(lambda: peer.ssl.recv(2_000))
    # Its Finished, in however many records, then data and the farewell: no number is used twice, and none is left out.
    assert sequences(peer.sent_by_session) == list(range(len(sequences(peer.sent_by_session))))


@pytest.mark.parametrize("role", list(DtlsRole))
@pytest.mark.parametrize("profile", list(SrtpProfile))
async def test_the_srtp_keys_are_those_that_the_other_side_exports(role: DtlsRole, profile: SrtpProfile) -> None:
    peer = OpenSslPeer(role, profiles=profile.value.encode())
    keys = await peer.connect()
    client, server = (keys.local_key, keys.remote_key) if role is DtlsRole.CLIENT else (keys.remote_key, keys.local_key)
    salts = (keys.local_salt, keys.remote_salt) if role is DtlsRole.CLIENT else (keys.remote_salt, keys.local_salt)
    material = client + server + b"".join(salts)
    assert keys.profile is profile
    assert peer.ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", len(material)) == material
    await peer.session.close()


@pytest.mark.parametrize("role", list(DtlsRole))
async def test_a_peer_without_srtp_is_refused(role: DtlsRole) -> None:
    peer = OpenSslPeer(role, profiles=b"")
    handshake = asyncio.create_task(peer.session.handshake())
    with suppress(SSL.Error):
        await peer.until_done(peer.ssl.do_handshake)
    with pytest.raises(DtlsFailedError):
        await handshake
    await peer.session.close()


async def test_a_client_that_did_not_hear_the_last_flight_gets_the_same_bytes_again_until_it_says_something() -> None:
    peer = OpenSslPeer(DtlsRole.SERVER)
    received: asyncio.Queue[bytes] = asyncio.Queue()
    peer.session.receive_application(received.put_nowait)
    handshake = asyncio.create_task(peer.session.handshake())
    with suppress(SSL.WantReadError):
        peer.ssl.do_handshake()
    peer.flush()
    await eventually(lambda: peer.sent_by_session)
    before = len(peer.sent_by_session)
    for datagram in peer.sent_by_session:
        peer.ssl.bio_write(datagram)
    with suppress(SSL.WantReadError):
        peer.ssl.do_handshake()
    peer.flush()
    await handshake
    last = peer.sent_by_session[before:]
    assert last
    # The timer of the client, which has heard nothing of them, runs out.
    await eventually(peer.ssl.DTLSv1_handle_timeout, within_s=PATIENCE_S)
    peer.flush()
    await peer.until_sent(before + 2 * len(last))
    assert peer.sent_by_session[-len(last) :] == last
    await eventually(peer.ssl.DTLSv1_handle_timeout, within_s=PATIENCE_S)
    late = peer.written()
    for datagram in last:
        peer.ssl.bio_write(datagram)
    peer.ssl.do_handshake()
    peer.ssl.send(b"heard")
    said = peer.written()
    peer.ssl.send(b"last")
    last_word = peer.written()
    peer.session.deliver(said)
    async with asyncio.timeout(PATIENCE_S):
        assert await received.get() == b"heard"
    # The same record again does nothing, nor does a Finished that was overtaken.
    count = len(peer.sent_by_session)
    peer.session.deliver(said)
    peer.session.deliver(late)
    peer.session.deliver(last_word)
    async with asyncio.timeout(PATIENCE_S):
        assert await received.get() == b"last"
    peer.session.send_application(b"answer")
    assert await peer.until_done(lambda: peer.ssl.recv(2_000)) == b"answer"
    assert len(peer.sent_by_session) == count + 1
    assert received.empty()
    await peer.session.close()


async def test_data_that_follows_a_finished_in_the_same_datagram_arrives() -> None:
    peer = OpenSslPeer(DtlsRole.CLIENT)
    received: asyncio.Queue[bytes] = asyncio.Queue()
    peer.session.receive_application(received.put_nowait)
    handshake = asyncio.create_task(peer.session.handshake())
    is_done = False
    while not is_done:
        await eventually(lambda: peer.sent_by_session)
        for datagram in peer.sent_by_session:
            peer.ssl.bio_write(datagram)
        peer.sent_by_session.clear()
        try:
            peer.ssl.do_handshake()
            peer.ssl.send(b"at once")
            is_done = True
        except SSL.WantReadError:
            pass
        peer.flush()
    await handshake
    async with asyncio.timeout(PATIENCE_S):
        assert await received.get() == b"at once"
    await peer.session.close()


async def test_a_handshake_that_is_hung_up_in_leaves_nothing_to_close() -> None:
    peer = OpenSslPeer(DtlsRole.CLIENT)
    handshake = asyncio.create_task(peer.session.handshake())
    await eventually(lambda: peer.sent_by_session)
    handshake.cancel()
    await asyncio.wait([handshake])
    await peer.session.close()
    peer.session.send_application(b"to nobody")
    assert len(peer.sent_by_session) == 1


RIGHT, WRONG, UNKNOWN = "right", "wrong", "unknown"


@pytest.mark.parametrize(
    ("prints", "is_taken"),
    [
        pytest.param({"sha-256": RIGHT}, True, id="the usual one"),
        pytest.param({"SHA-512": RIGHT}, True, id="another hash, in capitals"),
        pytest.param({"sha-256": RIGHT, "sha-384": RIGHT}, True, id="two that fit"),
        pytest.param({"sha-256": RIGHT, "sha-512": WRONG}, False, id="one of two does not fit"),
        pytest.param({"md5": UNKNOWN, "sha-384": RIGHT}, True, id="a hash that nobody should use, and one that fits"),
        pytest.param({"md5": UNKNOWN}, False, id="none that can be compared"),
        pytest.param({}, False, id="none at all"),
    ],
)
async def test_a_certificate_is_held_against_all_fingerprints_that_are_known(
    prints: dict[str, str], *, is_taken: bool
) -> None:
    peer = OpenSslPeer(DtlsRole.SERVER)
    values = {algorithm.lower(): value for algorithm, value in peer.fingerprints.items()}
    offered = {
        algorithm: values[algorithm.lower()] if kind == RIGHT else ":".join(["AB"] * 32)
        for algorithm, kind in prints.items()
    }
    peer.begin(tuple(Fingerprint(algorithm, value) for algorithm, value in offered.items()))
    if is_taken:
        await peer.connect()
    else:
        with pytest.raises(DtlsFailedError):
            await peer.connect()
    await peer.session.close()
