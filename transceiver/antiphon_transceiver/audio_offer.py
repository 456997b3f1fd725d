"""What a client offers for its voice, and what it says that it takes: Opus (RFC 7587), else G.711 (RFC 3551)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from antiphon_transceiver.opus_parameters import OpusParameters
from antiphon_transceiver.sdp import Attributes, MediaSection, OfferError, OfferFault

# RFC 5761 section 4: with rtcp-mux these payload types look like RTCP once the marker is set.
_LIKE_RTCP = range(64, 96)
_COMFORT_NOISE = "cn/8000"
_RED = "red/48000/2"
# RFC 3551 section 6: these need no a=rtpmap.
_STATIC = {"0": "pcmu/8000", "8": "pcma/8000", "13": _COMFORT_NOISE}


class Direction(Enum):
    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"


class AudioCoding(Enum):
    """The value is the engine's name of it."""

    OPUS = "opus"
    PCMU = "pcmu"
    PCMA = "pcma"

    @property
    def encoding(self) -> str:
        """As a=rtpmap has it."""
        return {self.OPUS: "opus/48000/2", self.PCMU: "PCMU/8000", self.PCMA: "PCMA/8000"}[self]


@dataclass(frozen=True)
class PacketTimes:
    """How much sound the client wants in a packet, milliseconds (RFC 8866 section 6.4)."""

    wanted: int | None = None
    shortest: int | None = None
    longest: int | None = None


@dataclass(frozen=True)
class AudioOffer:
    coding: AudioCoding
    payload_type: int
    direction: Direction
    """Ours: the offered one seen from the other end."""
    rtcp_mux: bool
    red: int | None = None
    """Payload type under which the client takes each packet's sound once more in the next one (RFC 2198)."""
    comfort_noise: int | None = None
    """Payload type of the client's word that it is silent (RFC 3389)."""
    nack: bool = False
    """The client sends lost packets again, and asks for those of ours (RFC 4585)."""
    packet_times: PacketTimes = field(default_factory=PacketTimes)
    opus: OpusParameters = field(default_factory=OpusParameters)


def read_audio(section: MediaSection) -> AudioOffer:
    """Raises OfferError if the section has none of our codings."""
    encodings = _encodings(section)
    coding, payload_type = _chosen(encodings)
    attributes = section.attributes
    opus = OpusParameters.parse(_fmtp(attributes, payload_type)) if coding is AudioCoding.OPUS else OpusParameters()
    return AudioOffer(
        coding=coding,
        payload_type=payload_type,
        direction=_our_direction(attributes),
        rtcp_mux=attributes.has("rtcp-mux"),
        red=_red(encodings, attributes, payload_type) if coding is AudioCoding.OPUS else None,
        comfort_noise=_first(encodings, _COMFORT_NOISE) if coding is not AudioCoding.OPUS else None,
        nack=_nack(section, payload_type),
        packet_times=PacketTimes(
            wanted=_milliseconds(attributes.first("ptime")),
            shortest=opus.shortest_packet_ms,
            longest=_milliseconds(attributes.first("maxptime")),
        ),
        opus=opus,
    )


def _encodings(section: MediaSection) -> Mapping[int, str]:
    """What each format of the m= line means, in their order. One pass: a hostile offer has thousands of lines."""
    mapped = dict(_STATIC)
    for value in section.attributes.values("rtpmap"):
        words = value.split(maxsplit=2)
        if len(words) == 2:
            # RFC 8866 section 6.6: one channel need not be said. Names know no upper and lower case.
            mapped[words[0]] = words[1].lower().removesuffix("/1")
    return {int(name): mapped[name] for name in section.formats if name in mapped and _is_usable(name)}


def _chosen(encodings: Mapping[int, str]) -> tuple[AudioCoding, int]:
    """Opus if there is any, else what of G.711 the client names first."""
    opus = _first(encodings, AudioCoding.OPUS.encoding)
    if opus is not None:
        return AudioCoding.OPUS, opus
    g711 = {coding.encoding.lower(): coding for coding in (AudioCoding.PCMU, AudioCoding.PCMA)}
    for payload_type, encoding in encodings.items():
        if encoding in g711:
            return g711[encoding], payload_type
    raise OfferError(
        OfferFault.WITHOUT_OPUS,
        "The offer's audio has no payload type for opus/48000/2, nor one for PCMU/8000 or PCMA/8000: "
        "leave Opus in the codec preferences.",
    )


def _red(encodings: Mapping[int, str], attributes: Attributes, opus: int) -> int | None:
    """RED whose every part is our Opus (RFC 2198 section 5)."""
    red = _first(encodings, _RED)
    parts = [] if red is None else _fmtp(attributes, red).strip().split("/")
    return red if len(parts) >= 2 and set(parts) == {str(opus)} else None


def _nack(section: MediaSection, payload_type: int) -> bool:
    """A generic NACK, which has no parameter, in a profile with feedback (RFC 4585 sections 3 and 4.2)."""
    feedback = (value.split() for value in section.attributes.values("rtcp-fb"))
    offered = any(words[1:] == ["nack"] and words[0] in ("*", str(payload_type)) for words in feedback)
    return offered and section.protocol.endswith("SAVPF")


def _fmtp(attributes: Attributes, payload_type: int) -> str:
    """The format's parameters; empty without any."""
    lines = (value.partition(" ") for value in attributes.values("fmtp"))
    return next((parameters for name, _, parameters in lines if name == str(payload_type)), "")


def _first(encodings: Mapping[int, str], wanted: str) -> int | None:
    return next((payload_type for payload_type, encoding in encodings.items() if encoding == wanted), None)


def _is_usable(name: str) -> bool:
    return bool(re.fullmatch(r"0|[1-9][0-9]{0,2}", name)) and int(name) < 128 and int(name) not in _LIKE_RTCP


def _milliseconds(text: str | None) -> int | None:
    """RFC 8866 section 6.4 allows fractions; what is no time, or none at all, is not there."""
    found = re.fullmatch(r"([1-9][0-9]{0,3})(?:\.[0-9]{1,6})?", text or "")
    return int(found[1]) if found else None


def _our_direction(attributes: Attributes) -> Direction:
    if attributes.has("inactive"):
        return Direction.INACTIVE
    if attributes.has("sendonly"):
        return Direction.RECVONLY
    return Direction.SENDONLY if attributes.has("recvonly") else Direction.SENDRECV
