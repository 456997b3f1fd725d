"""Which objects belong to which fleet: what the watches told, as values, put together for `plan`.

Every method that takes news says at once which fleet it concerns. A fleet's pods and pools are found by their labels,
so that those which outlive their owner are still seen.
"""

from __future__ import annotations

import dataclasses
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from antiphon_crds.transceiver_pool import TransceiverPool
from antiphon_crds.voice_relay import VoiceRelay
from antiphon_operator.actions import CutCalls
from antiphon_operator.kinds import POD, ROUTE_TABLE, TRANSCEIVER_POOL, VOICE_RELAY, Kind
from antiphon_operator.metrics import Metrics
from antiphon_operator.nodes import Nodes
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
from antiphon_operator.parsing.pods import PodRecord, read_pod
from antiphon_operator.parsing.resources import is_ending, read_pool, read_relay, relay_label, relay_ref
from antiphon_operator.parsing.route_tables import read_route_table
from antiphon_operator.parsing.unreadable import UnreadableError
from antiphon_operator.routes.block_life import is_strange
from antiphon_operator.routes.route_ids import shard_of
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


@dataclass(frozen=True)
class KnownPool:
    fleet: FleetKey
    pool: TransceiverPool
    status: Manifest
    """As it is stored."""
    cut_calls: int
    """By drain deadlines, since this process began."""


@dataclass
class _Pod:
    """A pod and what else is known of it, which ends with it."""

    record: PodRecord
    load: PodLoad | None = None
    composed: ObservedPod | None = None
    """The pod with its node and its load; None: one of them is new."""

    def heard(self, record: PodRecord) -> None:
        self.record, self.composed = record, None

    def answered(self, load: PodLoad | None) -> None:
        self.load, self.composed = load, None

    def on(self, state: NodeState) -> ObservedPod:
        if self.composed is None or self.composed.node_state is not state:
            self.composed = dataclasses.replace(self.record.pod, node_state=state, load=self.load)
        return self.composed


@dataclass
class _Members:
    """What is known of one fleet."""

    relay: tuple[VoiceRelay, Manifest] | None = None
    pools: dict[str, tuple[TransceiverPool, Manifest]] = field(default_factory=dict)
    pods: dict[str, _Pod] = field(default_factory=dict)
    tables: dict[str, ObservedTable] = field(default_factory=dict)
    children: dict[ChildKey, Manifest] = field(default_factory=dict)
    unreadable: set[ChildKey] = field(default_factory=set)
    refusals: tuple[Refusal, ...] = ()
    cut: Counter[str] = field(default_factory=Counter)
    """By pool, the calls that drain deadlines cut."""

    def has_owner_of(self, record: PodRecord) -> bool:
        """Whether the pool whose label the pod carries also is its owner, and not one of that name that is gone."""
        pool = self.pools.get(record.pool)
        return pool is not None and pool[0].metadata.uid == record.owner

    def records(self) -> Iterator[PodRecord]:
        return (pod.record for pod in self.pods.values())

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
                del self.cut[name]
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
        self,
        images: Images,
        operator_namespace: str,
        metrics: Metrics,
        dirty: Callable[[FleetKey], None],
        monitoring_namespaces: tuple[str, ...] = (),
    ) -> None:
        self._images = images
        self._monitoring_namespaces = monitoring_namespaces
        self._operator_namespace = operator_namespace
        self._metrics = metrics
        self._dirty = dirty
        self._members: dict[FleetKey, _Members] = {}
        self._fleet_of: dict[tuple[str, ObjectKey], FleetKey] = {}
        """By kind and name: where an object was found last, should its labels change."""
        self._nodes = Nodes()
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
        # By its label: one without it is lost to those who read it, and is to be labelled again. But no label makes a
        # table the fleet's that has not the name of one: it is another's, or nobody's.
        label = relay_label(change.manifest)
        relay = label if shard_of(change.key.name, label) is not None else ""
        with self._placed(ROUTE_TABLE, change, relay) as members:
            if members is not None:
                members.tables[change.key.name] = read_route_table(change.manifest)

    def heard_child(self, kind: Kind, change: Change) -> None:
        with self._placed(kind, change, relay_label(change.manifest)) as members:
            if members is not None:
                # The items of a list come without their kind.
                child = {**change.manifest, "apiVersion": kind.api_version, "kind": kind.name}
                members.children[ChildKey(kind.name, change.key.name)] = child

    def heard_pod(self, change: Change) -> None:
        record, name = read_pod(change.manifest), change.key.name
        key = self._fleet_of.get((POD.name, change.key))
        known = self._at(key).pods.get(name) if key is not None else None
        if change.kind is not ChangeKind.DELETED and known is not None and known.record == record:
            return
        with self._placed(POD, change, record.fleet) as members:
            if members is None:
                return
            there = members.pods.get(name)
            if there is not None and there.record.pod.uid == record.pod.uid:
                there.heard(record)
            else:
                members.pods[name] = _Pod(record)

    def heard_node(self, change: Change) -> None:
        concerned = self._nodes.heard(change)
        for key, members in self._members.items():
            if any(record.pod.node in concerned for record in members.records()):
                self._dirty(key)

    def heard_load(self, transceiver: Transceiver, load: PodLoad | None, *, matters: bool) -> None:
        """None: the pod does not answer any more."""
        members = self._members.get(transceiver.fleet)
        pod = members.pods.get(transceiver.name) if members is not None else None
        if pod is None or pod.record.pod.uid != transceiver.uid:
            return
        pod.answered(load)
        if matters:
            self._dirty(transceiver.fleet)

    def service_monitors_served(self, *, served: bool) -> None:
        if served == self._has_service_monitors:
            return
        self._has_service_monitors = served
        for key in self.keys():
            self._dirty(key)

    def cut_calls(self, key: FleetKey, cut: CutCalls) -> None:
        """Takes what a round has told of a pool of the fleet."""
        members = self._members.get(key)
        if members is not None and cut.pool in members.pools:
            members.cut[cut.pool] += cut.calls

    def refused(self, key: FleetKey, refusals: tuple[Refusal, ...]) -> bool:
        """Keeps what the API server refused in the last round; whether that is news."""
        members = self._at(key)
        changed, members.refusals = members.refusals != refusals, refusals
        self._drop_if_empty(key)
        return changed

    # What is asked of it.

    def refusals(self, key: FleetKey) -> tuple[Refusal, ...]:
        """What was refused in the last round."""
        members = self._members.get(key)
        return () if members is None else members.refusals

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
        strays = [one for one in members.pods.values() if one.record.pool and not members.has_owner_of(one.record)]
        return Fleet(
            relay=relay,
            relay_status=status,
            pools=pools,
            relay_pods=self._observed(one for one in members.pods.values() if one.record.component == "relay"),
            tables=tuple(sorted(members.tables.values(), key=lambda table: table.shard)),
            children=dict(members.children),
            images=self._images,
            operator_namespace=self._operator_namespace,
            resolutions=resolutions,
            stray_pods=self._observed(strays),
            refusals=members.refusals,
            has_service_monitors=self._has_service_monitors,
            monitoring_namespaces=self._monitoring_namespaces,
            nodes=self._nodes.of([record for record in members.records() if record.pool]),
        )

    def transceivers(self) -> Iterator[Transceiver]:
        """Every pod of the ledger that runs and has an address, also one that drains.

        They are sent the fleet's token. Labels do not make a pod one of them: who may label a pod may not thereby read
        Secrets.
        """
        for key, members in self._members.items():
            ours = {block.pod: block for table in members.tables.values() for block in table.blocks}
            for record in members.records():
                pod = record.pod
                block = ours.get(pod.name) if record.pool and pod.phase == "Running" else None
                if block is not None and pod.ip and not is_strange(block, pod):
                    yield Transceiver(key, record.pool, pod.uid, pod.name, pod.ip)

    def is_there(self, transceiver: Transceiver) -> bool:
        """Whether the pod still runs and has its address: another may have it by now, and must not get the token."""
        members = self._members.get(transceiver.fleet)
        known = members.pods.get(transceiver.name) if members is not None else None
        if known is None:
            return False
        pod = known.record.pod
        return (pod.uid, pod.ip, pod.phase) == (transceiver.uid, transceiver.ip, "Running")

    def child(self, key: FleetKey, kind: str, name: str) -> Manifest | None:
        members = self._members.get(key)
        return None if members is None else members.children.get(ChildKey(kind, name))

    def pods(self) -> Iterator[tuple[FleetKey, PodRecord]]:
        return ((key, record) for key, members in self._members.items() for record in members.records())

    def statuses(self) -> Iterator[tuple[str, ObjectKey, Manifest]]:
        """Kind, name and stored status of every resource."""
        for key, members in self._members.items():
            if members.relay is not None:
                yield "VoiceRelay", ObjectKey(key.namespace, key.relay), members.relay[1]
            for name, (_, status) in members.pools.items():
                yield "TransceiverPool", ObjectKey(key.namespace, name), status

    def pools(self) -> Iterator[KnownPool]:
        for key, members in self._members.items():
            for name, (pool, status) in members.pools.items():
                yield KnownPool(key, pool, status, members.cut[name])

    def _pools(self, members: _Members) -> Iterator[ObservedPool]:
        oldest_first = sorted(
            members.pools.values(), key=lambda one: (one[0].metadata.created_at, one[0].metadata.name)
        )
        of_pool: dict[str, list[_Pod]] = {}
        for pod in members.pods.values():
            if members.has_owner_of(pod.record):
                of_pool.setdefault(pod.record.pool, []).append(pod)
        for pool, status in oldest_first:
            yield ObservedPool(pool, status, self._observed(of_pool.get(pool.metadata.name, ())))

    def _observed(self, pods: Iterable[_Pod]) -> tuple[ObservedPod, ...]:
        by_name = sorted(pods, key=lambda pod: pod.record.pod.name)
        return tuple(pod.on(self._nodes.state_for(pod.record)) for pod in by_name)

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
