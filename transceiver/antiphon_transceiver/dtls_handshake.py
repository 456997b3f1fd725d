"""A DTLS 1.2 handshake in memory, by OpenSSL: datagrams and expired timers in, datagrams out, in the end the keys."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from cryptography.hazmat.primitives import hashes
from OpenSSL import SSL

from antiphon_transceiver._extension import DtlsRecords
from antiphon_transceiver.certificate import Certificate
from antiphon_transceiver.dtls_records import packed, sequence_after, split
from antiphon_transceiver.media import SrtpKeys, SrtpProfile
from antiphon_transceiver.negotiation import DtlsRole, Fingerprint

LARGEST_DATAGRAM = 1200
"""Bytes that the hop has room for."""

_HASHES = {"sha-256": hashes.SHA256(), "sha-384": hashes.SHA384(), "sha-512": hashes.SHA512()}
# A flight of ours has four at most, and goes out four times; each of the peer's retransmissions may ask for one again.
_MOST_SENT = 64
# More than a flight.
_READ_BYTES = 65_536


class Progress(Enum):
    UNDER_WAY = "under way"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Secured:
    """What a handshake comes to."""

    keys: SrtpKeys
    records: DtlsRecords
    last_flight: tuple[bytes, ...]
    """As a server: what a client that says Finished again has not heard."""


class Handshake:
    """Whose certificate it is, is not known before `secured` says so."""

    def __init__(self, certificate: Certificate, role: DtlsRole) -> None:
        self.progress = Progress.UNDER_WAY
        self._is_client = role is DtlsRole.CLIENT
        self._ssl = SSL.Connection(certificate.context, None)
        self._ssl.set_ciphertext_mtu(LARGEST_DATAGRAM)
        if self._is_client:
            self._ssl.set_connect_state()
        else:
            self._ssl.set_accept_state()
        self._next_sequence = 0
        self._sent = 0
        self._last_flight: tuple[bytes, ...] = ()

    def begin(self) -> list[bytes]:
        """Datagrams to send."""
        return self._advance()

    def take(self, datagram: bytes) -> list[bytes]:
        """Of the peer; datagrams to send."""
        self._ssl.bio_write(datagram)
        return self._advance()

    def timeout_s(self) -> float | None:
        """When `expire` is to be called if nothing comes; None: never."""
        return self._ssl.DTLSv1_get_timeout()

    def expire(self) -> list[bytes]:
        """Datagrams to send again."""
        try:
            self._ssl.DTLSv1_handle_timeout()
        except SSL.Error:
            self.progress = Progress.FAILED
        return self._flight()

    def secured(self, fingerprints: Iterable[Fingerprint]) -> Secured | None:
        """After the handshake; None if the peer has not the certificate of its offer, or no SRTP profile of ours."""
        if self.progress is not Progress.DONE or not self._is_of(fingerprints):
            return None
        profile = next((p for p in SrtpProfile if p.value.encode() == self._ssl.get_selected_srtp_profile()), None)
        if profile is None:
            return None
        return Secured(self._srtp_keys(profile), self._records(), () if self._is_client else self._last_flight)

    def farewell(self) -> list[bytes]:
        """Tells a peer that took the handshake for complete that it is not."""
        try:
            self._ssl.shutdown()
        except SSL.Error:
            # It is not: the alert of the failure has been sent.
            return []
        return self._flight()

    def _advance(self) -> list[bytes]:
        try:
            self._ssl.do_handshake()
            self.progress = Progress.DONE
        except SSL.WantReadError:
            pass
        except SSL.Error:
            self.progress = Progress.FAILED
        return self._flight()

    def _flight(self) -> list[bytes]:
        try:
            records = split(self._ssl.bio_read(_READ_BYTES))
        except SSL.WantReadError:
            return []
        self._next_sequence = max(self._next_sequence, sequence_after(records))
        flight = packed(records, LARGEST_DATAGRAM)
        self._sent += len(flight)
        if self._sent > _MOST_SENT and self.progress is Progress.UNDER_WAY:
            # Somebody makes us talk: OpenSSL answers each HelloVerifyRequest, however many came before.
            self.progress = Progress.FAILED
            return []
        self._last_flight = tuple(flight)
        return flight

    def _is_of(self, fingerprints: Iterable[Fingerprint]) -> bool:
        """RFC 8122 section 5 wants one that fits; none of those that can be compared may differ, and there is one."""
        certificate = self._ssl.get_peer_certificate(as_cryptography=True)
        known = [print_ for print_ in fingerprints if print_.algorithm.lower() in _HASHES]
        return (
            certificate is not None
            and bool(known)
            and all(
                certificate.fingerprint(_HASHES[print_.algorithm.lower()]).hex(":") == print_.value.lower()
                for print_ in known
            )
        )

    def _srtp_keys(self, profile: SrtpProfile) -> SrtpKeys:
        key, salt = profile.key_length, profile.salt_length
        # RFC 5764 section 4.2: client key, server key, client salt, server salt.
        material = self._ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key + salt))
        ours, theirs = (0, 1) if self._is_client else (1, 0)
        return SrtpKeys(
            profile=profile,
            local_key=material[ours * key :][:key],
            local_salt=material[2 * key + ours * salt :][:salt],
            remote_key=material[theirs * key :][:key],
            remote_salt=material[2 * key + theirs * salt :][:salt],
        )

    def _records(self) -> DtlsRecords:
        """Goes on where OpenSSL stands; its Finished may have taken several records, and several times."""
        return DtlsRecords(
            self._ssl.get_cipher_name() or "",
            master_secret=self._ssl.master_key() or b"",
            client_random=self._ssl.client_random() or b"",
            server_random=self._ssl.server_random() or b"",
            is_client=self._is_client,
            next_sequence=self._next_sequence,
        )
