"""Records of OpenSSL's DTLS 1.2 with the secrets of their sessions: `dtls_vectors.py FILE` records new ones.

A handshake is never the same twice, so the file is kept and not made anew; `opened` reads a record of it by another
implementation's AEAD and OpenSSL's own key expansion.
"""

from __future__ import annotations

import contextlib
import json
import struct
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, HashAlgorithm
from cryptography.hazmat.primitives.hmac import HMAC
from OpenSSL import SSL

Row = dict[str, Any]

SUITES: dict[str, tuple[type[HashAlgorithm], int, int]] = {
    "ECDHE-ECDSA-AES128-GCM-SHA256": (SHA256, 16, 4),
    "ECDHE-ECDSA-AES256-GCM-SHA384": (SHA384, 32, 4),
    "ECDHE-ECDSA-CHACHA20-POLY1305": (SHA256, 32, 12),
}
"""OpenSSL's name -> hash of the key expansion, bytes of a key, bytes of an IV."""
PAYLOADS = (b"x", b"a data channel's packet", bytes(range(256)) * 4)


def write(file: Path) -> None:
    sessions = [recorded(suite) for suite in SUITES]
    file.write_text(json.dumps({"about": "Recorded by tests/support/dtls_vectors.py.", "sessions": sessions}, indent=1))


def recorded(suite: str) -> Row:
    """A session of its own: what both sides say, their close_notify, and handshake records under the keys."""
    client, server = _endpoint(suite), _endpoint(suite)
    client.set_connect_state()
    server.set_accept_state()
    handshake = _shake_hands(client, server)
    secrets = {
        "suite": client.get_cipher_name(),
        "master_secret_hex": (client.master_key() or b"").hex(),
        "client_random_hex": (client.client_random() or b"").hex(),
        "server_random_hex": (client.server_random() or b"").hex(),
    }
    records = []
    for from_client, end in ((True, client), (False, server)):
        for payload in PAYLOADS:
            end.send(payload)
            records.append({"from_client": from_client, "payload_hex": payload.hex(), "hex": _taken(end).hex()})
    for from_client, end in ((True, client), (False, server)):
        end.shutdown()
        records.append({"from_client": from_client, "payload_hex": "0100", "hex": _taken(end).hex()})
    for from_client, end in ((True, client), (False, server)):
        end.renegotiate()
        with contextlib.suppress(SSL.WantReadError):
            end.do_handshake()
        handshake.append({"from_client": from_client, "hex": _taken(end).hex()})
    session = secrets | {"records": records}
    under_keys = [row for row in handshake if bytes.fromhex(row["hex"])[3:5] == b"\0\1"]
    return session | {"handshake": [row | {"payload_hex": opened(session, row).hex()} for row in under_keys]}


def opened(session: Row, record: Row) -> bytes:
    """The payload of a record, by `cryptography`."""
    data = bytes.fromhex(record["hex"])
    key, iv = _secret(session, of_client=record["from_client"])
    if len(iv) == 4:
        return AESGCM(key).decrypt(iv + data[13:21], data[21:], _associated_data(data, len(data) - 13 - 24))
    nonce = int.from_bytes(iv) ^ int.from_bytes(data[3:11])
    return ChaCha20Poly1305(key).decrypt(nonce.to_bytes(12), data[13:], _associated_data(data, len(data) - 13 - 16))


def _associated_data(record: bytes, length: int) -> bytes:
    # RFC 5246 §6.2.3.3: epoch and sequence number, type and version, and the payload's length.
    return record[3:11] + record[0:3] + struct.pack("!H", length)


def _secret(session: Row, *, of_client: bool) -> tuple[bytes, bytes]:
    algorithm, key, iv = SUITES[session["suite"]]
    randoms = bytes.fromhex(session["server_random_hex"]) + bytes.fromhex(session["client_random_hex"])
    block = _expanded(
        algorithm(), bytes.fromhex(session["master_secret_hex"]), b"key expansion" + randoms, 2 * (key + iv)
    )
    side = 0 if of_client else 1
    return block[side * key :][:key], block[2 * key + side * iv :][:iv]


def _expanded(algorithm: HashAlgorithm, secret: bytes, seed: bytes, length: int) -> bytes:
    """P_hash of RFC 5246 §5."""

    def mac(data: bytes) -> bytes:
        code = HMAC(secret, algorithm)
        code.update(data)
        return code.finalize()

    output, chained = b"", mac(seed)
    while len(output) < length:
        output += mac(chained + seed)
        chained = mac(chained)
    return output[:length]


def _endpoint(suite: str) -> SSL.Connection:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "vectors")])
    begin, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, end)
    context = SSL.Context(SSL.DTLS_METHOD)
    context.use_certificate(builder.sign(key, SHA256()))
    context.use_privatekey(key)
    context.set_cipher_list(suite.encode())
    connection = SSL.Connection(context, None)
    connection.set_ciphertext_mtu(1200)
    return connection


def _shake_hands(client: SSL.Connection, server: SSL.Connection) -> list[Row]:
    """The records that were sent."""
    sent = []
    for _ in range(10):
        for end, other in ((client, server), (server, client)):
            with contextlib.suppress(SSL.WantReadError):
                end.do_handshake()
            if flight := _taken(end):
                other.bio_write(flight)
            while flight:
                length = 13 + int.from_bytes(flight[11:13])
                sent.append({"from_client": end is client, "hex": flight[:length].hex()})
                flight = flight[length:]
    return sent


def _taken(end: SSL.Connection) -> bytes:
    try:
        return end.bio_read(65_536)
    except SSL.WantReadError:
        return b""


if __name__ == "__main__":
    write(Path(sys.argv[1]))
