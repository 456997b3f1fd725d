"""The caller's request for a call, parsed and checked cheaply; the transceiver looks at the SDP in depth. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from antiphon_signaling.errors import ErrorCode, Refusal, RefusedError

MAX_SDP_BYTES = 64 * 1024
MAX_SESSION_BYTES = 64 * 1024
MULTIPART_SLACK_BYTES = 4 * 1024
"""Room for the boundaries and the parts' headers."""
MAX_SESSION_DEPTH = 32
"""Ten times what the Realtime API's own documents need."""


@dataclass(frozen=True)
class Offer:
    sdp: str
    model: str | None
    session: Mapping[str, object] | None
    """The session document of the Realtime API: opaque here, handed to the transceiver as it came."""


def largest_body(media_type: str) -> int:
    """How many bytes of a body of this type are read at most; raises for a type that is not understood."""
    if media_type == "application/sdp":
        return MAX_SDP_BYTES
    if media_type == "multipart/form-data":
        return MAX_SDP_BYTES + MAX_SESSION_BYTES + MULTIPART_SLACK_BYTES
    message = (
        f"Content-Type is {media_type[:80] or 'missing'}. Send the SDP text with Content-Type application/sdp, "
        "or multipart/form-data with parts sdp and session."
    )
    raise RefusedError(Refusal(ErrorCode.UNSUPPORTED_MEDIA_TYPE, message))


def largest_later_body(media_type: str) -> int:
    """The same for a live call's later offer, which is SDP alone."""
    if media_type == "application/sdp":
        return MAX_SDP_BYTES
    message = f"Content-Type is {media_type[:80] or 'missing'}. Send the whole offer with Content-Type application/sdp."
    raise RefusedError(Refusal(ErrorCode.UNSUPPORTED_MEDIA_TYPE, message))


def not_utf8() -> RefusedError:
    message = "The Content-Type names a charset other than UTF-8. SDP and JSON are UTF-8: leave the charset out."
    return RefusedError(Refusal(ErrorCode.UNSUPPORTED_MEDIA_TYPE, message))


def too_large(limit: int, what: str = "body") -> RefusedError:
    message = f"The {what} is larger than {limit // 1024} KiB; an offer with one audio line has about 2 KiB."
    return RefusedError(Refusal(ErrorCode.OFFER_TOO_LARGE, message))


def offer_of(sdp: bytes, session: bytes | None, *, model: str | None) -> Offer:
    """`model` is the one in the URL; the session's own wins over it."""
    if len(sdp) > MAX_SDP_BYTES:
        raise too_large(MAX_SDP_BYTES, "SDP")
    if session is not None and len(session) > MAX_SESSION_BYTES:
        raise too_large(MAX_SESSION_BYTES, "session")
    document = None if session is None else _session(session)
    named = None if document is None else document.get("model")
    if named is not None and not isinstance(named, str):
        raise _session_not_json("its `model` is not a string")
    return Offer(sdp_of(sdp), named or model or None, document)


def sdp_of(body: bytes) -> str:
    # RFC 8866 section 5: a description starts with its version line, and is UTF-8.
    if not body.startswith(b"v=0"):
        raise not_sdp(f"starts with {body[:1].decode('ascii', 'replace')!r}" if body else "is empty")
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise not_sdp("is not UTF-8 text") from None


def not_sdp(what: str) -> RefusedError:
    remedy = "Send the SDP text with Content-Type application/sdp, or multipart with parts sdp and session."
    return RefusedError(Refusal(ErrorCode.OFFER_NOT_SDP, f"The body {what}. {remedy}", param="sdp"))


def _session(text: bytes) -> Mapping[str, object]:
    try:
        document = json.loads(text.decode(), parse_constant=_finite, parse_float=_finite, parse_int=_whole)
        # A lone surrogate, which JSON can escape (RFC 8259 section 8.2), cannot be written as UTF-8 again.
        json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise _session_not_json("it does not parse") from None
    if not isinstance(document, dict):
        raise _session_not_json("it is not an object")
    if _is_deeper(document, MAX_SESSION_DEPTH):
        raise _session_not_json(f"it is nested more than {MAX_SESSION_DEPTH} deep")
    return document


def _finite(text: str) -> float:
    # Python reads NaN and Infinity, which are not JSON (RFC 8259 section 6), and 1e999 as infinity: pods refuse them.
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _whole(text: str) -> int:
    _finite(text)
    return int(text)


def _is_deeper(document: object, levels: int) -> bool:
    layer = [document]
    for _ in range(levels):
        layer = [inner for outer in layer for inner in _members(outer)]
    return any(isinstance(value, dict | list) for value in layer)


def _members(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _session_not_json(why: str) -> RefusedError:
    message = f'The part `session` must be a JSON object such as {{"type": "realtime", "model": "…"}}: {why}.'
    return RefusedError(Refusal(ErrorCode.SESSION_NOT_JSON, message, param="session"))
