"""STUN binding messages as ICE uses them (RFC 8489, RFC 8445 §7)."""

from dataclasses import dataclass, field
from enum import StrEnum

from antiphon_wire import _extension
from antiphon_wire._extension import StunError

__all__ = ["Kind", "Message", "StunError", "binding_request", "binding_success", "parse"]


class Kind(StrEnum):
    REQUEST = "request"
    INDICATION = "indication"
    SUCCESS = "success"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class Message:
    """A parsed message. What names a caller or a call stays out of its repr."""

    kind: Kind
    transaction_id: bytes
    username: str | None = field(repr=False)
    xor_mapped_address: tuple[str, int] | None = field(repr=False)
    priority: int | None
    use_candidate: bool
    controlling: int | None
    """The sender's tie-breaker, where it says that it controls."""
    controlled: int | None
    error_code: int | None
    unknown_required: int | None
    """The first comprehension-required attribute that is not known (RFC 8489 §14)."""
    datagram: bytes = field(repr=False)

    def verify(self, password: str) -> bool:
        """Whether FINGERPRINT and, under `password`, MESSAGE-INTEGRITY are both there and right."""
        return _extension.verify_stun(self.datagram, password.encode())


def parse(datagram: bytes) -> Message:
    """Reads one datagram that must hold exactly one Binding message."""
    parsed = _extension.parse_stun(datagram)
    try:
        username = None if parsed.username is None else parsed.username.decode()
    except UnicodeDecodeError:
        raise StunError("the USERNAME is not UTF-8") from None
    return Message(
        kind=Kind(parsed.kind),
        transaction_id=parsed.transaction_id,
        username=username,
        xor_mapped_address=parsed.xor_mapped_address,
        priority=parsed.priority,
        use_candidate=parsed.use_candidate,
        controlling=parsed.controlling,
        controlled=parsed.controlled,
        error_code=parsed.error_code,
        unknown_required=parsed.unknown_required,
        datagram=datagram,
    )


def binding_request(
    *,
    transaction_id: bytes,
    username: str,
    password: str,
    priority: int,
    use_candidate: bool,
    controlling: int,
) -> bytes:
    """A connectivity check of a controlling agent; `username` is `receiver:sender`, `password` the receiver's."""
    return _extension.binding_request(
        transaction_id=transaction_id,
        username=username.encode(),
        password=password.encode(),
        priority=priority,
        use_candidate=use_candidate,
        controlling=controlling,
    )


def binding_success(*, transaction_id: bytes, mapped_address: tuple[str, int], password: str) -> bytes:
    """The answer to a check, protected under the answering side's password."""
    host, port = mapped_address
    return _extension.binding_success(transaction_id=transaction_id, host=host, port=port, password=password.encode())
