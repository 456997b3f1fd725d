"""What a receiver of Opus says of itself in a=fmtp (RFC 7587 section 6.1): it binds who sends to it."""

import re
from dataclasses import dataclass
from typing import Self

_BITRATES = range(6_000, 510_001)
"""Others are to be ignored."""
_MOST_PARAMETERS = 64


@dataclass(frozen=True)
class OpusParameters:
    """What is not here does not bind us.

    `stereo` and `maxplaybackrate` allow more than we send, which is one channel of at most 12 kHz, and `cbr` is a wish.
    `sprop-…` says what the client may send, which is decoded to mono whatever it is.
    """

    fec: bool = False
    """The client makes use of in-band FEC."""
    dtx: bool = False
    """The client would rather hear of pauses than get packets of silence."""
    most_bitrate: int | None = None
    """Bits a second, on average."""
    shortest_packet_ms: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `name=value;…`, whatever the text; of a name that comes twice the first counts."""
        found: dict[str, str] = {}
        for parameter in text.split(";")[:_MOST_PARAMETERS]:
            name, _, value = parameter.partition("=")
            found.setdefault(name.strip().lower(), value.strip())
        bitrate = _number(found.get("maxaveragebitrate"))
        return cls(
            fec=found.get("useinbandfec") == "1",
            dtx=found.get("usedtx") == "1",
            # Not `None in …`, for which Python goes through the whole range.
            most_bitrate=bitrate if bitrate is not None and bitrate in _BITRATES else None,
            shortest_packet_ms=_number(found.get("minptime")) or None,
        )


def _number(text: str | None) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text or "") and text else None
