"""DTLS 1.2 for one call: aiortc's RTCDtlsTransport below RTCPeerConnection, datagrams in and SRTP keys out.

The only file that knows private names of `aiortc.rtcdtlstransport` (as of 1.16): `_create_ssl_context`, `_role`,
`_set_role`, `_setup_srtp`, `_ssl`, `_recv_next`, `_write_ssl`, `_state`, `_set_state`, `_register_data_receiver`,
`_send_data`. aiortc has no public way to share a context, to choose ciphers, to hand out the SRTP keys or to leave SRTP
to others, and it reads one record of each datagram.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import cast

from aiortc.rtcdtlstransport import (
    SRTP_PROFILES,
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    SRTPProtectionProfile,
    State,
)
from aiortc.rtcicetransport import RTCIceTransport
from OpenSSL import SSL

from antiphon_transceiver.dtls_records import holds_few_records
from antiphon_transceiver.media import SrtpKeys, SrtpProfile
from antiphon_transceiver.negotiation import DtlsRole, Fingerprint

logger = logging.getLogger(__name__)

# Datagrams that wait for OpenSSL: a handshake is four flights, and SCTP retransmits what is dropped.
_QUEUE_LIMIT = 64
_LARGEST_DATAGRAM = 1500
# AEAD only: every WebRTC stack has the first (RFC 8827 section 6.5), and a record adds at most 37 bytes. The RSA half
# is for clients with an RSA certificate: as our DTLS server they can sign with nothing else.
_CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    b"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    b"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
)


class DtlsFailedError(Exception):
    """The handshake failed, or the client's certificate is not the one of its offer."""


class Certificate(RTCCertificate):
    """The process's certificate, with one OpenSSL context for all calls."""

    _context: SSL.Context | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256, as in a=fingerprint."""
        return next(print_.value for print_ in self.getFingerprints() if print_.algorithm == "sha-256")

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        if self._context is None:
            self._context = super()._create_ssl_context(srtp_profiles)
            self._context.set_cipher_list(_CIPHERS)
            # RFC 8827 section 6.5. A second handshake costs as much as the first, as often as the client likes, and
            # nobody would compare its certificate with the offer's.
            self._context.set_options(SSL.OP_NO_RENEGOTIATION)
        return self._context


class Certificates:
    """The certificate of new calls: made once, and anew before it expires."""

    _RENEWED_BEFORE = timedelta(days=7)

    def __init__(self) -> None:
        self._current = Certificate.generateCertificate()

    def current(self) -> Certificate:
        if self._current.expires - datetime.now(UTC) < self._RENEWED_BEFORE:
            self._current = Certificate.generateCertificate()
        return self._current


class DtlsSession:
    """One call's DTLS association. `deliver` takes records from a checked address, `send` is where ours go."""

    def __init__(
        self,
        certificate: Certificate,
        role: DtlsRole,
        fingerprints: tuple[Fingerprint, ...],
        send: Callable[[bytes], object],
    ) -> None:
        self.role = role
        self._leg = _Leg(send)
        self._transport = _Transport(self._leg, certificate, role)
        self._parameters = RTCDtlsParameters([RTCDtlsFingerprint(f.algorithm, f.value) for f in fingerprints])

    @property
    def discarded(self) -> int:
        """Datagrams that OpenSSL never saw: too many waited, or they held more than a few records."""
        return self._leg.discarded

    def deliver(self, datagram: bytes) -> None:
        self._leg.deliver(datagram)

    async def handshake(self) -> SrtpKeys:
        """Runs the handshake and checks the client's certificate; raises DtlsFailedError."""
        await self._transport.start(self._parameters)
        if self._transport.keys is None:
            await self._transport.refuse()
            raise DtlsFailedError
        return self._transport.keys

    async def closed(self) -> None:
        """Returns when the client has closed the association (close_notify)."""
        await self._transport.closed.wait()

    def receive_application(self, receive: Callable[[bytes], Awaitable[None]]) -> None:
        """Hands the association's application data to `receive`, which must not raise."""
        self._transport.receive_application(receive)

    async def send_application(self, data: bytes) -> None:
        """Sends application data; after the end it is dropped, as the network could have dropped it."""
        await self._transport.send_application(data)

    async def close(self) -> None:
        """Says close_notify and stops."""
        try:
            await self._transport.stop()
        finally:
            self._leg.close()


class _Leg:
    """What RTCDtlsTransport asks of an ICE transport, and no more."""

    role = "controlled"

    def __init__(self, send: Callable[[bytes], object]) -> None:
        self.discarded = 0
        self._datagrams: asyncio.Queue[bytes] = asyncio.Queue(_QUEUE_LIMIT)
        self._datagram_sent = send
        self._open = True

    def deliver(self, datagram: bytes) -> None:
        if self._datagrams.full() or not holds_few_records(datagram):
            self.discarded += 1
        else:
            self._datagrams.put_nowait(datagram)

    async def _recv(self) -> bytes:
        datagram = await self._datagrams.get()
        if not self._open:
            raise ConnectionError
        return datagram

    async def _send(self, datagram: bytes) -> None:
        self._datagram_sent(datagram)

    def close(self) -> None:
        self._open = False
        if self._datagrams.empty():
            self._datagrams.put_nowait(b"")


class _Receiver:
    def __init__(self, receive: Callable[[bytes], Awaitable[None]]) -> None:
        self._receive = receive

    async def _handle_data(self, data: bytes) -> None:
        await self._receive(data)


class _Transport(RTCDtlsTransport):
    """RTCDtlsTransport that gives its SRTP keys away: our media protects its own packets."""

    def __init__(self, leg: _Leg, certificate: Certificate, role: DtlsRole) -> None:
        super().__init__(cast(RTCIceTransport, leg), [certificate])
        # The answer fixed the role; left alone aiortc would derive it from ICE.
        self._set_role("server" if role is DtlsRole.SERVER else "client")
        self.keys: SrtpKeys | None = None
        self._application: Callable[[bytes], Awaitable[None]] | None = None
        self.closed = asyncio.Event()
        self.on("statechange", self._note_closed)

    def receive_application(self, receive: Callable[[bytes], Awaitable[None]]) -> None:
        self._application = receive
        self._register_data_receiver(_Receiver(receive))

    async def send_application(self, data: bytes) -> None:
        if self._state is State.CONNECTED:
            await self._send_data(data)

    async def _recv_next(self) -> None:
        """One datagram, with all its records: what is left unread would pile up in OpenSSL's buffer."""
        await super()._recv_next()
        while self.encrypted and await self._read_record():
            pass
        # A full queue is read without a pause otherwise, and the loop belongs to every call of the pod.
        await asyncio.sleep(0)

    async def _read_record(self) -> bool:
        """Hands on the next record that waits in OpenSSL; False when there is none, ConnectionError at close_notify."""
        if self._ssl is None:
            return False
        try:
            data = self._ssl.recv(_LARGEST_DATAGRAM)
        except SSL.ZeroReturnError:
            raise ConnectionError from None
        except SSL.Error:
            return False
        finally:
            await self._write_ssl()
        if self._application is not None:
            await self._application(data)
        return True

    def _note_closed(self) -> None:
        if self.state == "closed":
            self.closed.set()

    def _setup_srtp(self) -> None:
        selected = self._ssl.get_selected_srtp_profile() if self._ssl else b""
        profile = next((p for p in SRTP_PROFILES if p.openssl_profile == selected), None)
        if profile is None or self._ssl is None:
            self._set_state(State.FAILED)
            return
        size = 2 * (profile.key_length + profile.salt_length)
        # RFC 5764 section 4.2: client key, server key, client salt, server salt.
        material = self._ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", size)
        ours, theirs = (1, 0) if self._role == "server" else (0, 1)
        key, salt = profile.key_length, profile.salt_length
        self.keys = SrtpKeys(
            profile=SrtpProfile(profile.openssl_profile.decode()),
            local_key=material[ours * key :][:key],
            local_salt=material[2 * key + ours * salt :][:salt],
            remote_key=material[theirs * key :][:key],
            remote_salt=material[2 * key + theirs * salt :][:salt],
        )

    async def refuse(self) -> None:
        """Tells a client that took the handshake for complete that it is not (wrong certificate, no SRTP profile)."""
        if self._ssl is None:
            return
        try:
            self._ssl.shutdown()
        except SSL.Error:
            return
        await self._write_ssl()
