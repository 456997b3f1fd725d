"""The ledger of pods: every block of route ids of a fleet, and in which RouteTable it stands."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from antiphon_operator.observed import Fleet, ObservedPod, ObservedTable, TableBlock, TableBlockState
from antiphon_operator.relay.longest_call import CLOCK_SKEW_S, longest_of_pools_s
from antiphon_operator.routes.block_life import adopted, advanced, is_successor
from antiphon_operator.routes.route_ids import draw, is_block, pod_name, shard_of
from antiphon_wire import MINT_SLACK_S

MOST_LOST: Final = 4096
"""Lost blocks that are kept, the latest: with 200 bytes each, storms of deletions cannot fill the API server."""
_MINUTE_S: Final = 60
"""A ticket's expiry is in whole minutes."""


@dataclass(frozen=True)
class Ledger:
    blocks: Mapping[int, TableBlock] = field(default_factory=dict)
    """By first route id."""
    shards: Mapping[int, int] = field(default_factory=dict)
    """Where a block stands; one that is in no table yet is absent."""

    def reservations(self, pods: Collection[str]) -> dict[str, list[TableBlock]]:
        """By pool, the reserved blocks whose pod is not there."""
        found: dict[str, list[TableBlock]] = {}
        for block in self.blocks.values():
            if block.state is TableBlockState.RESERVED and block.pod not in pods:
                found.setdefault(block.pool, []).append(block)
        return found

    def states(self) -> dict[str, TableBlockState]:
        """By pod."""
        return {block.pod: block.state for block in self.blocks.values()}

    def reserved(self, pool: str, count: int, rng: random.Random) -> Ledger:
        """With that many more blocks for pods of the pool, or fewer where a table takes no more."""
        if count <= 0:
            return self
        drawn = {
            first: TableBlock(first, pod_name(pool, first), pool, TableBlockState.RESERVED)
            for first in draw(self.blocks, count, rng)
        }
        return replace(self, blocks={**self.blocks, **drawn})

    def without(self, firsts: Collection[int]) -> Ledger:
        if not firsts:
            return self
        return replace(self, blocks={first: block for first, block in self.blocks.items() if first not in firsts})

    def draining(self, pods: Collection[str]) -> Ledger:
        """With the active blocks of these pods draining."""
        if not pods:
            return self
        marked = {
            first: replace(block, state=TableBlockState.DRAINING)
            for first, block in self.blocks.items()
            if block.state is TableBlockState.ACTIVE and block.pod in pods
        }
        return replace(self, blocks={**self.blocks, **marked})


def stored(fleet: Fleet) -> Ledger:
    """What the RouteTables say. Of entries that we would not have written, none."""
    blocks: dict[int, TableBlock] = {}
    shards: dict[int, int] = {}
    for shard, table in sorted(numbered(fleet).items()):
        for block in table.blocks:
            if is_block(block.first) and block.pod == pod_name(block.pool, block.first) and block.first not in blocks:
                blocks[block.first] = block
                shards[block.first] = shard
    return Ledger(blocks, shards)


def numbered(fleet: Fleet) -> dict[int, ObservedTable]:
    """The fleet's tables by shard; it is the name that says which one it is."""
    relay = fleet.relay.metadata.name
    return {shard: table for table in fleet.tables if (shard := shard_of(table.name, relay)) is not None}


def followed(ledger: Ledger, fleet: Fleet, now: float) -> Ledger:
    """The ledger as the fleet's pods make it: states follow them, pods that it does not know are written down."""
    pods = {pod.name: pod for observed in fleet.pools for pod in observed.pods}
    strays = {pod.name: pod for pod in fleet.stray_pods if pod.name not in pods}
    blocks = {
        first: advanced(block, pods.get(block.pod) or strays.get(block.pod), in_a_pool=block.pod in pods, now=now)
        for first, block in ledger.blocks.items()
    }
    for pod in (*pods.values(), *strays.values()):
        if pod.first_route is not None and pod.first_route not in blocks:
            block = adopted(pod, in_a_pool=pod.name in pods, now=now)
            if block is not None and block.pod == pod_name(block.pool, block.first):
                blocks[block.first] = block
    return replace(ledger, blocks=_without_forgotten(blocks, now - lost_for_s(fleet)))


def successors(ledger: Ledger, pods: Iterable[ObservedPod]) -> frozenset[str]:
    """Names of pods that were made anew after their block was lost."""
    return frozenset(
        pod.name
        for pod in pods
        if pod.first_route is not None
        and (block := ledger.blocks.get(pod.first_route)) is not None
        and is_successor(block, pod)
    )


def lost_for_s(fleet: Fleet) -> float:
    """How long a lost block is kept: until the last ticket that can name it has expired by every clock."""
    return longest_of_pools_s(fleet) + MINT_SLACK_S + CLOCK_SKEW_S + _MINUTE_S


def forgets_next_at(ledger: Ledger, fleet: Fleet) -> float | None:
    """When the first lost block may go."""
    lost = [block.lost_at for block in ledger.blocks.values() if block.lost_at is not None]
    return min(lost) + lost_for_s(fleet) if lost else None


def _without_forgotten(blocks: dict[int, TableBlock], since: float) -> dict[int, TableBlock]:
    lost = sorted(
        ((block.lost_at, first) for first, block in blocks.items() if block.lost_at is not None), reverse=True
    )
    gone = {first for place, (lost_at, first) in enumerate(lost) if lost_at <= since or place >= MOST_LOST}
    return {first: block for first, block in blocks.items() if first not in gone} if gone else blocks
