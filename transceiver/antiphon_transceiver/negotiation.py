"""What a client offers, and what of it we take: one bundled Opus stream and one data channel (RFC 8829, RFC 9143)."""

import re
from dataclasses import dataclass
from enum import Enum

from antiphon_transceiver.sdp import (
    Attributes,
    MediaSection,
    OfferError,
    OfferFault,
    SessionDescription,
    parse_sdp,
)

LARGEST_MESSAGE = 64 * 1024
"""Bytes of one data channel message, both ways."""

_ICE_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
_ICE_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_DIGEST_BYTES = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
_MOST_FINGERPRINTS = 8
# RFC 5761 section 4: with rtcp-mux these payload types look like RTCP once the marker is set.
_LIKE_RTCP = range(64, 96)


class DtlsRole(Enum):
    """Our side of the DTLS handshake; the value is our a=setup."""

    CLIENT = "active"
    SERVER = "passive"


class Direction(Enum):
    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"


class SectionUse(Enum):
    """What becomes of an offered media section."""

    AUDIO = "audio"
    DATA = "data"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Fingerprint:
    algorithm: str
    value: str


@dataclass(frozen=True)
class OpusOffer:
    payload_type: int
    direction: Direction
    """Ours: the offered one seen from the other end."""
    rtcp_mux: bool


@dataclass(frozen=True)
class DataChannelOffer:
    port: int
    largest_message: int
    """What the client takes, bytes."""


@dataclass(frozen=True)
class OfferedSection:
    media: MediaSection
    use: SectionUse


@dataclass(frozen=True)
class Offer:
    """An offer that can be answered. Candidates are not in it: an ICE-lite server learns addresses from checks."""

    sections: tuple[OfferedSection, ...]
    bundled: bool
    ice_ufrag: str
    fingerprints: tuple[Fingerprint, ...]
    role: DtlsRole
    opus: OpusOffer
    data: DataChannelOffer | None


@dataclass(frozen=True)
class _Transport:
    """Where the transport's attributes are read: the section's own, the bundle's tagged section's, the session's."""

    scopes: tuple[Attributes, ...]

    def values(self, name: str) -> tuple[str, ...]:
        return next((values for scope in self.scopes if (values := scope.values(name))), ())

    def first(self, name: str) -> str | None:
        return next(iter(self.values(name)), None)


def parse_offer(text: str) -> Offer:
    """Reads an offer; raises OfferError and nothing else, whatever the text."""
    description = parse_sdp(text)
    bundle = description.bundle()
    audio = _audio_section(description, bundle)
    opus = _opus(audio)
    bundled = audio.mid is not None and audio.mid in bundle
    transport = _transport(description, audio, bundle if bundled else ())
    data_section = _data_section(description, bundle) if bundled else None
    return Offer(
        sections=tuple(OfferedSection(section, _use(section, audio, data_section)) for section in description.sections),
        bundled=bundled,
        ice_ufrag=_ice_ufrag(transport),
        fingerprints=_fingerprints(transport),
        role=_role(transport),
        opus=opus,
        data=_data(data_section) if data_section else None,
    )


def _use(section: MediaSection, audio: MediaSection, data: MediaSection | None) -> SectionUse:
    if section is audio:
        return SectionUse.AUDIO
    return SectionUse.DATA if section is data else SectionUse.REJECTED


def _audio_section(description: SessionDescription, bundle: tuple[str, ...]) -> MediaSection:
    for section in description.sections:
        if section.kind == "audio" and _is_offered(section, bundle) and "SAVP" in section.protocol.split("/")[-1]:
            return section
    raise OfferError(
        OfferFault.WITHOUT_AUDIO,
        "The offer has no m=audio line over UDP/TLS/RTP/SAVPF. "
        "Call addTrack or addTransceiver('audio') before createOffer.",
    )


def _is_offered(section: MediaSection, bundle: tuple[str, ...]) -> bool:
    # RFC 9143 section 6: port 0 rejects a section unless it is bundle-only.
    return section.port != 0 or (section.attributes.has("bundle-only") and section.mid in bundle)


def _opus(audio: MediaSection) -> OpusOffer:
    mapped = _mapped_to_opus(audio.attributes)
    payload_type = next((int(name) for name in audio.formats if name in mapped and _is_usable(name)), None)
    if payload_type is None:
        raise OfferError(
            OfferFault.WITHOUT_OPUS,
            "The offer's audio has no a=rtpmap line for opus/48000/2 with a dynamic payload type.",
        )
    return OpusOffer(payload_type, _our_direction(audio.attributes), rtcp_mux=audio.attributes.has("rtcp-mux"))


def _mapped_to_opus(attributes: Attributes) -> frozenset[str]:
    """The formats that a=rtpmap lines call Opus, found in one pass: a hostile offer has thousands of both."""
    mappings = (value.split(maxsplit=2) for value in attributes.values("rtpmap"))
    return frozenset(words[0] for words in mappings if len(words) == 2 and words[1].lower() == "opus/48000/2")


def _is_usable(name: str) -> bool:
    return bool(re.fullmatch(r"[0-9]{1,3}", name)) and int(name) < 128 and int(name) not in _LIKE_RTCP


def _our_direction(attributes: Attributes) -> Direction:
    if attributes.has("inactive"):
        return Direction.INACTIVE
    if attributes.has("sendonly"):
        return Direction.RECVONLY
    return Direction.SENDONLY if attributes.has("recvonly") else Direction.SENDRECV


def _transport(description: SessionDescription, audio: MediaSection, bundle: tuple[str, ...]) -> _Transport:
    # RFC 9143 section 9: in a bundle the tagged section, the first of the group, speaks for the transport.
    tagged = description.section(bundle[0]) if bundle else None
    scopes = [audio.attributes]
    if tagged is not None:
        scopes.append(tagged.attributes)
    scopes.append(description.attributes)
    return _Transport(tuple(scopes))


def _ice_ufrag(transport: _Transport) -> str:
    ufrag, password = transport.first("ice-ufrag"), transport.first("ice-pwd")
    if ufrag is None or password is None:
        raise OfferError(OfferFault.WITHOUT_ICE, "The offer has no a=ice-ufrag and a=ice-pwd lines.")
    if not _ICE_UFRAG.fullmatch(ufrag) or not _ICE_PASSWORD.fullmatch(password):
        raise OfferError(
            OfferFault.WITHOUT_ICE,
            "The offer's a=ice-ufrag or a=ice-pwd is not of the form of RFC 8839 section 5.4.",
        )
    return ufrag


def _fingerprints(transport: _Transport) -> tuple[Fingerprint, ...]:
    found = []
    for value in transport.values("fingerprint")[:_MOST_FINGERPRINTS]:
        algorithm, _, digest = value.partition(" ")
        size = _DIGEST_BYTES.get(algorithm.lower())
        if size is not None and re.fullmatch(rf"(?:[0-9A-Fa-f]{{2}}:){{{size - 1}}}[0-9A-Fa-f]{{2}}", digest.strip()):
            found.append(Fingerprint(algorithm.lower(), digest.strip().upper()))
    if not found:
        raise OfferError(
            OfferFault.WITHOUT_FINGERPRINT,
            "The offer has no a=fingerprint line with sha-256, sha-384 or sha-512: media is DTLS-SRTP only.",
        )
    return tuple(found)


def _role(transport: _Transport) -> DtlsRole:
    # `active` saves a round trip: our ClientHello answers the first check. RFC 4145 section 4: no a=setup is `active`.
    setup = transport.first("setup") or "active"
    if setup not in ("actpass", "active", "passive"):
        raise OfferError(OfferFault.NOT_SDP, "The offer's a=setup is none of actpass, active and passive.")
    return DtlsRole.SERVER if setup == "active" else DtlsRole.CLIENT


def _data_section(description: SessionDescription, bundle: tuple[str, ...]) -> MediaSection | None:
    for section in description.sections:
        if (
            section.kind == "application"
            and section.protocol == "UDP/DTLS/SCTP"
            and section.formats == ("webrtc-datachannel",)
            and section.mid in bundle
            and _is_offered(section, bundle)
            and _number(section.attributes.first("sctp-port"), 5000) in range(1, 65536)
        ):
            return section
    return None


def _data(section: MediaSection) -> DataChannelOffer:
    # RFC 8841 section 6: 64 KiB when not said, 0 is «any size».
    said = _number(section.attributes.first("max-message-size"), LARGEST_MESSAGE) or LARGEST_MESSAGE
    return DataChannelOffer(_number(section.attributes.first("sctp-port"), 5000), min(said, LARGEST_MESSAGE))


def _number(text: str | None, default: int) -> int:
    """The number, `default` where there is no line, and 0 where it is not a number."""
    if text is None:
        return default
    return int(text) if re.fullmatch(r"[0-9]{1,12}", text) else 0
