"""What came of an offer: for its client, and for the later offers of the call."""

from dataclasses import dataclass

from antiphon_transceiver.backends import CallRequest
from antiphon_transceiver.call_book import CallRecord
from antiphon_transceiver.renegotiation import Negotiation


@dataclass(frozen=True)
class Answered:
    """A call, and the answer to its client's offer."""

    record: CallRecord
    answer: str


@dataclass(frozen=True)
class Agreement:
    """What a live call was asked for with, and what came of it."""

    request: CallRequest
    negotiation: Negotiation
