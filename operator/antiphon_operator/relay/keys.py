"""The key ring of a fleet in its Secret: made, turned in time, made good where it was lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from antiphon_operator.actions import Action, Event, EventType
from antiphon_operator.conditions import Condition, fails, holds, timestamp
from antiphon_operator.finding import Finding
from antiphon_operator.observed import ChildKey, Fleet, Refusal
from antiphon_operator.relay.child import Component, metadata
from antiphon_operator.relay.event import event
from antiphon_operator.relay.key_ring import Policy, Ring, first_ring, is_full, next_turn, turned
from antiphon_operator.relay.key_secret import ASKED, StoredRing, annotations_of, data_of, read_secret
from antiphon_operator.relay.longest_call import ticket_life_s
from antiphon_operator.relay.names import FleetNames
from antiphon_operator.relay.reason import KeysReason
from antiphon_operator.relay.secret_write import written_secret

CONDITION: Final = "KeysSynced"


@dataclass(frozen=True)
class Keys:
    actions: tuple[Action, ...]
    events: tuple[Event, ...]
    finding: Finding
    epoch: int


def planned_keys(fleet: Fleet, now: float, new_secret: Callable[[], bytes]) -> Keys:
    name = FleetNames(fleet.relay.metadata.name).keys
    secret = fleet.children.get(ChildKey("Secret", name))
    stored = None if secret is None else read_secret(secret)
    ring = _turned(fleet, stored, int(now), new_secret)
    remade_at = _remade_at(fleet, stored, now)
    annotations = annotations_of(ring, next_turn(ring, policy_of(fleet)), remade_at)
    actions = written_secret(metadata(fleet.relay, name, Component.FLEET, annotations), data_of(ring), secret)
    refusal = next((one for one in fleet.refusals if (one.kind, one.name) == ("Secret", name)), None)
    if refusal is not None:
        # Nothing of this is stored: nothing happened that could be told.
        epoch = _last_epoch(fleet) if stored is None else stored.ring.epoch
        return Keys(actions, (), _finding_of_stored(fleet, stored, ring, refusal, now), epoch)
    return Keys(actions, _events(fleet, stored, ring, now), _finding(fleet, ring, remade_at), ring.epoch)


def policy_of(fleet: Fleet) -> Policy:
    keys = fleet.relay.spec.keys
    return Policy(keys.rotation_period_seconds, keys.publish_lead_seconds, ticket_life_s(fleet))


def _turned(fleet: Fleet, stored: StoredRing | None, now: int, new_secret: Callable[[], bytes]) -> Ring:
    asked = dict(fleet.relay.metadata.annotations).get(ASKED, "")
    if stored is None:
        return first_ring(_last_epoch(fleet), asked, policy_of(fleet), now, new_secret)
    ring = replace(stored.ring, epoch=max(stored.ring.epoch, _last_epoch(fleet))) if stored.is_damaged else stored.ring
    return turned(ring, asked, policy_of(fleet), now, new_secret)


def _last_epoch(fleet: Fleet) -> int:
    """As our status says: how many keys there had been before a Secret was lost."""
    epoch = fleet.relay_status.get("keyEpoch")
    return epoch if isinstance(epoch, int) else 0


def _is_lost(fleet: Fleet, stored: StoredRing | None) -> bool:
    return _last_epoch(fleet) > 0 if stored is None else stored.is_damaged


def _remade_at(fleet: Fleet, stored: StoredRing | None, now: float) -> float | None:
    """Said for as long as calls may be about whose key is gone."""
    if _is_lost(fleet, stored):
        return now
    at = None if stored is None else stored.remade_at
    return at if at is not None and now < at + ticket_life_s(fleet) else None


def _events(fleet: Fleet, stored: StoredRing | None, ring: Ring, now: float) -> tuple[Event, ...]:
    secret = f"Secret {FleetNames(fleet.relay.metadata.name).keys}"
    if _is_lost(fleet, stored):
        what = "was deleted" if stored is None else "was damaged"
        return (event(fleet, EventType.WARNING, "KeysRemade", f"{secret} {what}: {_loss(ring, stored)}"),)
    if stored is None or ring.epoch == stored.ring.epoch or ring.newest is None:
        return ()
    begins = max(float(ring.newest.mint_from), now)
    message = f"key {ring.epoch} is published in {secret}; calls set up from {timestamp(begins)} on use it"
    return (event(fleet, EventType.NORMAL, "KeyRotated", message),)


def _loss(ring: Ring, stored: StoredRing | None) -> str:
    kept = 0 if stored is None else len(stored.ring.keys)
    what = f"{kept} keys could be kept" if kept else "a new key was made"
    return f"{what}; a call that was set up under a lost key goes on, but cannot change its relay or address"


def _finding(fleet: Fleet, ring: Ring, remade_at: float | None) -> Finding:
    policy = policy_of(fleet)
    moments = [float(next_turn(ring, policy))]
    if remade_at is not None:
        moments.append(remade_at + policy.life_s)
    return Finding(_condition(ring, remade_at, policy), look_again_at=min(moments))


def _finding_of_stored(fleet: Fleet, stored: StoredRing | None, wanted: Ring, refusal: Refusal, now: float) -> Finding:
    """While `wanted` cannot be stored; no moment of its own, for what is refused is tried again all the time."""
    if stored is None or stored.is_damaged or not stored.ring.may_mint(int(now)):
        return Finding(fails(CONDITION, KeysReason.WRITE_REFUSED, refusal.sentence), is_stalled=True)
    remade_at = _remade_at(fleet, stored, now)
    if remade_at is None and wanted.epoch > stored.ring.epoch:
        message = f"{_count(stored.ring)}; the next one cannot be stored: {refusal.sentence}"
        return Finding(holds(CONDITION, KeysReason.IN_STEP, message))
    return Finding(_condition(stored.ring, remade_at, policy_of(fleet)))


def _count(ring: Ring) -> str:
    return f"{len(ring.keys)} {'key' if len(ring.keys) == 1 else 'keys'}"


def _condition(ring: Ring, remade_at: float | None, policy: Policy) -> Condition:
    if remade_at is not None:
        message = (
            f"keys were lost and made anew at {timestamp(remade_at)}; calls from before that cannot change their relay "
            "or address. Only the operator should write the Secret"
        )
        return holds(CONDITION, KeysReason.REMADE, message)
    if is_full(ring):
        message = (
            f"{_count(ring)} are in use by calls, and no more are made until {timestamp(next_turn(ring, policy))}: "
            "raise `keys.rotationPeriodSeconds`, or shorten the pools' `session.maxDurationSeconds`"
        )
        return holds(CONDITION, KeysReason.ROTATION_HELD, message)
    return holds(
        CONDITION, KeysReason.IN_STEP, f"{_count(ring)}; the next one is made at {timestamp(next_turn(ring, policy))}"
    )
