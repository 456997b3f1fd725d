"""Which objects belong to which fleet: what the watches told, as values, put together for `plan`.

Every method that takes news says at once which fleet it concerns. A fleet's pods and pools are found by their labels,
so that those which outlive their owner are still seen.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from antiphon_crds.transceiver_pool import TransceiverPool
from antiphon_crds.voice_relay import VoiceRelay
from antiphon_operator.kinds import POD, ROUTE_TABLE, TRANSCEIVER_POOL, VOICE_RELAY, Kind
from antiphon_operator.metrics import Metrics
from antiphon_operator.observed import (
    ChildKey,
    Fleet,
    Images,
    Manifest,
    NodeState,
    ObservedPod,
    ObservedPool,
    ObservedTable,
    PodLoad,
    Refusal,
    Resolution,
)
from antiphon_operator.parsing.nodes import Node, read_node
from antiphon_operator.parsing.pods import PodRecord, read_pod
from antiphon_operator.parsing.resources import is_ending, read_pool, read_relay, relay_label, relay_ref
from antiphon_operator.parsing.route_tables import read_route_table
from antiphon_operator.parsing.unreadable import UnreadableError
from antiphon_wire.cluster.manifest import ObjectKey
from antiphon_wire.cluster.object_store import Change, ChangeKind

logger = logging.getLogger(__name__)


@dataclass(frozen=True, order=True)
class FleetKey:
    namespace: str
    relay: str
    """The VoiceRelay's name; it need not exist: pools may name one that does not."""


@dataclass(frozen=True)
class Orphans:
    """Pools that name a VoiceRelay that is not there."""

    pools: tuple[ObservedPool, ...]


@dataclass(frozen=True)
class Transceiver:
    """A pod to ask for its calls."""

    fleet: FleetKey
    pool: str
    uid: str
    name: str
    ip: str


@dataclass
class _Members:
    """What is known of one fleet."""

    relay: tuple[VoiceRelay, Manifest] | None = None
    pools: dict[str, tuple[TransceiverPool, Manifest]] = field(default_factory=dict)
    pods: dict[str, PodRecord] = field(default_factory=dict)
    tables: dict[str, ObservedTable] = field(default_factory=dict)
    children: dict[ChildKey, Manifest] = field(default_factory=dict)
    unreadable: set[ChildKey] = field(default_factory=set)
    refusals: tuple[Refusal, ...] = ()

    @property
    def empty(self) -> bool:
        return not (self.relay or self.pools or self.pods or self.tables or self.children or self.unreadable)

    def forget(self, kind: str, name: str) -> None:
        self.unreadable.discard(ChildKey(kind, name))
        match kind:
            case VOICE_RELAY.name:
                self.relay = None
            case TRANSCEIVER_POOL.name:
                self.pools.pop(name, None)
            case POD.name:
                self.pods.pop(name, None)
            case ROUTE_TABLE.name:
                self.tables.pop(name, None)
            case _:
                self.children.pop(ChildKey(kind, name), None)


class UnreadableFleetError(Exception):
    """An object of the fleet is of a version that we do not know: nothing may be decided without it."""


class Fleets:
    def __init__(
        self, images: Images, operator_namespace: str, metrics: Metrics, dirty: Callable[[FleetKey], None]
    ) -> None:
        self._images = images
        self._operator_namespace = operator_namespace
        self._metrics = metrics
        self._dirty = dirty
        self._members: dict[FleetKey, _Members] = {}
        self._fleet_of: dict[tuple[str, ObjectKey], FleetKey] = {}
        """By kind and name: where an object was found last, should its labels change."""
        self._nodes: dict[str, Node] = {}
        self._loads: dict[str, PodLoad] = {}
        """By the pod's uid; bounded by the pods there are."""
        self._composed: dict[str, tuple[PodRecord, NodeState, PodLoad | None, ObservedPod]] = {}
        self._has_service_monitors = False

    # What the watches tell.

    def heard_relay(self, change: Change) -> None:
        with self._placed(VOICE_RELAY, change, change.key.name) as members:
            if members is not None:
                members.relay = None if is_ending(change.manifest) else read_relay(change.manifest)

    def heard_pool(self, change: Change) -> None:
        with self._placed(TRANSCEIVER_POOL, change, relay_ref(change.manifest)) as members:
            if members is not None and is_ending(change.manifest):
                # The garbage collector ends its pods, which are strays from now on.
                members.pools.pop(change.key.name, None)
            elif members is not None:
                members.pools[change.key.name] = read_pool(change.manifest)

    def heard_table(self, change: Change) -> None:
        with self._placed(ROUTE_TABLE, change, relay_ref(change.manifest)) as members:
            if members is not None:
                members.tables[change.key.name] = read_route_table(change.manifest)

    def heard_child(self, kind: Kind, change: Change) -> None:
        with self._placed(kind, change, relay_label(change.manifest)) as members:
            if members is not None:
                # The items of a list come without their kind.
                child = {**change.manifest, "apiVersion": kind.api_version, "kind": kind.name}
                members.children[ChildKey(kind.name, change.key.name)] = child

    def heard_pod(self, change: Change) -> None:
        record = read_pod(change.manifest)
        key = self._fleet_of.get((POD.name, change.key))
        if change.kind is ChangeKind.DELETED:
            self._loads.pop(record.pod.uid, None)
            self._composed.pop(record.pod.uid, None)
        elif key is not None and self._at(key).pods.get(change.key.name) == record:
            return
        with self._placed(POD, change, record.fleet) as members:
            if members is not None:
                members.pods[change.key.name] = record

    def heard_node(self, change: Change) -> None:
        name = change.key.name
        before = self._nodes.get(name)
        after = None if change.kind is ChangeKind.DELETED else read_node(change.manifest)
        if before == after:
            return
        if after is None:
            del self._nodes[name]
        else:
            self._nodes[name] = after
        for key, members in self._members.items():
            if any(record.pod.node == name for record in members.pods.values()):
                self._dirty(key)

    def heard_load(self, transceiver: Transceiver, load: PodLoad | None, *, matters: bool) -> None:
        """None: the pod does not answer any more."""
        members = self._members.get(transceiver.fleet)
        record = members.pods.get(transceiver.name) if members is not None else None
        if record is None or record.pod.uid != transceiver.uid:
            return
        if load is None:
            self._loads.pop(transceiver.uid, None)
        else:
            self._loads[transceiver.uid] = load
        if matters:
            self._dirty(transceiver.fleet)

    def service_monitors_found(self) -> None:
        self._has_service_monitors = True
        for key in self.keys():
            self._dirty(key)

    def refused(self, key: FleetKey, refusals: tuple[Refusal, ...]) -> bool:
        """Keeps what the API server refused in the last round; whether that is news."""
        members = self._at(key)
        changed, members.refusals = members.refusals != refusals, refusals
        self._drop_if_empty(key)
        return changed

    # What is asked of it.

    def __contains__(self, key: FleetKey) -> bool:
        return key in self._members

    def keys(self) -> tuple[FleetKey, ...]:
        return tuple(self._members)

    def observe(self, key: FleetKey, resolutions: Mapping[str, Resolution]) -> Fleet | Orphans | None:
        """None: nothing to decide. Raises UnreadableFleetError."""
        members = self._members.get(key)
        if members is None:
            return None
        if members.unreadable:
            raise UnreadableFleetError(", ".join(sorted(f"{one.kind} {one.name}" for one in members.unreadable)))
        pools = tuple(self._pools(members))
        if members.relay is None:
            return Orphans(pools) if pools else None
        relay, status = members.relay
        strays = [one for one in members.pods.values() if one.pool and one.pool not in members.pools]
        return Fleet(
            relay=relay,
            relay_status=status,
            pools=pools,
            relay_pods=self._observed(one for one in members.pods.values() if one.component == "relay"),
            tables=tuple(sorted(members.tables.values(), key=lambda table: table.shard)),
            children=dict(members.children),
            images=self._images,
            operator_namespace=self._operator_namespace,
            resolutions=resolutions,
            stray_pods=self._observed(iter(strays)),
            refusals=members.refusals,
            has_service_monitors=self._has_service_monitors,
        )

    def transceivers(self) -> Iterator[Transceiver]:
        """Every pod of the ledger that runs and has an address, also one that drains.

        They are sent the fleet's token. Labels do not make a pod one of them: who may label a pod may not thereby read
        Secrets.
        """
        for key, members in self._members.items():
            ours = {block.pod for table in members.tables.values() for block in table.blocks}
            for record in members.pods.values():
                pod = record.pod
                if pod.name in ours and record.pool and pod.phase == "Running" and pod.ip:
                    yield Transceiver(key, record.pool, pod.uid, pod.name, pod.ip)

    def child(self, key: FleetKey, kind: str, name: str) -> Manifest | None:
        members = self._members.get(key)
        return None if members is None else members.children.get(ChildKey(kind, name))

    def pods(self) -> Iterator[tuple[FleetKey, PodRecord]]:
        return ((key, record) for key, members in self._members.items() for record in members.pods.values())

    def statuses(self) -> Iterator[tuple[str, ObjectKey, Manifest]]:
        """Kind, name and stored status of every resource."""
        for key, members in self._members.items():
            if members.relay is not None:
                yield "VoiceRelay", ObjectKey(key.namespace, key.relay), members.relay[1]
            for name, (_, status) in members.pools.items():
                yield "TransceiverPool", ObjectKey(key.namespace, name), status

    def pool_statuses(self) -> Iterator[tuple[FleetKey, str, Manifest]]:
        """Fleet, name and stored status of every pool."""
        for key, members in self._members.items():
            for name, (_, status) in members.pools.items():
                yield key, name, status

    def _pools(self, members: _Members) -> Iterator[ObservedPool]:
        oldest_first = sorted(
            members.pools.values(), key=lambda one: (one[0].metadata.created_at, one[0].metadata.name)
        )
        of_pool: dict[str, list[PodRecord]] = {}
        for record in members.pods.values():
            of_pool.setdefault(record.pool, []).append(record)
        for pool, status in oldest_first:
            yield ObservedPool(pool, status, self._observed(iter(of_pool.get(pool.metadata.name, ()))))

    def _observed(self, records: Iterator[PodRecord]) -> tuple[ObservedPod, ...]:
        return tuple(self._compose(record) for record in sorted(records, key=lambda record: record.pod.name))

    def _compose(self, record: PodRecord) -> ObservedPod:
        """The pod with its node and its load; made anew only when one of the three changed."""
        pod = record.pod
        state, load = self._node_state(record), self._loads.get(pod.uid)
        known = self._composed.get(pod.uid)
        if known is not None and known[0] is record and known[1] is state and known[2] is load:
            return known[3]
        composed = dataclasses.replace(pod, node_state=state, load=load)
        self._composed[pod.uid] = (record, state, load, composed)
        return composed

    def _node_state(self, record: PodRecord) -> NodeState:
        if record.pod.node is None:
            return NodeState.USABLE
        node = self._nodes.get(record.pod.node)
        return NodeState.LOST if node is None else node.state_for(record.tolerations)

    # The index.

    @contextmanager
    def _placed(self, kind: Kind, change: Change, relay: str) -> Iterator[_Members | None]:
        """The members of the fleet that the object belongs to now; None: it is gone.

        What cannot be read stands as it was read last; where it never was, its fleet is left alone.
        """
        key, place = FleetKey(change.key.namespace, relay), (kind.name, change.key)
        before = self._fleet_of.get(place)
        if before is not None and (change.kind is ChangeKind.DELETED or before != key):
            del self._fleet_of[place]
            self._at(before).forget(kind.name, change.key.name)
            self._touched(before)
        if change.kind is ChangeKind.DELETED:
            yield None
            return
        self._fleet_of[place] = key
        members = self._at(key)
        try:
            yield members
            members.unreadable.discard(ChildKey(kind.name, change.key.name))
        except UnreadableError as error:
            if before != key:
                members.unreadable.add(ChildKey(kind.name, change.key.name))
            self._unread(kind, change.key, error)
        self._touched(key)

    def _at(self, key: FleetKey) -> _Members:
        return self._members.setdefault(key, _Members())

    def _touched(self, key: FleetKey) -> None:
        self._drop_if_empty(key)
        self._dirty(key)

    def _drop_if_empty(self, key: FleetKey) -> None:
        members = self._members.get(key)
        if members is not None and members.empty:
            del self._members[key]

    def _unread(self, kind: Kind, name: ObjectKey, error: UnreadableError) -> None:
        self._metrics.unread(kind.name)
        fields = {"kind": kind.name, "namespace": name.namespace, "name": name.name, "why": error}
        logger.error("an object cannot be read", extra={"fields": fields})
