"""The certificates of a cluster that lives as long as a test run."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFE = timedelta(days=2)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Identity:
    """Whom a client certificate names to the API server."""

    user: str
    groups: tuple[str, ...] = ()

    def subject(self) -> x509.Name:
        organizations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in self.groups]
        return x509.Name([*organizations, x509.NameAttribute(NameOID.COMMON_NAME, self.user)])


class Authority:
    """A certificate authority that writes what it issues into a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        builder = self._builder(self._name, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.pair = self._write(name, builder.add_extension(usage, critical=True), self._key)

    @property
    def certificate(self) -> Path:
        return self.pair.certificate

    def client(self, file: str, identity: Identity) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        use = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = self._builder(identity.subject(), key.public_key()).add_extension(use, critical=False)
        return self._write(file, builder, key)

    def server(self, file: str, addresses: Sequence[str], names: Sequence[str]) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        use = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        known_as = x509.SubjectAlternativeName(
            [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
            + [x509.DNSName(name) for name in names]
        )
        builder = self._builder(Identity(file).subject(), key.public_key())
        builder = builder.add_extension(use, critical=False).add_extension(known_as, critical=False)
        return self._write(file, builder, key)

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key)
        # A minute back: a certificate is valid for a clock that was read before it was made.
        builder = builder.not_valid_before(now - timedelta(minutes=1)).not_valid_after(now + LIFE)
        return builder.serial_number(x509.random_serial_number())

    def _write(self, file: str, builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> Pair:
        certificate = builder.sign(self._key, hashes.SHA256())
        pair = Pair(self._folder / f"{file}.crt", self._folder / f"{file}.key")
        pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        write_key(pair.key, key)
        return pair


def write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def signing_key(folder: Path, file: str) -> Pair:
    """A key pair for ServiceAccount tokens; the "certificate" is the bare public key."""
    key = ec.generate_private_key(ec.SECP256R1())
    pair = Pair(folder / f"{file}.pub", folder / f"{file}.key")
    pair.certificate.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    write_key(pair.key, key)
    return pair
