"""The RouteTable objects that hold a ledger: which of them have to be written, and what they then say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from antiphon_crds.documents import API_VERSION
from antiphon_crds.overlay import Json
from antiphon_operator.actions import Action, Create, Replace
from antiphon_operator.conditions import timestamp
from antiphon_operator.observed import Fleet, ObservedTable, TableBlock
from antiphon_operator.relay import fleet_relays, vip
from antiphon_operator.relay.child import Component, metadata
from antiphon_operator.routes.ledger import Ledger, numbered
from antiphon_operator.routes.route_ids import MOST_BLOCKS, table_name
from antiphon_wire import Pool

BLOCKS_A_SHARD: Final = 256
"""An object stays well below 64 KiB, and a change costs every reader no more than that."""
MOST_SHARDS: Final = MOST_BLOCKS // BLOCKS_A_SHARD
"""More are never needed, whatever somebody wrote into a table."""


def table_writes(fleet: Fleet, ledger: Ledger, now: float, *, decides: bool) -> tuple[Action, ...]:
    """What makes the stored tables say what the ledger says: only the shards that differ, shard 0 first.

    A block stays in its shard, and shards stay too. One that another counts, and that is not seen, is made before
    anything else is written: where it only lost its label that fails, and it is labelled again, so no id is drawn and
    no block forgotten while a part of the ledger is out of sight. A round that `decides` on births or departures
    writes shard 0 in any case: of two operators that decide on the same view only one can go on, whichever shards they
    touch.
    """
    there = numbered(fleet)
    contents = _spread(ledger, there)
    generation = max([table.generation + 1 for table in there.values()] + [int(now * 1000)])
    unseen: list[Action] = []
    writes: list[Action] = []
    for shard, blocks in enumerate(contents):
        old = there.get(shard)
        wanted = _wanted(fleet, there, shard, len(contents), blocks)
        if old is None:
            made = Create(_manifest(fleet, wanted, generation, None))
            (unseen if shard < _told(there) else writes).append(made)
        elif wanted != _comparable(old) or (decides and shard == 0):
            writes.append(Replace(_manifest(fleet, wanted, generation, old.resource_version)))
    return (*unseen, *writes)


def _told(there: Mapping[int, ObservedTable]) -> int:
    """How many shards there are, as far as is seen or said by one that is seen."""
    said = max((table.shards for table in there.values()), default=0)
    return max(max(there, default=-1) + 1, min(said, MOST_SHARDS))


def _spread(ledger: Ledger, there: Mapping[int, ObservedTable]) -> list[list[TableBlock]]:
    """The blocks of each shard, in order; new ones where there is room, missing shards first."""
    count = max(_told(there), 1)
    contents: list[list[TableBlock]] = [[] for _ in range(count)]
    new = []
    for first, block in sorted(ledger.blocks.items()):
        shard = ledger.shards.get(first)
        if shard is None or len(contents[shard]) >= BLOCKS_A_SHARD:
            new.append(block)
        else:
            contents[shard].append(block)
    order = sorted(range(count), key=lambda shard: (shard in there, shard))
    for block in new:
        while order and len(contents[order[0]]) >= BLOCKS_A_SHARD:
            order.pop(0)
        if not order:
            contents.append([])
            order.append(len(contents) - 1)
        contents[order[0]].append(block)
    return [sorted(blocks, key=lambda block: block.first) for blocks in contents]


def _wanted(
    fleet: Fleet, there: Mapping[int, ObservedTable], shard: int, shards: int, blocks: list[TableBlock]
) -> ObservedTable:
    """As `_comparable` makes it of what is stored."""
    leads = shard == 0
    old = there.get(0)
    # Where the address is not known at this moment, callers' answers go on naming the last one.
    address = vip(fleet) or (old.vip if old is not None else ())
    return ObservedTable(
        name=table_name(fleet.relay.metadata.name, shard),
        resource_version="",
        shard=shard,
        shards=shards,
        generation=0,
        cluster_id=fleet.relay.spec.cluster_id,
        vip=address if leads else (),
        relays=tuple(sorted(fleet_relays(fleet), key=lambda relay: relay.name)) if leads else (),
        pools=_pools(fleet) if leads else (),
        blocks=tuple(blocks),
    )


def _comparable(table: ObservedTable) -> ObservedTable:
    return ObservedTable(
        name=table.name,
        resource_version="",
        shard=table.shard,
        shards=table.shards,
        generation=0,
        cluster_id=table.cluster_id,
        vip=table.vip,
        relays=tuple(sorted(table.relays, key=lambda relay: relay.name)),
        pools=table.pools,
        blocks=tuple(sorted(table.blocks, key=lambda block: block.first)),
    )


def _pools(fleet: Fleet) -> tuple[Pool, ...]:
    return tuple(
        Pool(observed.pool.metadata.name, observed.pool.spec.models, default=place == 0)
        for place, observed in enumerate(fleet.pools)
    )


def _manifest(fleet: Fleet, table: ObservedTable, generation: int, resource_version: str | None) -> dict[str, Json]:
    relay = fleet.relay
    described = metadata(relay, table.name, Component.FLEET)
    if resource_version is not None:
        described["resourceVersion"] = resource_version
    spec: dict[str, Json] = {
        "relayRef": {"name": relay.metadata.name},
        "shard": table.shard,
        "shards": table.shards,
        "generation": generation,
        "clusterID": table.cluster_id,
        "clusterName": f"{relay.metadata.namespace}/{relay.metadata.name}",
        "blocks": [_block(block) for block in table.blocks],
    }
    if table.shard == 0:
        spec["vip"] = list(table.vip)
        spec["relays"] = [{"name": one.name, "hop": one.hop, "workers": one.workers} for one in table.relays]
        spec["pools"] = [
            {"name": pool.name, "models": list(pool.models), "default": pool.default} for pool in table.pools
        ]
    return {"apiVersion": API_VERSION, "kind": "RouteTable", "metadata": described, "spec": spec}


def _block(block: TableBlock) -> dict[str, Json]:
    written: dict[str, Json] = {
        "first": block.first,
        "pod": block.pod,
        "pool": block.pool,
        "state": block.state.value,
    }
    if block.hop is not None and block.control is not None:
        written |= {"hop": block.hop, "control": block.control}
    if block.lost_at is not None:
        written["lostAt"] = timestamp(block.lost_at)
    return written
