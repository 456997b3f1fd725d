"""What the operator sees of one fleet, as plain values: the input of `plan`.

A fleet is a VoiceRelay with every TransceiverPool that names it. All of it is read from watches and from the pods'
own answers; it may be a moment old, and every action is made so that acting on an old view does no harm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from antiphon_crds.overlay import Json
from antiphon_crds.transceiver_pool import TransceiverPool
from antiphon_crds.voice_relay import VoiceRelay
from antiphon_wire import Pool, Relay
from antiphon_wire.control import BackendState

Manifest = Mapping[str, Json]
"""A Kubernetes object as JSON."""


@dataclass(frozen=True)
class ChildKey:
    """A child of a fleet within its namespace."""

    kind: str
    name: str


class NodeState(StrEnum):
    USABLE = "Usable"
    CORDONED = "Cordoned"
    """Unschedulable, or tainted so that the pod would not be put there again."""
    NOT_READY = "NotReady"
    """The control plane hears nothing of it; what that means is judged in node_loss.py."""
    LOST = "Lost"
    """Gone, or not ready and judged to be lost."""


@dataclass(frozen=True)
class ObservedNode:
    """A node that pods of the fleet are on, or could be put on."""

    name: str
    ready: bool
    since: float
    """Since when it is ready, or is not; Unix seconds by our own clock, where the change was seen."""
    was_silent_since: float | None = None
    """When it last fell silent before it came back; None: that was not seen."""

    @property
    def silent_since(self) -> float | None:
        """When it last fell silent; None: not as far as is known."""
        return self.was_silent_since if self.ready else self.since


@dataclass(frozen=True)
class PodLoad:
    """A transceiver's answer to GET /v1/capacity."""

    capacity: int
    live: int
    draining: bool
    backend: BackendState
    at: float
    """Unix seconds at which it answered."""
    closed: bool = False
    """It is overloaded and takes no calls until it is not, whatever it has places for."""

    @property
    def taken(self) -> int:
        """Places that no new call can have."""
        return max(self.live, self.capacity) if self.closed else self.live

    @property
    def free(self) -> int:
        return max(0, self.capacity - self.taken)


@dataclass(frozen=True)
class ObservedPod:
    """A pod of a pool, or of the relays."""

    name: str
    uid: str
    revision: str
    first_route: int | None
    """First route id of its block (annotation antiphon.dev/routes); None: a relay's pod."""
    ip: str | None
    node: str | None
    node_state: NodeState
    phase: str
    """Pending, Running, Succeeded, Failed or Unknown."""
    containers_ready: bool
    ready: bool
    routes_published: bool
    """The readiness gate antiphon.dev/routes-published is open."""
    created_at: float
    """Unix seconds, as all times here."""
    deleted_at: float | None
    """When its deletion was asked for; it drains since then."""
    deadline: float | None
    """When it is killed (deletionTimestamp); None: not asked to end."""
    waiting_reason: str | None
    """Why a container waits: ImagePullBackOff, CrashLoopBackOff, …"""
    waiting_message: str | None
    unschedulable: str | None
    """The scheduler's message."""
    busy: bool
    """The label antiphon.dev/busy."""
    load: PodLoad | None
    """None: it has not answered lately."""
    ended_at: float | None = None
    """When its last container ended; None: it has not."""
    ended_because: str | None = None
    """OOMKilled, Error (exit code 2), Evicted, …"""
    workers: int | None = None
    """Of a relay (annotation antiphon.dev/workers); None: a pool's pod."""
    is_disowned: bool = False
    """It has a pool's labels, and no pool owns it: it was never made by us, or its pool was deleted without it."""


class TableBlockState(StrEnum):
    RESERVED = "Reserved"
    ACTIVE = "Active"
    DRAINING = "Draining"
    LOST = "Lost"


@dataclass(frozen=True)
class TableBlock:
    """An entry of the ledger. A reserved one has no addresses; a lost one keeps those that it had."""

    first: int
    pod: str
    pool: str
    state: TableBlockState
    hop: str | None = None
    control: str | None = None
    lost_at: float | None = None


@dataclass(frozen=True)
class ObservedTable:
    """One RouteTable object."""

    name: str
    resource_version: str
    shard: int
    shards: int
    generation: int
    cluster_id: int
    vip: tuple[str, ...]
    relays: tuple[Relay, ...]
    pools: tuple[Pool, ...]
    blocks: tuple[TableBlock, ...]


@dataclass(frozen=True)
class ObservedPool:
    pool: TransceiverPool
    status: Manifest
    """As it is stored, so that it is written only when it changes."""
    pods: tuple[ObservedPod, ...]


@dataclass(frozen=True)
class Resolution:
    """A load balancer's host name, looked up."""

    addresses: tuple[str, ...]
    """Empty: it has none, or the look-up failed; the last good answer is kept otherwise."""
    error: str | None
    at: float


FOREIGN: Final = 409


@dataclass(frozen=True)
class Refusal:
    """What the API server refused to write in the last round, and would refuse again: admission, quota, validation."""

    kind: str
    name: str
    status: int
    """403: forbidden (Pod Security, quota, RBAC); 422 or 400: invalid; 409: somebody else's object has the name."""
    message: str
    """The server's own words; of somebody else's object, ours."""

    @property
    def is_foreign(self) -> bool:
        return self.status == FOREIGN

    @property
    def sentence(self) -> str:
        return self.message if self.is_foreign else f"the API server refuses {self.kind} {self.name}: {self.message}"


@dataclass(frozen=True)
class Images:
    """What the pods run, from the operator's settings."""

    relay: str
    transceiver: str
    signaling: str
    pull_policy: str = "IfNotPresent"


@dataclass(frozen=True)
class Fleet:
    relay: VoiceRelay
    relay_status: Manifest
    pools: tuple[ObservedPool, ...]
    """Oldest first: the first one takes calls that name no model."""
    relay_pods: tuple[ObservedPod, ...]
    tables: tuple[ObservedTable, ...]
    children: Mapping[ChildKey, Manifest]
    """Objects of other kinds that carry the fleet's labels: Deployments, Services, Secrets, …"""
    images: Images
    operator_namespace: str
    resolutions: Mapping[str, Resolution] = field(default_factory=dict)
    """By host name."""
    stray_pods: tuple[ObservedPod, ...] = ()
    """Pods of pools that are gone: their blocks stay, Draining, until the pods have ended."""
    refusals: tuple[Refusal, ...] = ()
    has_service_monitors: bool = False
    monitoring_namespaces: tuple[str, ...] = ()
    """Where Prometheus runs; empty: it was not said."""
    nodes: tuple[ObservedNode, ...] = ()
