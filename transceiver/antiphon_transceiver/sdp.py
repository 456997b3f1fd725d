"""The structure of a session description (RFC 8866): its lines, its media sections, their attributes."""

import re
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from antiphon_wire.control import ControlErrorCode

LARGEST_BYTES = 64 * 1024
MOST_LINES = 2_000
MOST_SECTIONS = 32

_LINE = re.compile(r"[a-z]=[^\x00-\x08\x0a-\x1f\x7f]*")
_WORD = r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]{1,128}"
_MEDIA = re.compile(rf"m=({_WORD}) ([0-9]{{1,5}})(?:/[0-9]+)? ([0-9A-Za-z/]{{1,64}}) ({_WORD}(?: {_WORD}){{0,127}})")
_MID = re.compile(_WORD)


class OfferFault(Enum):
    """Why an offer cannot be answered; the value is what the control API says of it."""

    NOT_SDP = ControlErrorCode.OFFER_NOT_SDP
    TOO_LARGE = ControlErrorCode.OFFER_TOO_LARGE
    WITHOUT_AUDIO = ControlErrorCode.OFFER_WITHOUT_AUDIO
    WITHOUT_OPUS = ControlErrorCode.OFFER_WITHOUT_OPUS
    WITHOUT_ICE = ControlErrorCode.OFFER_WITHOUT_ICE
    WITHOUT_FINGERPRINT = ControlErrorCode.OFFER_WITHOUT_FINGERPRINT
    CHANGES_CALL = ControlErrorCode.OFFER_CHANGES_CALL


class OfferError(Exception):
    """The client's offer is at fault; the message says what to change in it."""

    def __init__(self, fault: OfferFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault
        self.message = message


@dataclass(frozen=True)
class Attributes:
    """The `a=` lines of the session or of one media section, in their order."""

    lines: tuple[tuple[str, str], ...]

    def values(self, name: str) -> tuple[str, ...]:
        return tuple(value for key, value in self.lines if key == name)

    def first(self, name: str) -> str | None:
        return next(iter(self.values(name)), None)

    def has(self, name: str) -> bool:
        return any(key == name for key, _ in self.lines)


@dataclass(frozen=True)
class MediaSection:
    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    mid: str | None
    attributes: Attributes


@dataclass(frozen=True)
class SessionDescription:
    attributes: Attributes
    sections: tuple[MediaSection, ...]

    def bundle(self) -> tuple[str, ...]:
        """The mids of the BUNDLE group (RFC 9143), the tagged section's first; empty without one.

        No more than there can be sections: the others name none, and every section is looked for in this list.
        """
        for value in self.attributes.values("group"):
            words = value.split()
            if words[:1] == ["BUNDLE"]:
                return tuple(words[1 : MOST_SECTIONS + 1])
        return ()

    def section(self, mid: str) -> MediaSection | None:
        return next((section for section in self.sections if section.mid == mid), None)


def parse_sdp(text: str) -> SessionDescription:
    """Reads a description; raises OfferError and nothing else, whatever the text."""
    lines = _lines(text)
    starts = [index for index, line in enumerate(lines) if line.startswith("m=")]
    if len(starts) > MOST_SECTIONS:
        raise OfferError(OfferFault.TOO_LARGE, f"The offer has more than {MOST_SECTIONS} media sections.")
    sections = tuple(_section(lines[start:end]) for start, end in pairwise([*starts, len(lines)]))
    return SessionDescription(_attributes(lines[: starts[0]] if starts else lines), sections)


def _lines(text: str) -> list[str]:
    if len(text) > LARGEST_BYTES or len(text.encode("utf-8", "replace")) > LARGEST_BYTES:
        raise OfferError(OfferFault.TOO_LARGE, f"The offer is larger than {LARGEST_BYTES} bytes.")
    if text.lstrip().startswith("{"):
        raise OfferError(OfferFault.NOT_SDP, "The offer starts with '{'. Send the SDP text itself, not a JSON object.")
    # RFC 8866 section 5: records end with CRLF, and a bare newline should be accepted too.
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    if lines[0] != "v=0":
        raise OfferError(OfferFault.NOT_SDP, "The offer does not start with the line v=0: send the offer's SDP text.")
    if len(lines) > MOST_LINES:
        raise OfferError(OfferFault.TOO_LARGE, f"The offer has more than {MOST_LINES} lines.")
    for number, line in enumerate(lines, start=1):
        if not _LINE.fullmatch(line):
            raise OfferError(OfferFault.NOT_SDP, f"Line {number} of the offer is not of the form <letter>=<value>.")
    return lines


def _section(lines: list[str]) -> MediaSection:
    media = _MEDIA.fullmatch(lines[0])
    if media is None:
        raise OfferError(
            OfferFault.NOT_SDP, "An m= line of the offer is not of the form m=<media> <port> <protocol> <formats>."
        )
    attributes = _attributes(lines[1:])
    mid = attributes.first("mid")
    if mid is not None and not _MID.fullmatch(mid):
        raise OfferError(OfferFault.NOT_SDP, "An a=mid line of the offer is not a token (RFC 5888 section 4).")
    kind, port, protocol, formats = media.groups()
    return MediaSection(kind, int(port), protocol, tuple(formats.split(" ")), mid, attributes)


def _attributes(lines: list[str]) -> Attributes:
    pairs = (line[2:].partition(":") for line in lines if line.startswith("a="))
    return Attributes(tuple((name, value.strip()) for name, _, value in pairs))
