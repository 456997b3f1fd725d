"""RouteTable objects put together into the one table that every reader knows. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from antiphon_wire.cluster.manifest import Manifest
from antiphon_wire.environment import Address
from antiphon_wire.fleet_table import FleetTable
from antiphon_wire.route_table import Block, Moved, Pool, Relay, RouteTable, RouteTableError

MOST_SHARDS: Final = 4096


class ShardError(ValueError):
    """A RouteTable object that nothing may be taken of."""


@dataclass(frozen=True)
class Shard:
    """One RouteTable object. `vip`, `relays` and `pools` are those of the whole fleet, and only shard 0 has them."""

    relay: str
    """The VoiceRelay's name."""
    number: int
    shards: int
    generation: int
    cluster_id: int
    cluster_name: str
    vip: tuple[Address, ...] = ()
    relays: tuple[Relay, ...] = ()
    pools: tuple[Pool, ...] = ()
    blocks: tuple[Block, ...] = ()
    """Without those whose pods have no address, which nothing can be sent to."""


def read_shard(manifest: Manifest, *, with_blocks: bool = True) -> Shard:
    """Raises ShardError. Without blocks: for whoever needs to know of the fleet only, and would read them in vain."""
    spec = _Fields(manifest).within("spec")
    number, shards = spec.integer("shard", MOST_SHARDS - 1), spec.integer("shards", MOST_SHARDS)
    if number >= shards:
        raise ShardError(f"shard {number} of {shards}")
    relay = spec.within("relayRef").text("name")
    if _Fields(manifest).within("metadata").text("name") != shard_name(relay, number):
        raise ShardError(f"its name is not {shard_name(relay, number)}")
    table = _checked(spec, spec.entries("blocks") if with_blocks else [])
    return Shard(
        relay=relay,
        number=number,
        shards=shards,
        generation=table.generation,
        cluster_id=table.cluster_id,
        cluster_name=table.cluster_name,
        vip=tuple(_address(entry) for entry in spec.entries("vip")),
        relays=table.relays,
        pools=table.pools,
        blocks=table.blocks,
    )


def shard_name(relay: str, number: int) -> str:
    return f"{relay}-{number}"


def shard_manifest(shard: Shard) -> dict[str, Any]:
    """The object that `read_shard` reads as this shard, without what only the API server needs."""
    return {
        "metadata": {"name": shard_name(shard.relay, shard.number)},
        "spec": {
            "relayRef": {"name": shard.relay},
            "shard": shard.number,
            "shards": shard.shards,
            **_document(shard),
            "vip": [str(address) for address in shard.vip],
        },
    }


class Shards:
    """The last good content of every shard, also of one that was deleted; and whether the cluster still says so."""

    def __init__(self, relay: str) -> None:
        self.in_force: tuple[Shard, ...] = ()
        """Those of the table in force, which may be older than what is known: that may be held back."""
        self._relay = relay
        self._known: dict[int, Shard] = {}
        self._said: set[str] = set()

    @property
    def known(self) -> tuple[Shard, ...]:
        return tuple(shard for _, shard in sorted(self._known.items()))

    @property
    def are_said(self) -> bool:
        """Whether the cluster says of every shard that is counted just what is known of it."""
        count = self._by_age()[-1].shards if self._known else 0
        return all(shard_name(self._relay, number) in self._said for number in range(count))

    def take(self, shard: Shard) -> None:
        """What the cluster says now. Raises ShardError, and the last good one stays."""
        self.remember(shard)
        self._said.add(shard_name(shard.relay, shard.number))

    def remember(self, shard: Shard) -> None:
        """What it said once. Raises ShardError, and the last good one stays."""
        if shard.relay != self._relay:
            raise ShardError(f"it is {shard.relay}'s")
        # Not than that of one that is held back: a mistake is mended with what was before it, too.
        if any(shard.generation < old.generation for old in self.in_force if old.number == shard.number):
            raise ShardError("its generation is lower than that of the one in force")
        if any(other.cluster_id != shard.cluster_id for other in self._known.values()):
            raise ShardError("its clusterID is not that of the other shards")
        self._known[shard.number] = shard

    def unsay(self, name: str) -> None:
        """The object does not say any more what it said, whether anything may be taken of it now or not."""
        self._said.discard(name)

    def unsay_all(self) -> None:
        """Nobody listens to the cluster any more."""
        self._said.clear()

    def assembled(self) -> FleetTable | None:
        """The whole table; None while shard 0 was never seen. Raises RouteTableError."""
        # What was written last says how many shards there are, and which of two shards has a block that moved.
        by_age = self._by_age()
        fleet = self._known.get(0)
        if fleet is None:
            return None
        newest = by_age[-1]
        counted = [shard for shard in by_age if shard.number < newest.shards]
        blocks = {block.first: block for shard in counted for block in shard.blocks}
        whole = replace(fleet, generation=newest.generation, blocks=tuple(blocks.values()))
        return FleetTable(RouteTable.from_json(json.dumps(_document(whole))), fleet.vip)

    def _by_age(self) -> list[Shard]:
        return sorted(self._known.values(), key=lambda shard: (shard.generation, shard.number))


def _checked(spec: "_Fields", blocks: list[Any]) -> RouteTable:
    """The one strict parser of blocks, relays and pools is that of the document."""
    document = {
        "clusterID": spec.integer("clusterID"),
        "clusterName": spec.text("clusterName"),
        "generation": spec.integer("generation"),
        "relays": spec.entries("relays"),
        "pools": spec.entries("pools"),
        "blocks": [block for block in blocks if _has_addresses(block)],
    }
    try:
        return RouteTable.from_json(json.dumps(document))
    except (RouteTableError, ValueError, RecursionError) as error:
        raise ShardError(str(error)) from None


def _has_addresses(block: object) -> bool:
    """Not while it is reserved, nor when its pod was lost before it had any."""
    return isinstance(block, Mapping) and block.get("state") != "Reserved" and {"hop", "control"} <= block.keys()


def _address(entry: object) -> Address:
    try:
        return Address.parse(str(entry))
    except ValueError:
        raise ShardError(f"vip: {entry!r} is no address with a port") from None


def _document(shard: Shard) -> dict[str, Any]:
    return {
        "clusterID": shard.cluster_id,
        "clusterName": shard.cluster_name,
        "generation": shard.generation,
        "relays": [{"name": relay.name, "hop": relay.hop, "workers": relay.workers} for relay in shard.relays],
        "pools": [{"name": pool.name, "models": list(pool.models), "default": pool.default} for pool in shard.pools],
        "blocks": [_block(block) for block in shard.blocks],
    }


def _block(block: Block) -> dict[str, Any]:
    written = {
        "first": block.first,
        "pod": block.pod,
        "pool": block.pool,
        "state": block.state.value,
        "hop": block.hop,
        "control": block.control,
    }
    return {**written, "moved": [_moved(moved) for moved in block.moved]} if block.moved else written


def _moved(moved: Moved) -> dict[str, Any]:
    return {"route": moved.route, "hop": moved.hop}


class _Fields:
    """A JSON object's members, asked for by name and type."""

    def __init__(self, values: object) -> None:
        if not isinstance(values, Mapping):
            raise ShardError("an object is expected")
        self._values = values

    def within(self, name: str) -> "_Fields":
        return _Fields(self._values.get(name))

    def text(self, name: str) -> str:
        value = self._values.get(name)
        if not isinstance(value, str):
            raise ShardError(f"{name} is not a string")
        return value

    def integer(self, name: str, most: int = 2**63 - 1) -> int:
        value = self._values.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            raise ShardError(f"{name} is not a whole number from 0 to {most}")
        return value

    def entries(self, name: str) -> list[Any]:
        value = self._values.get(name, [])
        if not isinstance(value, list):
            raise ShardError(f"{name} is not a list")
        return value
