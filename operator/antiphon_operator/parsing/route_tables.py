"""A RouteTable object as the ledger that the plan reads."""

from __future__ import annotations

from antiphon_operator.observed import Manifest, ObservedTable, TableBlock, TableBlockState
from antiphon_operator.parsing.fields import Fields
from antiphon_operator.parsing.unreadable import UnreadableError
from antiphon_wire import Pool, Relay


def read_route_table(manifest: Manifest) -> ObservedTable:
    """Raises UnreadableError."""
    body = Fields(manifest)
    metadata, spec = body.within("metadata"), body.within("spec")
    return ObservedTable(
        name=metadata.word("name"),
        resource_version=metadata.word("resourceVersion"),
        shard=spec.integer("shard"),
        shards=spec.integer("shards", 1),
        generation=spec.integer("generation"),
        cluster_id=spec.integer("clusterID"),
        vip=spec.texts("vip"),
        relays=tuple(
            Relay(relay.word("name"), relay.word("hop"), relay.integer("workers", 1)) for relay in spec.items("relays")
        ),
        pools=tuple(
            Pool(pool.word("name"), pool.texts("models"), default=pool.flag("default")) for pool in spec.items("pools")
        ),
        blocks=tuple(_block(block) for block in spec.items("blocks")),
    )


def _block(block: Fields) -> TableBlock:
    first, pod = block.integer("first", -1), block.text("pod")
    try:
        state = TableBlockState(block.word("state"))
    except ValueError:
        raise UnreadableError(f"a block in the state {block.word('state')!r}") from None
    if first < 0 or pod is None:
        raise UnreadableError("a block without a first route or a pod")
    return TableBlock(
        first=first,
        pod=pod,
        pool=block.word("pool"),
        state=state,
        hop=block.text("hop"),
        control=block.text("control"),
        lost_at=block.moment("lostAt"),
    )
