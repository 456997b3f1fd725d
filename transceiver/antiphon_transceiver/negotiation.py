"""What a client offers, and what of it we take: one bundled audio stream and one data channel (RFC 8829, RFC 9143)."""

import re
from dataclasses import dataclass, field
from enum import Enum

from antiphon_transceiver.audio_offer import AudioOffer, read_audio
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


class DtlsRole(Enum):
    """Our side of the DTLS handshake; the value is our a=setup."""

    CLIENT = "active"
    SERVER = "passive"


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
    ice_ufrag: str = field(repr=False)
    ice_password: str = field(repr=False)
    """Checks of ours would be keyed with it; to a lite agent it tells a restart."""
    fingerprints: tuple[Fingerprint, ...]
    setup: str
    """The client's a=setup."""
    role: DtlsRole
    audio: AudioOffer
    data: DataChannelOffer | None
    text: str = field(default="", repr=False, compare=False)
    """As the client wrote it."""


@dataclass(frozen=True)
class _Transport:
    """Where the transport's attributes are read: the section's own, the bundle's tagged section's, the session's."""

    scopes: tuple[Attributes, ...]

    def values(self, name: str) -> tuple[str, ...]:
        return next((values for scope in self.scopes if (values := scope.values(name))), ())

    def first(self, name: str) -> str | None:
        return next(iter(self.values(name)), None)


def parse_offer(text: str, role: DtlsRole | None = None) -> Offer:
    """Reads an offer; raises OfferError and nothing else, whatever the text. `role`: ours, where it is settled."""
    description = parse_sdp(text)
    bundle = description.bundle()
    audio = _audio_section(description, bundle)
    voice = read_audio(audio)
    bundled = audio.mid is not None and audio.mid in bundle
    transport = _transport(description, audio, bundle if bundled else ())
    data_section = _data_section(description, bundle) if bundled else None
    _refuse_lite(description)
    ice_ufrag, ice_password = _ice_credentials(transport)
    setup = _setup(transport)
    return Offer(
        sections=tuple(OfferedSection(section, _use(section, audio, data_section)) for section in description.sections),
        bundled=bundled,
        ice_ufrag=ice_ufrag,
        ice_password=ice_password,
        fingerprints=_fingerprints(transport),
        setup=setup,
        # `active` saves a round trip: our ClientHello answers the first check.
        role=role or (DtlsRole.SERVER if setup == "active" else DtlsRole.CLIENT),
        audio=voice,
        data=_data(data_section) if data_section else None,
        text=text,
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


def _transport(description: SessionDescription, audio: MediaSection, bundle: tuple[str, ...]) -> _Transport:
    # RFC 9143 section 9: in a bundle the tagged section, the first of the group, speaks for the transport.
    tagged = description.section(bundle[0]) if bundle else None
    scopes = [audio.attributes]
    if tagged is not None:
        scopes.append(tagged.attributes)
    scopes.append(description.attributes)
    return _Transport(tuple(scopes))


def _refuse_lite(description: SessionDescription) -> None:
    # RFC 8445 section 2.4: a lite agent sends no checks. Two of them wait for each other for ever.
    if description.attributes.has("ice-lite"):
        raise OfferError(
            OfferFault.WITHOUT_ICE,
            "The offer says a=ice-lite, and so does every answer of this server: neither side would check the other. "
            "Offer with a full ICE agent.",
        )


def _ice_credentials(transport: _Transport) -> tuple[str, str]:
    ufrag, password = transport.first("ice-ufrag"), transport.first("ice-pwd")
    if ufrag is None or password is None:
        raise OfferError(OfferFault.WITHOUT_ICE, "The offer has no a=ice-ufrag and a=ice-pwd lines.")
    if not _ICE_UFRAG.fullmatch(ufrag) or not _ICE_PASSWORD.fullmatch(password):
        raise OfferError(
            OfferFault.WITHOUT_ICE,
            "The offer's a=ice-ufrag or a=ice-pwd is not of the form of RFC 8839 section 5.4.",
        )
    return ufrag, password


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


def _setup(transport: _Transport) -> str:
    # RFC 4145 section 4: no a=setup is `active`.
    setup = transport.first("setup") or "active"
    if setup not in ("actpass", "active", "passive"):
        raise OfferError(OfferFault.NOT_SDP, "The offer's a=setup is none of actpass, active and passive.")
    return setup


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
