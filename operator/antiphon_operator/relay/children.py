"""The children of a VoiceRelay: which ones there should be, and what brings them about."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from antiphon_crds.voice_relay import WorkloadKind
from antiphon_operator.actions import Action, Delete
from antiphon_operator.drift import applied
from antiphon_operator.kinds import CHILDREN
from antiphon_operator.observed import ChildKey, Fleet, Manifest
from antiphon_operator.relay.access import role, role_binding, service_account
from antiphon_operator.relay.availability import relays_state
from antiphon_operator.relay.disruption_budget import relay_budget, signaling_budget
from antiphon_operator.relay.families import families
from antiphon_operator.relay.names import FleetNames
from antiphon_operator.relay.network_policy import relay_policy, signaling_policy
from antiphon_operator.relay.relay_pod import on_host_network
from antiphon_operator.relay.relay_workload import relay_workload
from antiphon_operator.relay.scraping import metrics_service, service_monitor
from antiphon_operator.relay.signaling_service import signaling_service
from antiphon_operator.relay.signaling_workload import signaling_workload
from antiphon_operator.relay.udp_service import udp_service


def planned_children(fleet: Fleet) -> tuple[Action, ...]:
    """All but the Secrets. What is as it should be is left alone."""
    wanted = {key_of(manifest): manifest for manifest in wanted_children(fleet)}
    changes = [change for key, manifest in wanted.items() for change in applied(manifest, fleet.children.get(key))]
    return (*changes, *_deletions(fleet, wanted.keys()))


def wanted_children(fleet: Fleet) -> tuple[Manifest, ...]:
    """Without the workloads until the cluster's address families are known: a moment at the very start."""
    relay = fleet.relay
    manifests: list[Manifest | None] = [
        service_account(relay),
        role(relay),
        role_binding(relay),
        metrics_service(relay),
        udp_service(fleet),
        signaling_service(relay),
        relay_policy(fleet),
        signaling_policy(fleet),
        relay_budget(relay),
        signaling_budget(relay),
    ]
    known = families(fleet)
    if known is not None:
        manifests += [relay_workload(fleet, known), signaling_workload(fleet, known)]
    if fleet.has_service_monitors:
        manifests.append(service_monitor(relay))
    return tuple(manifest for manifest in manifests if manifest is not None)


def key_of(manifest: Manifest) -> ChildKey:
    metadata = manifest["metadata"]
    return ChildKey(str(manifest["kind"]), str(metadata["name"]) if isinstance(metadata, dict) else "")


def _deletions(fleet: Fleet, wanted: Collection[ChildKey]) -> Iterator[Delete]:
    """What an earlier spec asked for and this one does not."""
    name = FleetNames(fleet.relay.metadata.name).relay
    for kind in ("Service", "NetworkPolicy", "PodDisruptionBudget"):
        if ChildKey(kind, name) not in wanted:
            yield from _deletion(fleet, ChildKey(kind, name))
    if _is_replaced(fleet):
        other = next(kind for kind in WorkloadKind if kind is not fleet.relay.spec.workload.kind)
        yield from _deletion(fleet, ChildKey(other.value, name))


def _is_replaced(fleet: Fleet) -> bool:
    """Whether the workload of the other kind may go: its relays serve until the new ones do, but on a node's own ports,
    which both cannot have."""
    if on_host_network(fleet):
        return True
    state = relays_state(fleet)
    return state.available >= state.desired > 0


def _deletion(fleet: Fleet, key: ChildKey) -> Iterator[Delete]:
    observed = fleet.children.get(key)
    metadata = observed.get("metadata") if observed is not None else None
    if isinstance(metadata, dict) and not metadata.get("deletionTimestamp"):
        namespace, uid = fleet.relay.metadata.namespace, metadata.get("uid")
        yield Delete(_API_VERSIONS[key.kind], key.kind, namespace, key.name, str(uid) if uid else None)


_API_VERSIONS: Final = {kind.name: kind.api_version for kind in CHILDREN}
