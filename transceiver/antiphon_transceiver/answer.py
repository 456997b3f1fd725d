"""Writes the answer to an offer: ICE-lite, one host candidate for each public address, one transport."""

from dataclasses import dataclass

from antiphon_transceiver.negotiation import LARGEST_MESSAGE, Direction, Offer, OfferedSection, SectionUse
from antiphon_wire.environment import Address

_SCTP_PORT = 5000
_CNAME = "antiphon"


@dataclass(frozen=True)
class LocalDescription:
    """What our side brings to an answer."""

    session_id: int
    ufrag: str
    password: str
    fingerprint: str
    """Of our certificate, sha-256, as in a=fingerprint."""
    ssrc: int
    candidates: tuple[Address, ...]
    """The public addresses, the preferred one first."""


def write_answer(offer: Offer, local: LocalDescription) -> str:
    accepted = [section for section in offer.sections if section.use is not SectionUse.REJECTED]
    mids = " ".join(section.media.mid for section in accepted if section.media.mid)
    lines = [
        "v=0",
        f"o=- {local.session_id} 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        *([f"a=group:BUNDLE {mids}"] if offer.bundled else []),
        "a=ice-lite",
        f"a=msid-semantic: WMS {_CNAME}",
    ]
    for section in offer.sections:
        lines += _section(section, offer, local, tagged=section is accepted[0])
    return "\r\n".join(lines) + "\r\n"


def _section(section: OfferedSection, offer: Offer, local: LocalDescription, *, tagged: bool) -> list[str]:
    media = section.media
    mid = [f"a=mid:{media.mid}"] if media.mid else []
    if section.use is SectionUse.REJECTED:
        head = f"m={media.kind} 0 {media.protocol} {' '.join(media.formats)}"
        return [head, "c=IN IP4 0.0.0.0", "a=inactive", *mid]
    address = local.candidates[0]
    formats = str(offer.opus.payload_type) if section.use is SectionUse.AUDIO else "webrtc-datachannel"
    return [
        f"m={media.kind} {address.port} {media.protocol} {formats}",
        f"c=IN {_family(address)} {address.host}",
        *(_candidates(local.candidates) if tagged else []),
        f"a=ice-ufrag:{local.ufrag}",
        f"a=ice-pwd:{local.password}",
        f"a=fingerprint:sha-256 {local.fingerprint}",
        f"a=setup:{offer.role.value}",
        *mid,
        *(_audio(offer, local) if section.use is SectionUse.AUDIO else _data()),
    ]


def _candidates(addresses: tuple[Address, ...]) -> list[str]:
    # RFC 8445 section 5.1.2: host candidates (126), a falling local preference, component 1.
    lines = [
        f"a=candidate:{index + 1} 1 udp {126 << 24 | (65535 - index) << 8 | 255} {address.host} {address.port} typ host"
        for index, address in enumerate(addresses)
    ]
    return [*lines, "a=end-of-candidates"]


def _audio(offer: Offer, local: LocalDescription) -> list[str]:
    opus = offer.opus
    lines = [
        f"a={opus.direction.value}",
        *(["a=rtcp-mux"] if opus.rtcp_mux else []),
        f"a=rtpmap:{opus.payload_type} opus/48000/2",
        # In-band FEC is asked for: a lost packet of speech is repaired from the next one (RFC 7587 section 6.1).
        f"a=fmtp:{opus.payload_type} minptime=10;useinbandfec=1",
    ]
    if opus.direction in (Direction.SENDRECV, Direction.SENDONLY):
        lines += [f"a=msid:{_CNAME} voice", f"a=ssrc:{local.ssrc} cname:{_CNAME}"]
    return lines


def _data() -> list[str]:
    return [f"a=sctp-port:{_SCTP_PORT}", f"a=max-message-size:{LARGEST_MESSAGE}"]


def _family(address: Address) -> str:
    return "IP6" if ":" in address.host else "IP4"
