"""Bare OpenSSL as the other end of a DtlsSession, joined in memory."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from aiortc.rtcdtlstransport import SRTP_PROFILES, RTCCertificate
from OpenSSL import SSL

from antiphon_transceiver.dtls import Certificate, DtlsSession
from antiphon_transceiver.media import SrtpKeys, SrtpProfile
from antiphon_transceiver.negotiation import DtlsRole, Fingerprint
from realtime_server import eventually

PATIENCE_S = 8.0
ALL_PROFILES = b":".join(profile.value.encode() for profile in SrtpProfile)
T = TypeVar("T")


class OpenSslPeer:
    """Bare OpenSSL in the other role: it offers what it is told to, and may ask for a second handshake."""

    def __init__(self, session_role: DtlsRole, *, profiles: bytes = ALL_PROFILES, ciphers: bytes | None = None) -> None:
        certificate = RTCCertificate.generateCertificate()
        context = certificate._create_ssl_context(SRTP_PROFILES)
        if profiles:
            context.set_tlsext_use_srtp(profiles)
        else:
            context = _without_srtp(certificate)
        if ciphers is not None:
            context.set_cipher_list(ciphers)
        self.ssl = SSL.Connection(context)
        self.ssl.set_ciphertext_mtu(1200)
        if session_role is DtlsRole.SERVER:
            self.ssl.set_connect_state()
        else:
            self.ssl.set_accept_state()
        self._incoming: asyncio.Queue[bytes] = asyncio.Queue()
        self.sent_by_session: list[bytes] = []
        self._session_role = session_role
        self.fingerprints = {print_.algorithm: print_.value for print_ in certificate.getFingerprints()}
        self.begin((Fingerprint("sha-256", self.fingerprints["sha-256"]),))

    def begin(self, fingerprints: tuple[Fingerprint, ...]) -> None:
        """A session of another offer."""
        self.session = DtlsSession(Certificate.generate(), self._session_role, fingerprints, self._receive)

    def _receive(self, datagram: bytes) -> None:
        self.sent_by_session.append(datagram)
        self._incoming.put_nowait(datagram)

    async def connect(self) -> SrtpKeys:
        handshake = asyncio.create_task(self.session.handshake())
        await self.until_done(self.ssl.do_handshake)
        return await handshake

    async def connect_again(self) -> None:
        """Raises SSL.Error when the session refuses."""
        self.ssl.renegotiate()
        with suppress(SSL.WantReadError):
            self.ssl.do_handshake()
        while self.ssl.renegotiate_pending():
            await self.until_done(lambda: self.ssl.recv(1500))

    async def until_done(self, step: Callable[[], T]) -> T:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    return step()
                except SSL.WantReadError:
                    pass
                finally:
                    self.flush()
                self.ssl.bio_write(await self._incoming.get())

    async def until_sent(self, datagrams: int) -> None:
        await eventually(lambda: len(self.sent_by_session) == datagrams, within_s=PATIENCE_S)

    def flush(self) -> None:
        if written := self.written():
            self.session.deliver(written)

    def written(self) -> bytes:
        with suppress(SSL.WantReadError):
            return self.ssl.bio_read(65_536)
        return b""


def _without_srtp(certificate: RTCCertificate) -> SSL.Context:
    context = SSL.Context(SSL.DTLS_METHOD)
    context.use_certificate(certificate._cert)
    context.use_privatekey(certificate._key)
    context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    return context
