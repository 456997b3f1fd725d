"""The life of a block of route ids, as a table of transitions.

A block is reserved before its pod is made, is active while its pod serves, and is lost when a pod that was active is
gone. Readers see none that is reserved, so no caller can hold a ticket for it: when its pod goes, the same reservation
can be used again, or dropped. A lost one stays until no ticket can name it any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Final

from antiphon_operator.observed import NodeState, ObservedPod, TableBlock, TableBlockState
from antiphon_operator.routes.route_ids import is_block, pool_of
from antiphon_operator.transceiver_pod import CONTROL_PORT, HOP_PORT
from antiphon_wire.environment import Address


class Sighting(StrEnum):
    """What is seen of a block's pod."""

    GONE = "Gone"
    UNREADY = "Unready"
    """It does not serve: not yet, not now, or its node is lost."""
    UNSEEN = "Unseen"
    """Nothing is heard of its node, which need not be lost."""
    SERVING = "Serving"
    LEAVING = "Leaving"
    """It finishes its calls: it drains, or its pool is gone."""
    ENDED = "Ended"


_RESERVED, _ACTIVE = TableBlockState.RESERVED, TableBlockState.ACTIVE
_DRAINING, _LOST = TableBlockState.DRAINING, TableBlockState.LOST

TRANSITIONS: Final[Mapping[tuple[TableBlockState, Sighting], TableBlockState]] = {
    (_RESERVED, Sighting.GONE): _RESERVED,
    (_RESERVED, Sighting.UNREADY): _RESERVED,
    (_RESERVED, Sighting.UNSEEN): _RESERVED,
    (_RESERVED, Sighting.SERVING): _ACTIVE,
    (_RESERVED, Sighting.LEAVING): _RESERVED,
    (_RESERVED, Sighting.ENDED): _RESERVED,
    (_ACTIVE, Sighting.GONE): _LOST,
    (_ACTIVE, Sighting.UNREADY): _DRAINING,
    # Calls come by relays and signaling, which may well reach it.
    (_ACTIVE, Sighting.UNSEEN): _ACTIVE,
    (_ACTIVE, Sighting.SERVING): _ACTIVE,
    (_ACTIVE, Sighting.LEAVING): _DRAINING,
    (_ACTIVE, Sighting.ENDED): _LOST,
    (_DRAINING, Sighting.GONE): _LOST,
    (_DRAINING, Sighting.UNREADY): _DRAINING,
    (_DRAINING, Sighting.UNSEEN): _DRAINING,
    (_DRAINING, Sighting.SERVING): _ACTIVE,
    (_DRAINING, Sighting.LEAVING): _DRAINING,
    (_DRAINING, Sighting.ENDED): _LOST,
    # A pod that is there after all was declared lost on an old view.
    (_LOST, Sighting.GONE): _LOST,
    (_LOST, Sighting.UNREADY): _DRAINING,
    (_LOST, Sighting.UNSEEN): _DRAINING,
    (_LOST, Sighting.SERVING): _ACTIVE,
    (_LOST, Sighting.LEAVING): _DRAINING,
    (_LOST, Sighting.ENDED): _LOST,
}


def advanced(block: TableBlock, pod: ObservedPod | None, *, in_a_pool: bool, now: float) -> TableBlock:
    """The block as its pod makes it; the same object where nothing changes."""
    if pod is not None and (is_successor(block, pod) or is_strange(block, pod)):
        pod = None
    state = TRANSITIONS[block.state, sighting(pod, in_a_pool=in_a_pool)]
    if state is _LOST:
        # Times are stored in whole seconds.
        return block if block.state is _LOST else replace(block, state=state, lost_at=float(int(now)))
    ip = pod.ip if pod is not None else None
    hop = block.hop if ip is None or state is _RESERVED else str(Address(ip, HOP_PORT))
    control = block.control if ip is None or state is _RESERVED else str(Address(ip, CONTROL_PORT))
    if (state, hop, control, None) == (block.state, block.hop, block.control, block.lost_at):
        return block
    return replace(block, state=state, hop=hop, control=control, lost_at=None)


def sighting(pod: ObservedPod | None, *, in_a_pool: bool) -> Sighting:
    if pod is None:
        return Sighting.GONE
    if pod.phase in ("Failed", "Succeeded"):
        return Sighting.ENDED
    if is_draining(pod) or not in_a_pool:
        return Sighting.LEAVING
    if pod.ip is None or not pod.containers_ready or pod.node_state is NodeState.LOST:
        return Sighting.UNREADY
    return Sighting.UNSEEN if pod.node_state is NodeState.NOT_READY else Sighting.SERVING


def is_draining(pod: ObservedPod) -> bool:
    """Its deletion was asked for, or it was told by its own API to drain."""
    return pod.deleted_at is not None or (pod.load is not None and pod.load.draining)


def is_successor(block: TableBlock, pod: ObservedPod) -> bool:
    """Whether the pod was made after its block had been lost: by an operator with an old view. It must go again.

    One whose gate is open has served, so it is the block's own, whatever somebody wrote into the table.
    """
    return block.lost_at is not None and pod.created_at > block.lost_at and not pod.routes_published


def is_strange(block: TableBlock, pod: ObservedPod) -> bool:
    """Whether the pod only has the name of the block's.

    One without an owner is the block's where it has the address that the block already says: its pool was deleted
    without it, and it may have calls.
    """
    return pod.is_disowned and (pod.ip is None or block.control != str(Address(pod.ip, CONTROL_PORT)))


def adopted(pod: ObservedPod, *, in_a_pool: bool, now: float) -> TableBlock | None:
    """The block of a pod that no table knows, because a table was deleted; None: the pod owns none."""
    first, pool = pod.first_route, pool_of(pod.name)
    if first is None or pool is None or not is_block(first) or pod.is_disowned:
        return None
    unknown = TableBlock(first, pod.name, pool, _RESERVED)
    if not pod.routes_published:
        return advanced(unknown, pod, in_a_pool=in_a_pool, now=now)
    if pod.ip is None:
        return None
    was_active = replace(
        unknown, state=_ACTIVE, hop=str(Address(pod.ip, HOP_PORT)), control=str(Address(pod.ip, CONTROL_PORT))
    )
    return advanced(was_active, pod, in_a_pool=in_a_pool, now=now)
