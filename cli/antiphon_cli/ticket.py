"""`antiphon ticket`: what a server-side ufrag says to those who hold the keys."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from antiphon_wire import BLOCK_SIZE, KeyRing, KeyRingError, Ticket, TicketError


@dataclass(frozen=True)
class TicketReading:
    ticket: Ticket
    refusal: str | None
    """Why a relay would not take it now; None: it would."""

    def document(self) -> dict[str, object]:
        """The nonce stays out: with the keys' holder it is of no use, elsewhere it is a caller's."""
        return {
            "cluster": self.ticket.cluster_id,
            "route": self.ticket.route,
            "block": self.ticket.route - self.ticket.route % BLOCK_SIZE,
            "sub_slot": self.ticket.route % BLOCK_SIZE,
            "expires_at": _moment(self.ticket.expires_at),
            "key": self.ticket.key_id,
            "valid": self.refusal is None,
            "refusal": self.refusal,
        }

    def lines(self, now: int) -> list[str]:
        route, left = self.ticket.route, self.ticket.expires_at - now
        sub_slot = route % BLOCK_SIZE
        expiry = f"in {left} s" if left >= 0 else f"{-left} s ago"
        return [
            f"cluster   {self.ticket.cluster_id}",
            f"route     {route} (0x{route:08x}): block 0x{route - sub_slot:08x}, sub-slot {sub_slot}",
            f"expires   {_moment(self.ticket.expires_at)}, {expiry}",
            f"key       {self.ticket.key_id}",
            "valid now" if self.refusal is None else f"refused: {self.refusal}",
        ]


class TicketReadingError(Exception):
    """Nothing could be read; the message says why."""


def read_ticket(ufrag: str, keys: Path, now: int, longest_s: int, skew_s: int) -> TicketReading:
    if ufrag.startswith("rtc_"):
        raise TicketReadingError("that is a call id, not a ticket; a ticket is the a=ice-ufrag of the call's answer")
    ring = _key_ring(keys)
    # Chromium's log and STUN's USERNAME have it as server:client.
    ufrag = ufrag.partition(":")[0]
    try:
        ticket = ring.inspect(ufrag, now=now)
    except TicketError as error:
        raise TicketReadingError(f"refused: {SENTENCES.get(error.reason, error.reason)}") from error
    try:
        ring.open(ufrag, now=now, longest_s=longest_s, skew_s=skew_s)
    except TicketError as error:
        return TicketReading(ticket, SENTENCES.get(error.reason, error.reason))
    return TicketReading(ticket, None)


SENTENCES = {
    "malformed": "malformed: a ticket is 24 characters, version, key id and 22 of base64",
    "unknown_version": "unknown_version: its first character is of another format version",
    "unknown_key": "unknown_key: no key in this file has its id; is it another cluster's, or from before a rotation?",
    "forged": "forged: it was not minted with this key; every `antiphon up` has new keys",
    "expired": "expired: its time is over, or lies further ahead than the longest call",
    "key_retired": "key_retired: its key's accept_until is over",
}


def _key_ring(keys: Path) -> KeyRing:
    try:
        return KeyRing.from_json(keys.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise TicketReadingError(f"{keys} cannot be read: {error}") from error
    except KeyRingError as error:
        raise TicketReadingError(f"{keys}: {error}") from error


def _moment(seconds: int) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
