"""The route table of local mode: every change is a new table, one generation on. Pure but for the draw of blocks."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace

from antiphon_wire import Block, BlockState, Pool, Relay, RouteTable

CLUSTER_NAME = "local"


@dataclass(frozen=True)
class LocalRoutes:
    cluster_id: int
    relay: Relay
    pools: tuple[Pool, ...]
    blocks: tuple[Block, ...] = ()
    generation: int = 0
    lost_at: tuple[tuple[int, float], ...] = ()
    """`(first, unix seconds)` of each lost block."""

    def unused_block(self) -> int:
        """The first route of a random block (29 random bits, 3 of sub-slot) that this table has never held."""
        taken = {block.first for block in self.blocks}
        while True:
            first = (secrets.randbelow((1 << 29) - 1) + 1) << 3
            if first not in taken:
                return first

    def with_block(self, block: Block) -> LocalRoutes:
        return self._changed((*self.blocks, block), self.lost_at)

    def with_lost(self, first: int, now: float, kept_s: float) -> LocalRoutes:
        """The block's pod is gone. It stays in the table for `kept_s`, so that its callers learn what happened."""
        blocks = tuple(
            replace(block, state=BlockState.LOST) if block.first == first else block for block in self.blocks
        )
        expired = [lost for lost, since in self.lost_at if now - since > kept_s]
        # A table that drops more than half of its blocks at once is held back by its readers.
        dropped = set(expired[: len(blocks) // 2])
        lost_at = tuple(entry for entry in (*self.lost_at, (first, now)) if entry[0] not in dropped)
        return self._changed(tuple(block for block in blocks if block.first not in dropped), lost_at)

    def to_json(self) -> str:
        """The document, checked by the parser that its readers use."""
        document = {
            "clusterID": self.cluster_id,
            "clusterName": CLUSTER_NAME,
            "generation": self.generation,
            "relays": [{"name": self.relay.name, "hop": self.relay.hop, "workers": self.relay.workers}],
            "blocks": [_block_document(block) for block in self.blocks],
            "pools": [{"name": pool.name, "models": list(pool.models), "default": pool.default} for pool in self.pools],
        }
        return RouteTable.from_json(json.dumps(document)).to_json()

    def _changed(self, blocks: tuple[Block, ...], lost_at: tuple[tuple[int, float], ...]) -> LocalRoutes:
        return replace(self, blocks=blocks, lost_at=lost_at, generation=self.generation + 1)


def _block_document(block: Block) -> dict[str, object]:
    return {
        "first": block.first,
        "pod": block.pod,
        "pool": block.pool,
        "state": block.state.value,
        "hop": block.hop,
        "control": block.control,
    }
