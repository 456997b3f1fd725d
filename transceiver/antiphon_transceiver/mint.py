"""New tickets for calls: each one that nobody has."""

import logging
import secrets
from collections.abc import Callable
from time import time
from typing import TypeVar

from antiphon_transceiver.capacity import CallRefusedError, Refusal
from antiphon_wire.fleet_table import FleetTable
from antiphon_wire.key_ring import KeyRing, KeyRingError
from antiphon_wire.ticket import MINT_SLACK_S, Minted, Ticket
from antiphon_wire.watched_file import WatchedFile

logger = logging.getLogger(__name__)

_ATTEMPTS = 8

T = TypeVar("T")


class Mint:
    def __init__(self, keys: WatchedFile[KeyRing], is_known: Callable[[str], bool]) -> None:
        """`is_known`: whether a call has that id."""
        self._keys = keys
        self._is_known = is_known

    def may_mint(self, table: FleetTable, route: int, lasts_s: int) -> bool:
        now = int(time())
        try:
            self._keys.current.mint(_ticket(table, route, now, lasts_s), now=now)
        except KeyRingError:
            return False
        return True

    def mint(self, table: FleetTable, route: int, lasts_s: int, place: Callable[[Minted], T]) -> tuple[Minted, T]:
        """A ticket, and what the endpoint says to it; `place` raises KeyError where it has one of that name.

        Raises CallRefusedError.
        """
        now = int(time())
        for _ in range(_ATTEMPTS):
            try:
                minted = self._keys.current.mint(_ticket(table, route, now, lasts_s), now=now)
            except KeyRingError as error:
                logger.error("no ticket can be minted", extra={"fields": {"why": str(error)}})
                raise CallRefusedError(Refusal.NOT_READY) from error
            if self._is_known(minted.call_id):
                continue
            try:
                return minted, place(minted)
            except KeyError:
                continue
        raise CallRefusedError(Refusal.NOT_READY)


def _ticket(table: FleetTable, route: int, now: int, lasts_s: int) -> Ticket:
    return Ticket(
        cluster_id=table.routes.cluster_id,
        route=route,
        expires_at=now + lasts_s + MINT_SLACK_S,
        nonce=secrets.randbits(32),
    )
