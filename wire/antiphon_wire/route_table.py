"""The route table: which transceiver pod owns which route ids, and which relays may speak to it."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import NotRequired, Self, TypedDict, cast

from antiphon_wire import _extension
from antiphon_wire._extension import BLOCK_SIZE, RouteTableError

__all__ = [
    "BLOCK_SIZE",
    "Block",
    "BlockState",
    "Held",
    "HoldReason",
    "Moved",
    "Pool",
    "Relay",
    "RouteTable",
    "RouteTableError",
]


class BlockState(StrEnum):
    ACTIVE = "Active"
    """Takes new calls."""
    DRAINING = "Draining"
    """Serves its live calls only."""
    LOST = "Lost"
    """The pod is gone."""


@dataclass(frozen=True)
class Moved:
    """One route of a block that is served elsewhere."""

    route: int
    hop: str


@dataclass(frozen=True)
class Block:
    """Eight route ids, `first … first + 7`, and the pod that owns them."""

    first: int
    pod: str
    pool: str
    state: BlockState
    hop: str
    control: str
    moved: tuple[Moved, ...] = ()


@dataclass(frozen=True)
class Relay:
    name: str
    hop: str
    """The first worker's hop address; worker *i* has the port plus *i*."""
    workers: int


@dataclass(frozen=True)
class Pool:
    name: str
    models: tuple[str, ...]
    default: bool


class HoldReason(StrEnum):
    """Why a newer table does not replace the one in force."""

    OLDER_GENERATION = "older_generation"
    MASS_REMOVAL = "mass_removal"
    """It leaves out more than half of the live blocks."""
    OTHER_CLUSTER = "other_cluster"


@dataclass(frozen=True)
class Held:
    reason: HoldReason
    said: str
    """The reason as a sentence, with numbers."""


class RouteTable:
    """One checked document; it never changes."""

    __slots__ = (
        "_blocks_by_first",
        "_blocks_by_hop",
        "_native",
        "blocks",
        "cluster_id",
        "cluster_name",
        "generation",
        "pools",
        "relays",
    )

    def __init__(self, text: str) -> None:
        self._native = _extension.RouteTable(text)
        # The native parser wrote this text, so its shape is known.
        document = cast(_Document, json.loads(self._native.to_json()))
        self.cluster_id = document["clusterID"]
        self.cluster_name = document["clusterName"]
        self.generation = document["generation"]
        self.relays = tuple(Relay(**relay) for relay in document["relays"])
        self.blocks = tuple(_read_block(block) for block in document["blocks"])
        self.pools = tuple(
            Pool(pool["name"], tuple(pool["models"]), default=pool["default"]) for pool in document["pools"]
        )
        self._blocks_by_first = {block.first: block for block in self.blocks}
        # Of two pods at one address the one that is not lost.
        by_life = sorted(self.blocks, key=lambda block: block.state is not BlockState.LOST)
        self._blocks_by_hop = {block.hop: block for block in by_life}

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(text)

    def to_json(self) -> str:
        """The document again, for the relay's and the transceiver's native extensions."""
        return self._native.to_json()

    def __repr__(self) -> str:
        return f"RouteTable(cluster {self.cluster_name}, generation {self.generation}, {len(self.blocks)} blocks)"

    def block_of(self, route: int) -> Block | None:
        return self._blocks_by_first.get(route - route % BLOCK_SIZE)

    def server_of(self, route: int) -> Block | None:
        """The block of the pod that serves the route: where it was moved, that of the pod which it was moved to.

        None too where it was moved to an address that is no block's.
        """
        block = self.block_of(route)
        moved = next((one for one in block.moved if one.route == route), None) if block is not None else None
        return block if moved is None else self._blocks_by_hop.get(moved.hop)

    def accepts(self, newer: "RouteTable") -> Held | None:
        """Why `newer` is held back and this table stays in force; `None` where it may replace it."""
        held = self._native.accepts(newer._native)  # noqa: SLF001 - of the same class
        return None if held is None else Held(HoldReason(held[0]), held[1])


class _Relay(TypedDict):
    name: str
    hop: str
    workers: int


class _Moved(TypedDict):
    route: int
    hop: str


class _Block(TypedDict):
    first: int
    pod: str
    pool: str
    state: str
    hop: str
    control: str
    moved: NotRequired[list[_Moved]]


class _Pool(TypedDict):
    name: str
    models: list[str]
    default: bool


class _Document(TypedDict):
    clusterID: int
    clusterName: str
    generation: int
    relays: list[_Relay]
    blocks: list[_Block]
    pools: list[_Pool]


def _read_block(block: _Block) -> Block:
    return Block(
        first=block["first"],
        pod=block["pod"],
        pool=block["pool"],
        state=BlockState(block["state"]),
        hop=block["hop"],
        control=block["control"],
        moved=tuple(Moved(**moved) for moved in block.get("moved", ())),
    )
