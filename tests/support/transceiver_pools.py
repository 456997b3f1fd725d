"""Pools, their pods and fleets around them, as values."""

from dataclasses import replace

import yaml

from antiphon_crds.overlay import Json
from antiphon_crds.transceiver_pool import TransceiverPool
from antiphon_operator.observed import (
    ChildKey,
    Fleet,
    Manifest,
    NodeState,
    ObservedPod,
    ObservedPool,
    ObservedTable,
    PodLoad,
    TableBlock,
    TableBlockState,
)
from antiphon_operator.pool.pods import pod_template
from antiphon_operator.relay.families import Families
from antiphon_operator.routes.route_ids import pod_name
from antiphon_wire.control import BackendState
from voice_relays import NOW, fleet_of, voice_relay

ECHO = "{relayRef: {name: edge}, backend: {type: Echo}}"
METRICS_SERVICE: Manifest = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "edge-metrics"},
    "spec": {"ipFamilies": ["IPv4"]},
}
"""Once it is there, the pods' sockets are known."""
LONG_AGO = NOW - 86_400


def transceiver_pool(spec: str = ECHO, **metadata: Json) -> TransceiverPool:
    """`spec` in YAML."""
    return TransceiverPool.parse(
        {
            "apiVersion": "antiphon.dev/v1alpha1",
            "kind": "TransceiverPool",
            "metadata": {"name": "agents", "namespace": "voice", "uid": "p1", "generation": 2, **metadata},
            "spec": yaml.safe_load(spec),
        }
    )


def pool_of(number: int, *, maximum: str = "{}", **fields: Json) -> TransceiverPool:
    """With that many pods wanted, and `update` as given in YAML."""
    spec = yaml.safe_load(ECHO) | {"replicas": number, "update": yaml.safe_load(maximum), **fields}
    return transceiver_pool(yaml.safe_dump(spec))


def first(number: int) -> int:
    """The block of the pod of that number in a test."""
    return 0x01000000 + number * 8


def name(number: int, pool: str = "agents") -> str:
    return pod_name(pool, first(number))


def revision_of(pool: TransceiverPool) -> str:
    return pod_template(fleet_of(voice_relay()), pool, Families()).revision


PLAIN_REVISION = revision_of(transceiver_pool())


def pod(number: int, pool: TransceiverPool | None = None, **fields: object) -> ObservedPod:
    """A pod that serves, as the pool would make it now."""
    serving = ObservedPod(
        name=name(number, pool.metadata.name if pool else "agents"),
        uid=f"uid-{number}",
        revision=revision_of(pool) if pool else PLAIN_REVISION,
        first_route=first(number),
        ip=f"10.244.{number // 200}.{number % 200 + 10}",
        node="node-1",
        node_state=NodeState.USABLE,
        phase="Running",
        containers_ready=True,
        ready=True,
        routes_published=True,
        created_at=LONG_AGO,
        deleted_at=None,
        deadline=None,
        waiting_reason=None,
        waiting_message=None,
        unschedulable=None,
        busy=False,
        load=load(0),
    )
    return replace(serving, **fields)  # type: ignore[arg-type]  # the caller names fields of ObservedPod


def starting(number: int, pool: TransceiverPool | None = None, **fields: object) -> ObservedPod:
    unready: dict[str, object] = {
        "ip": None,
        "phase": "Pending",
        "containers_ready": False,
        "ready": False,
        "routes_published": False,
        "load": None,
        "created_at": NOW,
    }
    return pod(number, pool, **{**unready, **fields})


def failed(number: int, *, born: float, ended: float, pool: TransceiverPool | None = None) -> ObservedPod:
    return starting(
        number,
        pool,
        phase="Failed",
        created_at=born,
        ended_at=ended,
        ended_because="Error, exit code 2",
        ip="10.244.9.9",
    )


def load(live: int, capacity: int = 60, backend: BackendState = BackendState.NOT_PROBED, **fields: object) -> PodLoad:
    answered = PodLoad(capacity, live, draining=False, backend=backend, at=NOW)
    return replace(answered, **fields)  # type: ignore[arg-type]  # the caller names fields of PodLoad


def block(one: ObservedPod, state: TableBlockState = TableBlockState.ACTIVE, **fields: object) -> TableBlock:
    """The pod's entry in a table."""
    assert one.first_route is not None
    hop, control = (f"{one.ip}:7200", f"{one.ip}:7300") if one.ip else (None, None)
    if state is TableBlockState.RESERVED:
        hop = control = None
    entry = TableBlock(one.first_route, one.name, one.name.rsplit("-", 1)[0], state, hop, control)
    return replace(entry, **fields)  # type: ignore[arg-type]  # the caller names fields of TableBlock


def reservation(number: int, pool: str = "agents") -> TableBlock:
    return TableBlock(first(number), name(number, pool), pool, TableBlockState.RESERVED)


def table(*blocks: TableBlock, shard: int = 0, shards: int = 1, **fields: object) -> ObservedTable:
    stored = ObservedTable(
        name=f"edge-{shard}",
        resource_version=f"rv-{shard}",
        shard=shard,
        shards=shards,
        generation=int(NOW * 1000),
        cluster_id=0,
        vip=(),
        relays=(),
        pools=(),
        blocks=blocks,
    )
    return replace(stored, **fields)  # type: ignore[arg-type]  # the caller names fields of ObservedTable


def fleet(*pools: ObservedPool, tables: tuple[ObservedTable, ...] = (), **fields: object) -> Fleet:
    """A fleet whose address is known and whose pods can be made."""
    bare = fleet_of(voice_relay("{publicAddresses: [{ip: 203.0.113.7}]}"))
    made = replace(bare, pools=pools, tables=tables, children={ChildKey("Service", "edge-metrics"): METRICS_SERVICE})
    return replace(made, **fields)  # type: ignore[arg-type]  # the caller names fields of Fleet


def settled(*pods: ObservedPod, pool: TransceiverPool | None = None, status: Manifest | None = None) -> Fleet:
    """A fleet of one pool in whose table every pod stands as it serves."""
    observed = ObservedPool(pool or transceiver_pool(), status or {}, pods)
    blocks = tuple(
        block(one, TableBlockState.ACTIVE if one.containers_ready else TableBlockState.RESERVED)
        for one in pods
        if one.phase not in ("Failed", "Succeeded")
    )
    return fleet(observed, tables=(table(*blocks),))
