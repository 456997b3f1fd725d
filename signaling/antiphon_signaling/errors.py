"""Every way a request can be refused: one closed list, in the shape of OpenAI's error object."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

from antiphon_wire.control import EndReason

CALL_OVER = 410


class ErrorCode(StrEnum):
    """What went wrong; the value is the public `code`, described in docs/errors.md."""

    OFFER_NOT_SDP = "offer_not_sdp"
    OFFER_WITHOUT_AUDIO = "offer_without_audio"
    OFFER_WITHOUT_FINGERPRINT = "offer_without_fingerprint"
    OFFER_WITHOUT_ICE = "offer_without_ice"
    OFFER_WITHOUT_OPUS = "offer_without_opus"
    OFFER_CHANGES_CALL = "offer_changes_call"
    SESSION_NOT_JSON = "session_not_json"
    ORIGIN_NOT_ALLOWED = "origin_not_allowed"
    MODEL_NOT_FOUND = "model_not_found"
    CALL_NOT_FOUND = "call_not_found"
    PATH_NOT_FOUND = "path_not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    OFFER_TOO_SLOW = "offer_too_slow"
    OFFER_TOO_LARGE = "offer_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    RESTART_TOO_SOON = "restart_too_soon"
    SIGNALING_FAILED = "signaling_failed"
    BACKEND_UNREACHABLE = "backend_unreachable"
    TRANSCEIVER_FAILED = "transceiver_failed"
    NO_CAPACITY = "no_capacity"
    NO_TRANSCEIVER = "no_transceiver"
    DRAINING = "draining"
    CALL_MOVING = "call_moving"

    @property
    def status(self) -> int:
        return _STATUS[self]


@dataclass(frozen=True)
class Refusal:
    """One answer that is not a success: enough to write the whole HTTP response."""

    code: ErrorCode | EndReason
    """A reason, where the call is over."""
    message: str
    param: str | None = None
    retry_after_s: int | None = None

    @property
    def status(self) -> int:
        return self.code.status if isinstance(self.code, ErrorCode) else CALL_OVER

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.retry_after_s is None else {"retry-after": str(self.retry_after_s)}

    @property
    def body(self) -> bytes:
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        error = {"type": kind, "code": self.code.value, "param": self.param, "message": self.message}
        return json.dumps({"error": error}, ensure_ascii=False).encode()


class RefusedError(Exception):
    """Raised wherever a request turns out to be unanswerable; the app turns it into the response."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def ended(reason: EndReason) -> Refusal:
    return Refusal(reason, f"The call has ended: {_END_SENTENCE[reason]}")


_STATUS = {
    ErrorCode.OFFER_NOT_SDP: 400,
    ErrorCode.OFFER_WITHOUT_AUDIO: 400,
    ErrorCode.OFFER_WITHOUT_FINGERPRINT: 400,
    ErrorCode.OFFER_WITHOUT_ICE: 400,
    ErrorCode.OFFER_WITHOUT_OPUS: 400,
    ErrorCode.SESSION_NOT_JSON: 400,
    ErrorCode.ORIGIN_NOT_ALLOWED: 403,
    ErrorCode.MODEL_NOT_FOUND: 404,
    ErrorCode.CALL_NOT_FOUND: 404,
    ErrorCode.PATH_NOT_FOUND: 404,
    ErrorCode.METHOD_NOT_ALLOWED: 405,
    ErrorCode.OFFER_TOO_SLOW: 408,
    ErrorCode.OFFER_CHANGES_CALL: 409,
    ErrorCode.OFFER_TOO_LARGE: 413,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: 415,
    ErrorCode.RESTART_TOO_SOON: 429,
    ErrorCode.SIGNALING_FAILED: 500,
    ErrorCode.BACKEND_UNREACHABLE: 502,
    ErrorCode.TRANSCEIVER_FAILED: 502,
    ErrorCode.NO_CAPACITY: 503,
    ErrorCode.NO_TRANSCEIVER: 503,
    ErrorCode.DRAINING: 503,
    ErrorCode.CALL_MOVING: 503,
}

_END_SENTENCE = {
    EndReason.CLIENT_CLOSED: "the caller closed the connection.",
    EndReason.HANGUP: "it was hung up through the API.",
    EndReason.SETUP_TIMEOUT: "no UDP packet of the caller arrived within the set-up window.",
    EndReason.DTLS_FAILED: "the DTLS handshake failed.",
    EndReason.CONSENT_LOST: "the caller's packets stopped.",
    EndReason.MAX_DURATION: "it reached the longest duration that this pool allows.",
    EndReason.BACKEND_LOST: "the voice agent's connection was lost.",
    EndReason.DRAIN_DEADLINE: "its pod was replaced and the drain deadline was reached.",
    EndReason.OVERLOAD: "its pod was overloaded, and the newest calls were ended. Start a new call.",
    EndReason.TRANSCEIVER_LOST: "its pod was lost. Start a new call.",
    EndReason.MOVED: "it goes on at another pod.",
    EndReason.INTERNAL_ERROR: "an error inside the transceiver ended it.",
}
