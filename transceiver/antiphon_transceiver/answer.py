"""Writes the answer to an offer: ICE-lite, one host candidate for each public address, one transport."""

from dataclasses import dataclass, field

from antiphon_transceiver.audio_offer import AudioCoding, Direction
from antiphon_transceiver.media.agreement import CNAME, AudioAgreement
from antiphon_transceiver.media.settings import UplinkMode
from antiphon_transceiver.negotiation import LARGEST_MESSAGE, Offer, OfferedSection, SectionUse
from antiphon_wire.environment import Address

_SCTP_PORT = 5000
_LONGEST_PACKET_MS = 60
"""Of sound that we ask for: what is longer in a packet comes late, and is lost with it at once."""


@dataclass(frozen=True)
class LocalDescription:
    """What our side brings to an answer."""

    session_id: int
    ufrag: str = field(repr=False)
    password: str = field(repr=False)
    fingerprint: str
    """Of our certificate, sha-256, as in a=fingerprint."""
    ssrc: int
    audio: AudioAgreement
    candidates: tuple[Address, ...]
    """The public addresses, the preferred one first."""
    version: int = 1
    """How many answers this call has had that were not the same."""


def write_answer(offer: Offer, local: LocalDescription) -> str:
    accepted = [section for section in offer.sections if section.use is not SectionUse.REJECTED]
    mids = " ".join(section.media.mid for section in accepted if section.media.mid)
    lines = [
        "v=0",
        f"o=- {local.session_id} {local.version} IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        *([f"a=group:BUNDLE {mids}"] if offer.bundled else []),
        "a=ice-lite",
        # RFC 8445 section 10: this agent is of that RFC, not of RFC 5245.
        "a=ice-options:ice2",
        f"a=msid-semantic: WMS {CNAME}",
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
    formats = " ".join(_formats(local.audio)) if section.use is SectionUse.AUDIO else "webrtc-datachannel"
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
    audio = local.audio
    lines = [
        f"a={offer.audio.direction.value}",
        *(["a=rtcp-mux"] if offer.audio.rtcp_mux else []),
        f"a=rtpmap:{audio.payload_type} {audio.coding.encoding}",
        *_parameters(audio),
        *([f"a=rtcp-fb:{audio.payload_type} nack"] if audio.nack else []),
        f"a=ptime:{audio.frame_ms}",
        f"a=maxptime:{_LONGEST_PACKET_MS}",
    ]
    if offer.audio.direction in (Direction.SENDRECV, Direction.SENDONLY):
        lines += [f"a=msid:{CNAME} voice", f"a=ssrc:{local.ssrc} cname:{CNAME}"]
    return lines


def _formats(audio: AudioAgreement) -> list[str]:
    """The payload types, the one that the client had best send first (RFC 3264 section 6.1)."""
    plain = [audio.payload_type, audio.comfort_noise]
    # Sound that comes twice costs the client twice the bandwidth. Browsers send RED only if it stands before Opus.
    both = [audio.red, *plain] if audio.uplink_mode is UplinkMode.ACCURACY else [*plain, audio.red]
    return [str(payload_type) for payload_type in both if payload_type is not None]


def _parameters(audio: AudioAgreement) -> list[str]:
    lines = []
    if audio.coding is AudioCoding.OPUS:
        # In-band FEC is asked for: a lost packet of speech is repaired from the next one (RFC 7587 section 6.1). One
        # channel and no pauses are what holds where nothing is said.
        lines.append(f"a=fmtp:{audio.payload_type} minptime=10;useinbandfec=1")
    if audio.red is not None:
        twice = f"{audio.payload_type}/{audio.payload_type}"
        lines += [f"a=rtpmap:{audio.red} red/48000/2", f"a=fmtp:{audio.red} {twice}"]
    if audio.comfort_noise is not None:
        lines.append(f"a=rtpmap:{audio.comfort_noise} CN/8000")
    return lines


def _data() -> list[str]:
    return [f"a=sctp-port:{_SCTP_PORT}", f"a=max-message-size:{LARGEST_MESSAGE}"]


def _family(address: Address) -> str:
    return "IP6" if ":" in address.host else "IP4"
