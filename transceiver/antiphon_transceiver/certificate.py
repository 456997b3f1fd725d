"""The certificate that calls show in DTLS, with the one OpenSSL context that all of them share."""

from datetime import UTC, datetime, timedelta
from secrets import token_hex

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

# The records after the handshake are ours (`DtlsRecords`), and know no other version.
_DTLS_1_2 = 0xFEFD
# AEAD only: every WebRTC stack has the first (RFC 8827 section 6.5), and a record adds at most 37 bytes. The RSA half
# is for clients with an RSA certificate: as our DTLS server they can sign with nothing else.
_CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    b"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    b"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
)
_SRTP_PROFILES = b"SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"
_LIFE = timedelta(days=30)
_RENEWED_BEFORE = timedelta(days=7)
# For clients whose clocks are late.
_VALID_BEFORE = timedelta(days=1)


class Certificate:
    """A self-signed certificate of P-256, with its key and its context."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self.expires = certificate.not_valid_after_utc
        self.fingerprint = certificate.fingerprint(hashes.SHA256()).hex(":").upper()
        """SHA-256, as in a=fingerprint."""
        self.context = _context(key, certificate)

    @classmethod
    def generate(cls) -> "Certificate":
        key = ec.generate_private_key(ec.SECP256R1())
        # RFC 8827 section 6.5: nothing in it identifies anybody.
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, token_hex(16))])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        dated = builder.not_valid_before(now - _VALID_BEFORE).not_valid_after(now + _LIFE)
        return cls(key, dated.sign(key, hashes.SHA256()))

    def is_due(self, now: datetime) -> bool:
        """New calls need another one: a call may last until tomorrow."""
        return self.expires - now < _RENEWED_BEFORE


class Certificates:
    """The certificate of new calls: made once, and anew before it expires."""

    def __init__(self) -> None:
        self._current = Certificate.generate()

    def current(self) -> Certificate:
        if self._current.is_due(datetime.now(UTC)):
            self._current = Certificate.generate()
        return self._current


def _context(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> SSL.Context:
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_min_proto_version(_DTLS_1_2)
    context.set_max_proto_version(_DTLS_1_2)
    context.use_certificate(certificate)
    context.use_privatekey(key)
    context.set_cipher_list(_CIPHERS)
    context.set_tlsext_use_srtp(_SRTP_PROFILES)
    # Whose certificate it is, the offer's fingerprints say.
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
    # Whatever chain comes with it: its signatures would be verified for a callback that says yes to all of them.
    context.set_verify_depth(0)
    # Nobody resumes a session, so none is kept and no ticket makes a flight longer.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    # RFC 8827 section 6.5. A second handshake costs as much as the first, as often as the client likes, and nobody
    # would compare its certificate with the offer's.
    context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_QUERY_MTU)
    return context
