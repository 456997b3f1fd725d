"""A second implementation of the ticket, written from docs/wire-formats.md alone, held against the one in use."""

import base64
import hmac
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from antiphon_wire import KeyRing, Ticket, TicketError

NOW = 1_795_226_400
VALIDITY = {"longest_s": 3600, "skew_s": 60}


@dataclass(frozen=True)
class ReferenceKey:
    """One key, and the formats of the ticket, the password and the call id."""

    key_id: str
    secret: bytes

    def derive(self, label: bytes, length: int) -> bytes:
        return HKDF(SHA256(), length, salt=None, info=label).derive(self.secret)

    def ufrag(self, ticket: Ticket) -> str:
        block = self.encrypt(b"antiphon ticket 1 block", plaintext(ticket))
        return "1" + self.key_id + base64.b64encode(block).decode().rstrip("=")

    def call_id(self, ticket: Ticket) -> str:
        block = self.encrypt(b"antiphon ticket 1 call id", plaintext(ticket))
        return "rtc_" + self.key_id + base64.urlsafe_b64encode(block).decode().rstrip("=")

    def password(self, ufrag: str) -> str:
        mac = hmac.digest(self.derive(b"antiphon ticket 1 password", 32), ufrag.encode(), "sha256")
        return base64.b64encode(mac[:18]).decode()

    def encrypt(self, label: bytes, block: bytes) -> bytes:
        # One block: ECB is the bare cipher.
        encryptor = Cipher(algorithms.AES(self.derive(label, 16)), modes.ECB()).encryptor()
        return encryptor.update(block) + encryptor.finalize()


def plaintext(ticket: Ticket) -> bytes:
    minutes = -(-ticket.expires_at // 60) % 2**16
    return (
        ticket.cluster_id.to_bytes(2, "big")
        + ticket.route.to_bytes(4, "big")
        + minutes.to_bytes(2, "big")
        + ticket.nonce.to_bytes(4, "big")
        + bytes(4)
    )


def ring_of(*keys: ReferenceKey) -> KeyRing:
    return KeyRing([(ord(key.key_id), key.secret, 0, 2**40, 2**40) for key in keys])


key_ids = st.sampled_from("ABYZabyz0189")
reference_keys = st.builds(ReferenceKey, key_ids, st.binary(min_size=32, max_size=32))
tickets = st.builds(
    Ticket,
    cluster_id=st.integers(0, 2**16 - 1),
    route=st.integers(0, 2**32 - 1),
    expires_at=st.integers(NOW // 60, NOW // 60 + 65).map(lambda minute: minute * 60),
    nonce=st.integers(0, 2**32 - 1),
)


@given(reference_keys, tickets)
def test_both_implementations_mint_the_same(key: ReferenceKey, ticket: Ticket) -> None:
    minted = ring_of(key).mint(ticket, now=NOW)
    assert minted.ufrag == key.ufrag(ticket)
    assert minted.password == key.password(minted.ufrag)
    assert minted.call_id == key.call_id(ticket)


@given(reference_keys, tickets)
def test_what_the_reference_mints_is_opened(key: ReferenceKey, ticket: Ticket) -> None:
    ring = ring_of(key)
    assert ring.open(key.ufrag(ticket), now=NOW, **VALIDITY) == ticket
    call_id = ring.open_call_id(key.call_id(ticket))
    assert (call_id.cluster_id, call_id.route, call_id.nonce) == (ticket.cluster_id, ticket.route, ticket.nonce)


@given(reference_keys, tickets, st.integers(0, 31))
def test_a_block_with_any_bit_set_in_its_zero_part_is_forged(key: ReferenceKey, ticket: Ticket, bit: int) -> None:
    tampered = plaintext(ticket)[:12] + (1 << bit).to_bytes(4, "big")
    block = key.encrypt(b"antiphon ticket 1 block", tampered)
    ufrag = "1" + key.key_id + base64.b64encode(block).decode().rstrip("=")
    with pytest.raises(TicketError) as refused:
        ring_of(key).open(ufrag, now=NOW, **VALIDITY)
    assert refused.value.reason == "forged"
