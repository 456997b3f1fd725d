"""What calls show in DTLS: one certificate for all, made anew before it expires."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from antiphon_transceiver.certificate import Certificate, Certificates


def expiring_in(days: float) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    dated = builder.not_valid_before(now - timedelta(days=30)).not_valid_after(now + timedelta(days=days))
    return Certificate(key, dated.sign(key, hashes.SHA256()))


def test_a_fresh_certificate_is_good_for_weeks_and_says_nothing_of_anybody() -> None:
    one, two = Certificate.generate(), Certificate.generate()
    assert one.expires - datetime.now(UTC) > timedelta(days=29)
    assert one.fingerprint != two.fingerprint
    assert len(one.fingerprint.split(":")) == 32
    assert one.fingerprint == one.fingerprint.upper()


def test_calls_share_a_certificate_and_its_context() -> None:
    certificates = Certificates()
    assert certificates.current() is certificates.current()
    assert certificates.current().context is certificates.current().context


@pytest.mark.parametrize(("days", "is_due"), [(7.1, False), (6.9, True), (-1.0, True)])
def test_a_certificate_is_made_anew_a_week_before_it_expires(days: float, *, is_due: bool) -> None:
    assert expiring_in(days).is_due(datetime.now(UTC)) == is_due
