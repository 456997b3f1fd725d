"""The routing ticket, and why one is refused."""

from enum import StrEnum

from antiphon_wire._extension import LONGEST_CALL_S, MINT_SLACK_S, CallId, Minted, RefusedTicketError, Ticket

__all__ = ["LONGEST_CALL_S", "MINT_SLACK_S", "CallId", "Minted", "Ticket", "TicketError", "TicketReason"]


class TicketReason(StrEnum):
    """Why a ticket or call id is refused; the relay's drop reasons are these behind `ticket_`."""

    MALFORMED = "malformed"
    UNKNOWN_VERSION = "unknown_version"
    UNKNOWN_KEY = "unknown_key"
    KEY_RETIRED = "key_retired"
    FORGED = "forged"
    EXPIRED = "expired"


class TicketError(ValueError):
    """A refused ticket; the text never holds the ticket."""

    def __init__(self, reason: TicketReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    @classmethod
    def of(cls, refusal: RefusedTicketError) -> "TicketError":
        label, message = refusal.args
        return cls(TicketReason(label), message)
