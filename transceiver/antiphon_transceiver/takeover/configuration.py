"""What an export says beside the engine's state: whom the caller talks to, and what was agreed upon in SDP.

JSON, compressed, of at most LONGEST bytes. A release reads what the release before it wrote, and fields that it does
not know are nothing to it: pods of two releases take calls over from one another in a rolling update.
"""

import zlib
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import orjson

from antiphon_transceiver.answer import LocalDescription
from antiphon_transceiver.audio_offer import AudioCoding
from antiphon_transceiver.backends import CallRequest
from antiphon_transceiver.media import AudioAgreement, UplinkMode
from antiphon_transceiver.negotiation import DtlsRole, Offer, parse_offer
from antiphon_transceiver.renegotiation import Negotiation
from antiphon_transceiver.sdp import OfferError
from antiphon_wire.environment import Address

LONGEST = 64 * 1024
"""Compressed: what the engine takes."""
_LONGEST_PLAIN = 512 * 1024
"""An offer and a session of 64 KiB each, with every character escaped, twice in the session's case."""


class ConfigurationTooLongError(Exception):
    """The session or the offer is too long to be written down every few seconds."""


class ConfigurationError(ValueError):
    """These bytes are none, or of a release that is not understood here."""


@dataclass(frozen=True)
class CallConfiguration:
    request: CallRequest
    offer: Offer
    """The last that was answered, with the first one's DTLS role."""
    local: LocalDescription
    """Without candidates: those are the heir's to name."""

    def to_bytes(self) -> bytes:
        """Raises ConfigurationTooLongError."""
        local = asdict(self.local)
        del local["candidates"]
        document = {
            "session": self.request.session,
            "uplink_mode": self.request.uplink_mode,
            "offer": self.offer.text,
            "role": self.offer.role,
            "local": local,
        }
        written = zlib.compress(orjson.dumps(document))
        if len(written) > LONGEST:
            raise ConfigurationTooLongError
        return written

    @classmethod
    def from_bytes(cls, written: bytes, model: str | None) -> Self:
        """Raises ConfigurationError."""
        try:
            document = orjson.loads(_inflated(written))
            return cls(
                request=CallRequest(model, document["session"], _uplink_mode(document["uplink_mode"])),
                offer=_offer(document["offer"], DtlsRole(document["role"])),
                local=_local(document["local"]),
            )
        except (zlib.error, KeyError, TypeError, ValueError, OfferError) as error:
            # Not its text: it may hold parts of the document.
            raise ConfigurationError(type(error).__name__) from None

    def negotiation(self, vip: tuple[Address, ...]) -> Negotiation:
        """As the earlier owner had it, but for the addresses."""
        return Negotiation(self.offer, replace(self.local, candidates=vip))


class WrittenConfiguration:
    """A live call's, written anew only where its negotiation has changed."""

    def __init__(self, request: CallRequest, negotiation: Negotiation) -> None:
        self._request = request
        self._negotiation = negotiation
        self._local: LocalDescription | None = None
        self._written: bytes | None = None
        """None: it is too long."""

    def __call__(self) -> bytes:
        """Raises ConfigurationTooLongError."""
        negotiation = self._negotiation
        if negotiation.local is not self._local:
            self._written, self._local = None, negotiation.local
            self._written = CallConfiguration(self._request, negotiation.offer, negotiation.local).to_bytes()
        if self._written is None:
            raise ConfigurationTooLongError
        return self._written


def _inflated(written: bytes) -> bytes:
    inflation = zlib.decompressobj()
    plain = inflation.decompress(written, _LONGEST_PLAIN)
    if not inflation.eof:
        raise ConfigurationError("longer than any")
    return plain


def _offer(text: object, role: DtlsRole) -> Offer:
    if not isinstance(text, str):
        raise ConfigurationError("no offer")
    return parse_offer(text, role)


def _uplink_mode(value: object) -> UplinkMode | None:
    return None if value is None else UplinkMode(value)


def _local(local: dict[str, Any]) -> LocalDescription:
    audio = local["audio"]
    return LocalDescription(
        session_id=local["session_id"],
        ufrag=local["ufrag"],
        password=local["password"],
        fingerprint=local["fingerprint"],
        ssrc=local["ssrc"],
        audio=AudioAgreement(
            coding=AudioCoding(audio["coding"]),
            payload_type=audio["payload_type"],
            red=audio["red"],
            comfort_noise=audio["comfort_noise"],
            nack=audio["nack"],
            frame_ms=audio["frame_ms"],
            bitrate=audio["bitrate"],
            complexity=audio["complexity"],
            fec=audio["fec"],
            dtx=audio["dtx"],
            uplink_mode=UplinkMode(audio["uplink_mode"]),
        ),
        candidates=(),
        version=local["version"],
    )
