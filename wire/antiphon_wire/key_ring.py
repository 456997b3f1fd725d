"""The key ring: the document that carries the keys, and what is minted and opened with them."""

import base64
import binascii
import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Self

from antiphon_wire import _extension
from antiphon_wire._extension import KeyRingError
from antiphon_wire.ticket import LONGEST_CALL_S, MINT_SLACK_S, CallId, Minted, Ticket, TicketError

__all__ = ["KeyRing", "KeyRingError", "KeySpec"]

_SECRET_BYTES = 32
_CLOCK_SLACK = timedelta(minutes=1)
_GENERATED_KEY_MINTS = timedelta(days=365)
_LONGEST_TICKET = timedelta(seconds=LONGEST_CALL_S + MINT_SLACK_S) + _CLOCK_SLACK
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

KeySpec = tuple[int, bytes, int, int, int]
"""`(key id as a byte, secret, mint_from, mint_until, accept_until)`: plain values, for other native extensions."""


class KeyRing:
    """The keys that mint and read tickets. Times are whole seconds since the Unix epoch."""

    __slots__ = ("_native",)

    def __init__(self, specs: list[KeySpec]) -> None:
        self._native = _extension.KeyRing(specs)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads `{"keys": [{"id", "secret", "mint_from", "mint_until", "accept_until"}]}`."""
        try:
            document = json.loads(text)
        except (json.JSONDecodeError, RecursionError):
            # The decoder's own error carries the whole document, secrets and all.
            raise KeyRingError("the keys document is not JSON") from None
        keys = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(keys, list):
            raise KeyRingError('the keys document must be {"keys": […]}')
        return cls([_read_key(position, key) for position, key in enumerate(keys)])

    @staticmethod
    def generate_json(now: int) -> str:
        """A fresh document with one key, good for a year."""
        start = _EPOCH + timedelta(seconds=now)
        key = {
            "id": "A",
            "secret": base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode("ascii"),
            "mint_from": _rfc3339(max(start - _CLOCK_SLACK, _EPOCH)),
            "mint_until": _rfc3339(start + _GENERATED_KEY_MINTS),
            "accept_until": _rfc3339(start + _GENERATED_KEY_MINTS + _LONGEST_TICKET),
        }
        return json.dumps({"keys": [key]}, indent=1)

    def __repr__(self) -> str:
        return f"KeyRing({len(self.specs())} keys)"

    def specs(self) -> list[KeySpec]:
        """The keys, secrets and all, for the relay's and the transceiver's native extensions."""
        return self._native.specs()

    def mint(self, ticket: Ticket, *, now: int) -> Minted:
        """A ticket, its password and its call id, under the newest key that may mint at `now`."""
        minted = self._native.mint(ticket, now)
        if minted is None:
            raise KeyRingError("no key of the key ring may mint now: look at mint_from and mint_until")
        return minted

    def open(self, ufrag: str, *, now: int, longest_s: int, skew_s: int) -> Ticket:
        """Reads a ticket and checks version, key, authenticity and expiry."""
        try:
            return self._native.open(ufrag, now, longest_s, skew_s)
        except _extension.RefusedTicketError as refusal:
            raise TicketError.of(refusal) from None

    def inspect(self, ufrag: str, *, now: int) -> Ticket:
        """Reads a ticket without checking its expiry; `expires_at` is the one nearest to `now`."""
        try:
            return self._native.inspect(ufrag, now)
        except _extension.RefusedTicketError as refusal:
            raise TicketError.of(refusal) from None

    def password(self, ufrag: str, *, now: int = 0) -> str:
        """The ICE password of a ticket; without `now` retired keys count too."""
        try:
            return self._native.password(ufrag, now)
        except _extension.RefusedTicketError as refusal:
            raise TicketError.of(refusal) from None

    def open_call_id(self, call_id: str, *, now: int = 0) -> CallId:
        """Where a call lives; without `now` retired keys count too, so that an ended call can be named."""
        try:
            return self._native.open_call_id(call_id, now)
        except _extension.RefusedTicketError as refusal:
            raise TicketError.of(refusal) from None

    def sealing_key(self, *, now: int) -> tuple[int, bytes]:
        """`(key id, key)` that seals call exports at `now`. Never of the ring that tickets are minted with."""
        key = self._native.sealing_key(now)
        if key is None:
            raise KeyRingError("no key of the key ring may seal now: look at mint_from and mint_until")
        return key

    def opening_key(self, key_id: int, *, now: int) -> bytes:
        """The key of call exports that name it."""
        try:
            return self._native.opening_key(key_id, now)
        except _extension.RefusedTicketError as refusal:
            raise TicketError.of(refusal) from None


def _read_key(position: int, key: object) -> KeySpec:
    where = f"keys[{position}]"
    if not isinstance(key, dict):
        raise KeyRingError(f"{where} is not an object")
    key_id = key.get("id")
    if not (isinstance(key_id, str) and len(key_id) == 1 and key_id.isascii()):
        raise KeyRingError(f"{where}.id must be one ASCII letter or digit")
    return (
        ord(key_id),
        _read_secret(f"{where}.secret", key.get("secret")),
        _read_time(f"{where}.mint_from", key.get("mint_from")),
        _read_time(f"{where}.mint_until", key.get("mint_until")),
        _read_time(f"{where}.accept_until", key.get("accept_until")),
    )


def _read_secret(where: str, text: object) -> bytes:
    try:
        secret = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != _SECRET_BYTES:
        raise KeyRingError(f"{where} must be {_SECRET_BYTES} bytes in base64")
    return secret


def _read_time(where: str, text: object) -> int:
    try:
        time = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        time = None
    if time is None or time.tzinfo is None or time < _EPOCH:
        raise KeyRingError(f"{where} must be an RFC 3339 time with a zone, as 2026-11-21T02:00:00Z")
    return (time - _EPOCH) // timedelta(seconds=1)


def _rfc3339(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
