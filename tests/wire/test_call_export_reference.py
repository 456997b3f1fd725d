"""A second reader of call exports, written from docs/wire-formats.md alone, held against the golden vectors."""

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

VECTORS = Path(__file__).parents[1] / "vectors" / "call_exports.json"
EXPORTS: list[dict[str, Any]] = json.loads(VECTORS.read_text())["exports"]
CODINGS = ("opus", "pcmu", "pcma")
MASK = 2**32 - 1
T = TypeVar("T")


def hchacha20(key: bytes, nonce: bytes) -> bytes:
    # draft-irtf-cfrg-xchacha-03 section 2.2.
    state = [*struct.unpack("<4I", b"expand 32-byte k"), *struct.unpack("<8I", key), *struct.unpack("<4I", nonce)]

    def add(a: int, b: int, c: int, turn: int) -> None:
        state[a] = (state[a] + state[b]) & MASK
        mixed = state[c] ^ state[a]
        state[c] = (mixed << turn | mixed >> (32 - turn)) & MASK

    for _ in range(10):
        for a, b, c, d in (
            *((column, column + 4, column + 8, column + 12) for column in range(4)),
            *((row, 4 + (row + 1) % 4, 8 + (row + 2) % 4, 12 + (row + 3) % 4) for row in range(4)),
        ):
            for left, right, turned, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                add(left, right, turned, turn)
    return struct.pack("<8I", *state[:4], *state[12:])


def content_of(row: dict[str, Any], sealed: bytes) -> bytes:
    header, nonce = sealed[:34], sealed[10:34]
    pod = row["pod"].encode()
    associated = header + struct.pack(">II", row["route"], len(pod)) + pod + row["call_id"].encode()
    key = hchacha20(bytes.fromhex(row["key_hex"]), nonce[:16])
    return ChaCha20Poly1305(key).decrypt(bytes(4) + nonce[16:], sealed[34:], associated)


@dataclass
class Reader:
    rest: bytes

    def take(self, count: int) -> bytes:
        assert len(self.rest) >= count
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def byte(self) -> int:
        return self.take(1)[0]

    def flag(self) -> bool:
        return (False, True)[self.byte()]

    def number(self) -> int:
        number, place = 0, 0
        while True:
            byte = self.byte()
            number |= (byte & 0x7F) << place
            place += 7
            if byte < 0x80:
                return number

    def data(self) -> bytes:
        return self.take(self.number())

    def text(self) -> str:
        return self.data().decode()

    def maybe(self, read: Callable[[], T]) -> T | None:
        return read() if self.flag() else None

    def many(self, read: Callable[[], T]) -> list[T]:
        return [read() for _ in range(self.number())]

    def address(self) -> str:
        octets = self.take({4: 4, 6: 16}[self.byte()])
        port = int.from_bytes(self.take(2))
        return f"{octets.hex()}:{port}"

    def ice(self) -> dict[str, Any]:
        ufrags = [self.text() for _ in range(3)]
        restart = self.maybe(lambda: ([self.text() for _ in range(3)], self.number()))
        assert restart is None
        pairs = self.many(lambda: (self.address(), self.address(), self.byte(), self.flag(), self.data()))
        return {"ufrags": ufrags, "pairs": pairs, "selected": self.maybe(self.address), "consent_ms": self.number()}

    def secrets(self) -> list[bytes]:
        key, salt = {1: (16, 14), 7: (16, 12), 8: (32, 12)}[self.number()]
        return [self.take(length) for length in (key, salt, key, salt)]

    def window(self) -> tuple[int, bytes]:
        return self.number(), self.take(32)

    def speech(self) -> dict[str, Any]:
        coding, payload_type = CODINGS[self.byte() - 1], self.byte()
        heard = (self.maybe(self.byte), self.maybe(self.byte), self.byte(), self.flag())
        reception = self.maybe(lambda: [self.number() for _ in range(4)])
        said = (self.byte(), self.byte(), self.number(), self.number(), self.byte(), self.maybe(self.byte))
        limits = (self.number(), self.number())
        bitrate, cname = self.number(), self.text()
        sent = [self.number() for _ in range(3)]
        return {
            "coding": coding,
            "payload_type": payload_type,
            "heard": heard,
            "reception": reception,
            "said": said,
            "limits": limits,
            "bitrate": bitrate,
            "cname": cname,
            "sent": sent,
        }

    def data_channels(self) -> list[str]:
        for _ in range(7):
            self.number()
        self.flag()
        self.number()
        self.flag()
        for _ in range(3):
            self.number()
        assert self.flag()
        assert self.flag()
        self.number()
        self.number()
        self.many(lambda: (self.number(), self.number()))
        assert self.number() == 0
        # A call that rests.
        assert (self.number(), self.number()) == (0, 0)
        self.number()
        assert not self.flag()
        assert (self.number(), self.byte()) == (0, 1)
        self.number()
        assert self.flag()
        self.many(self.number)
        self.maybe(self.number)
        assert (self.flag(), self.flag()) == (False, False)
        return self.many(self.channel)

    def channel(self) -> str:
        assert (self.number(), self.flag(), self.byte()) == (1, False, 1)
        label, protocol, phase = self.text(), self.text(), self.byte()
        assert (protocol, phase) == ("", 2)
        return label


@pytest.mark.parametrize("row", EXPORTS, ids=lambda row: str(row["name"]))
def test_an_export_is_read_as_the_page_has_it(row: dict[str, Any]) -> None:
    sealed = bytes.fromhex(row["hex"])
    assert sealed[0] == 1
    assert chr(sealed[1]) == row["key_id"]
    assert struct.unpack(">II", sealed[2:10]) == (2, 41)
    content = content_of(row, sealed)
    assert content.hex() == row["content_hex"]
    reader = Reader(content)

    assert reader.number() == row["exported_at_ms"]
    assert not reader.flag()
    assert reader.text() == row["model"]
    assert reader.number() == row["exported_at_ms"] - 600_000
    assert json.loads(reader.data())["type"] == "realtime"
    ice = reader.ice()
    assert ice["ufrags"] == ["1AG4b5PLLhoUCQRM+lC7lUfQ", "F08qfcGUUt5yyA20mVxs3Obo", "Xy+3"]
    assert [client for client, *_ in ice["pairs"]] == ["20010db800050006000700080009000a:51235", "cb00714d:51234"]
    assert (ice["selected"], ice["consent_ms"]) == ("cb00714d:51234", 28_123)
    assert [len(secret) for secret in reader.secrets()] == [32, 12, 32, 12]
    assert reader.many(lambda: (reader.number(), reader.number(), reader.number())) == [(0xCAFEBABE, 92_345, 151)]
    received = reader.many(lambda: (reader.number(), reader.maybe(reader.window), reader.maybe(reader.window)))
    assert [(ssrc, rtp and rtp[0], rtcp and rtcp[0]) for ssrc, rtp, rtcp in received] == [(0x0BADF00D, 95_698, 160)]
    assert reader.byte() == 0
    speech = reader.speech()
    assert (speech["coding"], speech["payload_type"], speech["bitrate"]) == ("opus", 111, 32_000)
    assert speech["heard"] == (63, None, 1, True)
    assert speech["reception"] == [0x0BADF00D, 161_234, 30_000, 29_990]
    assert speech["said"] == (1, 111, 0xCAFEBABE, 20, 1, 63)
    assert speech["sent"] == [3_456_789_012, 29_876, 2_390_080]
    assert (reader.byte(), reader.flag(), len(reader.take(112))) == (1, True, 112)
    assert (reader.number(), reader.number(), reader.take(8)) == (1_234, 987, b"\xff" * 8)
    assert reader.maybe(reader.data_channels) == (["oai-events"] if "with a data" in row["name"] else None)
    assert reader.rest == b""


@pytest.mark.parametrize("field", ["pod", "route", "call_id"])
def test_an_export_of_another_call_or_pod_does_not_open(field: str) -> None:
    row = EXPORTS[0]
    other = row[field] + 1 if field == "route" else row[field][:-1] + "x"
    with pytest.raises(InvalidTag):
        content_of(row | {field: other}, bytes.fromhex(row["hex"]))
