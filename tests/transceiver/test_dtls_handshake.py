"""What a handshake sends to whoever makes it talk."""

import struct

from antiphon_transceiver.certificate import Certificate
from antiphon_transceiver.dtls_handshake import Handshake, Progress
from antiphon_transceiver.negotiation import DtlsRole

HANDSHAKE, HELLO_VERIFY_REQUEST = 22, 3


def hello_verify_request(number: int) -> bytes:
    """RFC 6347 section 4.2.1; it needs no key."""
    body = struct.pack("!HBB", 0xFEFF, 1, number % 256)
    length = len(body).to_bytes(3, "big")
    message = bytes([HELLO_VERIFY_REQUEST]) + length + struct.pack("!H", number) + bytes(3) + length + body
    return struct.pack("!BHHHLH", HANDSHAKE, 0xFEFF, 0, 0, number, len(message)) + message


def test_a_handshake_that_is_asked_for_a_cookie_again_and_again_ends() -> None:
    handshake = Handshake(Certificate.generate(), DtlsRole.CLIENT)
    sent = len(handshake.begin())
    asked = 0
    while handshake.progress is Progress.UNDER_WAY and asked < 1_000:
        sent += len(handshake.take(hello_verify_request(asked)))
        asked += 1
    assert handshake.progress is Progress.FAILED
    assert 32 < sent <= 64
