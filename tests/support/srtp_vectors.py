"""Writes tests/vectors/srtp.json when run: what libsrtp makes of packets, and which of them it lets in."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypedDict

import pylibsrtp

VECTORS = Path(__file__).parents[1] / "vectors" / "srtp.json"

PROFILES = {
    "SRTP_AES128_CM_SHA1_80": (pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14),
    "SRTP_AEAD_AES_128_GCM": (pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12),
    "SRTP_AEAD_AES_256_GCM": (pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 32, 12),
}
WINDOW = 256
"""Packets; the one setting of libsrtp's that is not its default."""

OUTCOMES = {
    "authentication failure": "unauthenticated",
    "replay check failed (bad index)": "replayed",
    "replay check failed (index too old)": "replayed",
    "unable to perform desired validation": "malformed",
    "cipher failure": "malformed",
    "error parsing data": "malformed",
    "unsupported parameter": "malformed",
}

Protocol = Literal["rtp", "rtcp"]


class Sent(TypedDict):
    """`index` is that of SRTP (48 bits) or of SRTCP (31 bits)."""

    protocol: Protocol
    index: int
    plain_hex: str
    protected_hex: str


class Arrival(TypedDict):
    """`plain_hex` is what is let in; null if nothing is."""

    name: str
    protocol: Protocol
    hex: str
    outcome: str
    plain_hex: str | None


class Session(TypedDict):
    name: str
    key_hex: str
    salt_hex: str
    sent: list[Sent]
    arrivals: list[Arrival]


class Document(TypedDict):
    about: str
    sessions: list[Session]


@dataclass(frozen=True)
class Shape:
    """Of an RTP packet: what else its header has, and how much it carries."""

    contributors: int = 0
    extension_words: int | None = None
    payload: int = 20


PLAIN = Shape()
SHAPES = {
    "three contributors": Shape(contributors=3),
    "an empty extension": Shape(extension_words=0),
    "an extension": Shape(extension_words=2),
    "all that a header may have": Shape(contributors=15, extension_words=4, payload=33),
    "no payload": Shape(payload=0),
    "one byte": Shape(payload=1),
    "ten blocks": Shape(payload=160),
    "much": Shape(payload=1200),
}


def noise(seed: str, length: int) -> bytes:
    blocks = (sha256(f"{seed} {number}".encode()).digest() for number in range(length // 32 + 1))
    return b"".join(blocks)[:length]


def rtp(sequence: int, ssrc: int, shape: Shape = PLAIN) -> bytes:
    has_extension = shape.extension_words is not None
    header = struct.pack(">BBHII", 0x80 | has_extension << 4 | shape.contributors, 111, sequence, 960 * sequence, ssrc)
    contributors = noise("contributors", 4 * shape.contributors)
    extension = b""
    if shape.extension_words is not None:
        extension = struct.pack(">HH", 0xBEDE, shape.extension_words) + noise("extension", 4 * shape.extension_words)
    return header + contributors + extension + noise(f"payload {sequence}", shape.payload)


def rtcp(ssrc: int, words: int) -> bytes:
    """A sender report with so many words after its SSRC."""
    return struct.pack(">BBHI", 0x80, 200, words + 1, ssrc) + noise(f"report {words}", 4 * words)


class Ends:
    """A sender and a receiver, both libsrtp's, and what was seen of them."""

    def __init__(self, profile: str, name: str) -> None:
        libsrtp_profile, key_length, salt_length = PROFILES[profile]
        key, salt = noise(f"key {profile} {name}", key_length), noise(f"salt {profile} {name}", salt_length)
        self._sender = _libsrtp(libsrtp_profile, key + salt, pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
        self._receiver = _libsrtp(libsrtp_profile, key + salt, pylibsrtp.Policy.SSRC_ANY_INBOUND)
        self._last_index: dict[tuple[Protocol, int], int] = {}
        self.session = Session(name=f"{profile}, {name}", key_hex=key.hex(), salt_hex=salt.hex(), sent=[], arrivals=[])

    def send_rtp(self, sequence: int, ssrc: int = 0xCAFEBABE, shape: Shape = PLAIN) -> bytes:
        """Sequence numbers go forward, each by less than 2^15."""
        last = self._last_index.get(("rtp", ssrc))
        index = sequence if last is None else last + (sequence - last) % 2**16
        plain = rtp(sequence, ssrc, shape)
        return self._sent("rtp", ssrc, index, plain, self._sender.protect(plain))

    def send_rtcp(self, ssrc: int = 0xCAFEBABE, words: int = 6) -> bytes:
        # The first index of libsrtp is 1.
        index = self._last_index.get(("rtcp", ssrc), 0) + 1
        plain = rtcp(ssrc, words)
        return self._sent("rtcp", ssrc, index, plain, self._sender.protect_rtcp(plain))

    def _sent(self, protocol: Protocol, ssrc: int, index: int, plain: bytes, protected: bytes) -> bytes:
        self._last_index[protocol, ssrc] = index
        self.session["sent"].append(
            Sent(protocol=protocol, index=index, plain_hex=plain.hex(), protected_hex=protected.hex())
        )
        return protected

    def arrive(self, name: str, packet: bytes, protocol: Protocol = "rtp") -> None:
        plain, outcome = None, "let_in"
        try:
            plain = (self._receiver.unprotect if protocol == "rtp" else self._receiver.unprotect_rtcp)(packet).hex()
        except pylibsrtp.Error as error:
            outcome = OUTCOMES[str(error)]
        self.session["arrivals"].append(
            Arrival(name=name, protocol=protocol, hex=packet.hex(), outcome=outcome, plain_hex=plain)
        )


def _libsrtp(profile: int, key: bytes, ssrc_type: int) -> pylibsrtp.Session:
    policy = pylibsrtp.Policy(key=key, ssrc_type=ssrc_type, srtp_profile=profile)
    policy.window_size = WINDOW
    return pylibsrtp.Session(policy)


def changed(packet: bytes, place: int, mask: int = 1) -> bytes:
    place %= len(packet)
    return packet[:place] + bytes([packet[place] ^ mask]) + packet[place + 1 :]


def headers(ends: Ends) -> None:
    for sequence, (name, shape) in enumerate(SHAPES.items(), start=100):
        ends.arrive(name, ends.send_rtp(sequence, shape=shape))


def roll_overs(ends: Ends) -> None:
    packets = {sequence: ends.send_rtp(sequence) for sequence in (65533, 65534, 65535, 0, 1, 2)}
    for name, sequence in [
        ("before the roll-over", 65533),
        ("after it, two are missing", 0),
        ("late, from before it", 65535),
        ("later still", 65534),
        ("again, from before it", 65535),
        ("again, from after it", 0),
        ("one is missing", 2),
        ("late", 1),
    ]:
        ends.arrive(name, packets[sequence])
    for sequence in (30_000, 60_000, 24_000, 54_000, 18_000):
        ends.arrive(f"a leap to {sequence}", ends.send_rtp(sequence))


def windows(ends: Ends) -> None:
    packets = [ends.send_rtp(sequence) for sequence in range(1000, 1000 + 2 * WINDOW + 2)]
    ends.arrive("the first", packets[0])
    ends.arrive("a window's width later", packets[WINDOW])
    ends.arrive("the first again, just out of the window", packets[0])
    ends.arrive("the oldest in the window", packets[1])
    ends.arrive("the oldest in the window again", packets[1])
    ends.arrive("a hole in the window", packets[WINDOW // 2])
    ends.arrive("more than a window's width later", packets[-1])
    ends.arrive("what was a hole is out of the window", packets[WINDOW // 2 + 1])
    ends.arrive("a new hole", packets[-WINDOW])
    # Only what arrives is of interest here, and so much the file is shorter.
    del ends.session["sent"][2:-2]


def forgeries(ends: Ends) -> None:
    first = ends.send_rtp(500)
    for place in (1, 2, 4, 8, 12, 20, -1, -16):
        ends.arrive(f"byte {place} is changed, the stream is new", changed(first, place))
    ends.arrive("as it was sent", first)
    second = ends.send_rtp(501)
    for place in (1, 2, 3, 4, 8, 12, 20, -1):
        ends.arrive(f"byte {place} is changed", changed(second, place))
    ends.arrive("a forged leap", changed(second, 2, 0x40))
    ends.arrive("cut off", second[:-1])
    ends.arrive("longer", second + b"\0")
    ends.arrive("a header only", second[:12])
    ends.arrive("as it was sent, after all that", second)
    ends.arrive("another stream", ends.send_rtp(7, ssrc=1))


def reports(ends: Ends) -> None:
    packets = [ends.send_rtcp(words=words) for words in (0, 1, 6, 12, 60, 7)]
    for number, packet in enumerate(packets[:3]):
        ends.arrive(f"report {number}", packet, "rtcp")
    ends.arrive("two are missing", packets[5], "rtcp")
    ends.arrive("late", packets[3], "rtcp")
    ends.arrive("late and again", packets[3], "rtcp")
    for place in (1, 3, 4, 8, 9, -1, -5, -12, -15):
        ends.arrive(f"byte {place} is changed", changed(packets[4], place), "rtcp")
    # Not cut at its end, which may leave one that says it is not encrypted: libsrtp accepts that with GCM, we never.
    ends.arrive("a word is missing", packets[4][:8] + packets[4][12:], "rtcp")
    ends.arrive("a header only", packets[4][:8], "rtcp")
    ends.arrive("as it was sent, after all that", packets[4], "rtcp")
    ends.arrive("another stream", ends.send_rtcp(ssrc=1), "rtcp")


STORIES = [headers, roll_overs, windows, forgeries, reports]


def document() -> Document:
    sessions = []
    for profile in PROFILES:
        for story in STORIES:
            ends = Ends(profile, story.__name__)
            story(ends)
            sessions.append(ends.session)
    return Document(
        about=(
            "Made by libsrtp (tests/support/srtp_vectors.py). `sent`: the plain packet, protected at that index."
            " `arrivals`: what one receiver, in this order, makes of each packet."
        ),
        sessions=sessions,
    )


def text() -> str:
    return json.dumps(document(), indent=1) + "\n"


if __name__ == "__main__":
    VECTORS.write_text(text())
