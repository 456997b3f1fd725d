"""The fleet's key ring as the operator turns it: docs/wire-formats.md, "Keys", has the rules.

A key may mint for a long time, so that calls can be set up with the operator gone. Once its successor is published, it
ends one lead after the successor begins: whoever read the Secret at most a lead ago knows by then whom to mint with.
Nobody acknowledges anything.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from antiphon_operator.relay.longest_call import CLOCK_SKEW_S

UNATTENDED_S: Final = 30 * 86_400
"""How long past its time the newest key goes on minting while nobody rotates."""
MOST_KEYS: Final = 31
"""That the operator makes: half of the ids that there are, so an id comes back only long after its last ticket."""
IDS: Final = string.ascii_uppercase + string.ascii_lowercase + string.digits
MOST_READ: Final = len(IDS)
"""Readers refuse more."""


@dataclass(frozen=True)
class Key:
    id: str
    secret: bytes = field(repr=False)
    mint_from: int
    mint_until: int
    accept_until: int

    def may_mint(self, now: int) -> bool:
        return self.mint_from <= now < self.mint_until


@dataclass(frozen=True)
class Policy:
    period_s: int
    lead_s: int
    life_s: int
    """Of a ticket, with what clocks may differ."""


@dataclass(frozen=True)
class Ring:
    keys: tuple[Key, ...] = ()
    """Oldest first."""
    epoch: int = 0
    """How many keys have been made."""
    asked: str = ""
    """The last wish for a rotation that was granted."""

    @property
    def newest(self) -> Key | None:
        return max(self.keys, key=lambda key: key.mint_from, default=None)

    def may_mint(self, now: int) -> bool:
        return any(key.may_mint(now) for key in self.keys)


def turned(ring: Ring, asked: str, policy: Policy, now: int, new_secret: Callable[[], bytes]) -> Ring:
    """The ring as it has to be now; a ring that was turned is left as it is until `next_turn`, or until asked."""
    keys = tuple(key for key in ring.keys if now < key.accept_until)
    ring = replace(ring, keys=_stretched(keys, policy, now))
    if not ring.may_mint(now):
        return _minting_at_once(ring, asked, policy, now, new_secret)
    is_asked = asked not in ("", ring.asked)
    if is_full(ring) or not (is_asked or now >= _due(ring, policy)):
        return ring
    return _with_key(ring, asked, policy, now + policy.lead_s, new_secret)


def next_turn(ring: Ring, policy: Policy) -> int:
    """When time alone changes the ring."""
    moments = [key.accept_until for key in ring.keys]
    return min(moments if is_full(ring) else [*moments, _due(ring, policy)])


def is_full(ring: Ring) -> bool:
    """No rotation until the oldest key's last ticket is void."""
    return len(ring.keys) >= MOST_KEYS


def first_ring(epoch: int, asked: str, policy: Policy, now: int, new_secret: Callable[[], bytes]) -> Ring:
    """Mints at once: there is no other key that could. `epoch`: how many keys there were before."""
    return _minting_at_once(Ring(epoch=epoch), asked, policy, now, new_secret)


def _due(ring: Ring, policy: Policy) -> int:
    newest = ring.newest
    return 0 if newest is None else newest.mint_from + policy.period_s - policy.lead_s


def _stretched(keys: tuple[Key, ...], policy: Policy, now: int) -> tuple[Key, ...]:
    """After a change of the spec or of a pool: who may mint has to last for the longer period and the longer calls."""
    newest = max(keys, key=lambda key: key.mint_from, default=None)
    stretched = []
    for key in keys:
        if now < key.mint_until:
            last = key.mint_from + policy.period_s + UNATTENDED_S
            mint_until = max(key.mint_until, last) if key is newest else key.mint_until
            key = replace(key, mint_until=mint_until, accept_until=max(key.accept_until, mint_until + policy.life_s))
        stretched.append(key)
    return tuple(stretched)


def _minting_at_once(ring: Ring, asked: str, policy: Policy, now: int, new_secret: Callable[[], bytes]) -> Ring:
    began = [key.mint_from for key in ring.keys if key.mint_from <= now]
    # A reader whose clock is late has to find a key as well.
    at_once = max(now - CLOCK_SKEW_S, max(began, default=0) + 1)
    waiting = [key for key in ring.keys if now < key.mint_from]
    if not waiting:
        return _with_key(ring, asked, policy, at_once, new_secret)
    # A key that was published to mint later is known to more readers than one made now.
    chosen = min(waiting, key=lambda key: key.mint_from)
    keys = tuple(replace(key, mint_from=at_once) if key is chosen else key for key in ring.keys)
    return replace(ring, keys=keys)


def _with_key(ring: Ring, asked: str, policy: Policy, mint_from: int, new_secret: Callable[[], bytes]) -> Ring:
    newest = ring.newest
    if newest is not None:
        mint_from = max(mint_from, newest.mint_from + 1)
    mint_until = mint_from + policy.period_s + UNATTENDED_S
    key = Key(_next_id(ring), new_secret(), mint_from, mint_until, mint_until + policy.life_s)
    before = [_ended(old, mint_from + policy.lead_s) for old in ring.keys]
    return Ring((*before[-MOST_READ + 1 :], key), ring.epoch + 1, asked or ring.asked)


def _ended(key: Key, at: int) -> Key:
    """May mint until then at most; what it may have minted stays acceptable as long as was promised."""
    mint_until = min(key.mint_until, at)
    return replace(key, mint_until=mint_until, accept_until=key.accept_until - (key.mint_until - mint_until))


def _next_id(ring: Ring) -> str:
    used = {key.id for key in ring.keys[-MOST_READ + 1 :]}
    after = IDS.find(ring.keys[-1].id) + 1 if ring.keys else ring.epoch
    order = [IDS[(after + step) % len(IDS)] for step in range(len(IDS))]
    return next(candidate for candidate in order if candidate not in used)
