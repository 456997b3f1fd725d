"""What is to be done for a VoiceRelay: its children, keys, addresses and status."""

from __future__ import annotations

from collections.abc import Callable

from antiphon_operator.actions import Plan
from antiphon_operator.observed import Fleet
from antiphon_operator.relay.addresses import RESOLVED_AGAIN_S, addresses, next_lookup
from antiphon_operator.relay.children import planned_children
from antiphon_operator.relay.control_token import planned_token
from antiphon_operator.relay.keys import planned_keys
from antiphon_operator.relay.status import planned_status


def plan_relay(fleet: Fleet, now: float, new_secret: Callable[[], bytes]) -> Plan:
    """`now` in Unix seconds; `new_secret` gives 32 random bytes, others at every call."""
    found = addresses(fleet)
    keys = planned_keys(fleet, now, new_secret)
    status = planned_status(fleet, found, keys, now)
    lookup = next_lookup(found, fleet, now)
    is_due = lookup is not None and lookup.due_at <= now
    moments = list(status.look_again_at)
    if lookup is not None:
        # What a look-up finds makes a round of its own.
        moments.append(now + RESOLVED_AGAIN_S if is_due else lookup.due_at)
    return Plan(
        children=(*keys.actions, *planned_token(fleet, new_secret), *planned_children(fleet)),
        statuses=status.patches,
        events=(*keys.events, *status.events),
        resolve=(lookup.hostname,) if lookup is not None and is_due else (),
        requeue_after_s=max(0.0, min(moments) - now) if moments else None,
    )
