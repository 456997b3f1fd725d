"""The control API's closed words, which signaling reads and a transceiver says, and the token both must hold."""

from enum import StrEnum
from pathlib import Path
from typing import Final

from antiphon_wire.environment import SettingError

SHORTEST_TOKEN: Final = 32
RESTART_INTERVAL_S: Final = 2
"""Between two restarts of a call's ICE: each is a new ticket, which may open eight flows at the relays."""


class ControlErrorCode(StrEnum):
    """Why a transceiver refuses a request; the value is the `code` of its error object."""

    OFFER_NOT_SDP = "offer_not_sdp"
    OFFER_TOO_LARGE = "offer_too_large"
    OFFER_WITHOUT_AUDIO = "offer_without_audio"
    OFFER_WITHOUT_FINGERPRINT = "offer_without_fingerprint"
    OFFER_WITHOUT_ICE = "offer_without_ice"
    OFFER_WITHOUT_OPUS = "offer_without_opus"
    OFFER_CHANGES_CALL = "offer_changes_call"
    """A later offer of a live call may restart ICE, and change nothing else."""
    RESTART_TOO_SOON = "restart_too_soon"
    """The call's last restart of ICE is younger than RESTART_INTERVAL_S."""
    REQUEST_MALFORMED = "request_malformed"
    """The body around the offer is at fault, so its sender is, not the caller."""
    UNAUTHORIZED = "unauthorized"
    CALL_UNKNOWN = "call_unknown"
    BACKEND_UNREACHABLE = "backend_unreachable"
    NO_CAPACITY = "no_capacity"
    DRAINING = "draining"
    NOT_READY = "not_ready"
    """No route table, no public address or no key that may mint now."""
    REGISTRY_UNAVAILABLE = "registry_unavailable"
    """No registry of calls is configured, or it does not answer: no call can be taken over or handed over."""
    INTERNAL_ERROR = "internal_error"


class EndReason(StrEnum):
    """Why a call is over."""

    CLIENT_CLOSED = "client_closed"
    HANGUP = "hangup"
    SETUP_TIMEOUT = "setup_timeout"
    DTLS_FAILED = "dtls_failed"
    CONSENT_LOST = "consent_lost"
    MAX_DURATION = "max_duration"
    BACKEND_LOST = "backend_lost"
    DRAIN_DEADLINE = "drain_deadline"
    OVERLOAD = "overload"
    """The pod missed its deadlines, and the newest call went so that the others are served."""
    TRANSCEIVER_LOST = "transceiver_lost"
    """No transceiver says it: signaling does, of a pod that is gone."""
    MOVED = "moved"
    """It goes on at another transceiver. Signaling never says it: it asks that one."""
    INTERNAL_ERROR = "internal_error"


class BackendState(StrEnum):
    """What a transceiver last found of its backend."""

    NOT_PROBED = "NotProbed"
    REACHABLE = "Reachable"
    UNREACHABLE = "Unreachable"
    UNAUTHORIZED = "Unauthorized"
    CERTIFICATE_INVALID = "CertificateInvalid"


def read_control_token(path: Path) -> str:
    """Reads the file that `ANTIPHON_CONTROL_TOKEN_FILE` names; raises SettingError."""
    try:
        token = path.read_text(encoding="ascii").strip()
    except UnicodeDecodeError:
        raise _refused("names a file that holds more than ASCII") from None
    except OSError as error:
        raise _refused(f"names a file that cannot be read: {error.strerror or type(error).__name__}") from None
    # What an Authorization header can carry: a space ends the credentials (RFC 9110 section 11.4).
    if len(token) < SHORTEST_TOKEN or not token.isprintable() or " " in token:
        raise _refused(f"names a file that must hold one line of at least {SHORTEST_TOKEN} characters without spaces")
    return token


def _refused(problem: str) -> SettingError:
    return SettingError("ANTIPHON_CONTROL_TOKEN_FILE", problem, "/etc/antiphon/control-token")
