"""RoutesPublished: whether relays and signaling are told what is so."""

from __future__ import annotations

from typing import Final

from antiphon_operator.conditions import fails, holds
from antiphon_operator.finding import Finding
from antiphon_operator.observed import Fleet, TableBlockState
from antiphon_operator.relay.reason import RoutesReason

CONDITION: Final = "RoutesPublished"
_PUBLISHED: Final = (TableBlockState.ACTIVE, TableBlockState.DRAINING)


def route_count(fleet: Fleet) -> int:
    """Pods to which the tables lead."""
    return sum(block.state in _PUBLISHED for table in fleet.tables for block in table.blocks)


def routes_published(fleet: Fleet, vip: tuple[str, ...]) -> Finding:
    """That single pods are not in the tables yet is a pool's matter: calls go to the others."""
    head = next((table for table in fleet.tables if table.shard == 0), None)
    # Without addresses the table keeps those of before, and another condition says it.
    if head is None or (vip and head.vip != vip):
        refusal = next((one for one in fleet.refusals if one.kind == "RouteTable"), None)
        if refusal is not None:
            return Finding(fails(CONDITION, RoutesReason.LAGGING, refusal.sentence), is_stalled=True)
        what = "there is no route table yet" if head is None else "the route table names the addresses of before"
        return Finding(fails(CONDITION, RoutesReason.LAGGING, what))
    count = route_count(fleet)
    if not fleet.pools:
        name = fleet.relay.metadata.name
        message = f"no TransceiverPool takes calls yet: apply one with `relayRef: {{name: {name}}}`"
        return Finding(holds(CONDITION, RoutesReason.NO_POOLS, message))
    return Finding(
        holds(CONDITION, RoutesReason.UP_TO_DATE, f"{count} {'route' if count == 1 else 'routes'} published")
    )
