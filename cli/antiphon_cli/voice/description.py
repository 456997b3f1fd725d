"""SDP as this caller needs it: the offer it makes and what it reads from the answer (RFC 8866, 8839, 8842). Pure."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon_cli.ip_literal import is_ip_literal
from antiphon_wire.environment import Address

OPUS_PAYLOAD_TYPE = 111


class AnswerError(ValueError):
    """The answer cannot be used; the message tells why."""


@dataclass(frozen=True)
class LocalDescription:
    ufrag: str
    password: str
    fingerprint: str
    """SHA-256, upper-case hex with colons."""
    ssrc: int


@dataclass(frozen=True)
class Fingerprint:
    algorithm: str
    value: str


@dataclass(frozen=True)
class RemoteDescription:
    ufrag: str
    password: str
    fingerprints: tuple[Fingerprint, ...]
    dtls_active: bool
    """The other side sends the ClientHello (`a=setup:active`)."""
    candidates: tuple[Address, ...]
    opus_payload_type: int
    has_data_channel: bool


def offer(local: LocalDescription) -> str:
    """Audio and a data channel, as OpenAI's SDKs offer them; no candidates: an ICE-lite server needs none."""
    transport = [
        "c=IN IP4 0.0.0.0",
        f"a=ice-ufrag:{local.ufrag}",
        f"a=ice-pwd:{local.password}",
        "a=ice-options:trickle",
        f"a=fingerprint:sha-256 {local.fingerprint}",
        "a=setup:actpass",
    ]
    lines = [
        "v=0",
        f"o=- {local.ssrc} 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1",
        f"m=audio 9 UDP/TLS/RTP/SAVPF {OPUS_PAYLOAD_TYPE}",
        *transport,
        "a=mid:0",
        "a=sendrecv",
        "a=rtcp-mux",
        f"a=rtpmap:{OPUS_PAYLOAD_TYPE} opus/48000/2",
        f"a=fmtp:{OPUS_PAYLOAD_TYPE} minptime=10;useinbandfec=1",
        f"a=ssrc:{local.ssrc} cname:antiphon-call",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        *transport,
        "a=mid:1",
        "a=sctp-port:5000",
        "a=max-message-size:262144",
    ]
    return "\r\n".join(lines) + "\r\n"


def parse_answer(text: str) -> RemoteDescription:
    lines = text.splitlines()
    if not lines or not lines[0].startswith("v=0"):
        raise AnswerError(f"it does not begin with v=0 but with {text[:20]!r}")
    setup = _attribute(lines, "setup")
    return RemoteDescription(
        ufrag=_attribute(lines, "ice-ufrag"),
        password=_attribute(lines, "ice-pwd"),
        fingerprints=_fingerprints(lines),
        dtls_active=setup == "active",
        candidates=_candidates(lines),
        opus_payload_type=_opus_payload_type(lines),
        has_data_channel=any(line.startswith("m=application ") and line.split()[1] != "0" for line in lines),
    )


def _attributes(lines: list[str], name: str) -> list[str]:
    prefix = f"a={name}:"
    return [line[len(prefix) :].strip() for line in lines if line.startswith(prefix)]


def _attribute(lines: list[str], name: str) -> str:
    values = _attributes(lines, name)
    if not values:
        raise AnswerError(f"it has no a={name}")
    return values[0]


def _fingerprints(lines: list[str]) -> tuple[Fingerprint, ...]:
    found = [value.split() for value in _attributes(lines, "fingerprint")]
    if not found or any(len(parts) != 2 for parts in found):
        raise AnswerError("it has no well-formed a=fingerprint")
    return tuple(dict.fromkeys(Fingerprint(algorithm.lower(), value.upper()) for algorithm, value in found))


def _candidates(lines: list[str]) -> tuple[Address, ...]:
    """UDP candidates with IP literals, each once; names (mDNS) and TCP are not for this caller."""
    found: list[Address] = []
    for value in _attributes(lines, "candidate"):
        parts = value.split()
        if len(parts) < 8 or parts[2].lower() != "udp" or not _is_port(parts[5]) or not is_ip_literal(parts[4]):
            continue
        found.append(Address(parts[4], int(parts[5])))
    if not found:
        raise AnswerError("it has no UDP candidate with an IP address")
    return tuple(dict.fromkeys(found))


def _opus_payload_type(lines: list[str]) -> int:
    for value in _attributes(lines, "rtpmap"):
        payload_type, _, codec = value.partition(" ")
        if codec.lower().startswith("opus/") and payload_type.isdecimal() and int(payload_type) < 128:
            return int(payload_type)
    raise AnswerError("it has no Opus")


def _is_port(text: str) -> bool:
    return text.isdecimal() and 0 < int(text) < 65536
