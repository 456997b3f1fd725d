"""AP8: what a namespace's own rules forbid. Pure."""

from __future__ import annotations

from antiphon_cli.cluster.network import Namespace
from antiphon_cli.cluster.reading import items
from antiphon_cli.cluster.snapshot import Fleet
from antiphon_cli.doctor.observation import Observation
from antiphon_cli.doctor.udp_checks import HOST_NETWORK
from antiphon_cli.doctor.verdict import ClusterCheck, FleetCheck, Verdict, failure, ok, skipped, warning

RESTRICTED = "restricted"
LABEL = "pod-security.kubernetes.io/enforce"


def namespace_is_restricted(seen: Observation) -> Verdict:
    """A namespace that relays on host network need to be privileged is none of this check's."""
    namespaces = [reading.known() for reading in seen.namespaces.values()]
    if not namespaces:
        return skipped("no namespace is named; name one with -n")
    open_ones = [each for each in namespaces if each.pod_security != RESTRICTED and not _has_host_network(each, seen)]
    if not open_ones:
        return ok(", ".join(f"{each.name}: {each.pod_security or 'none'}" for each in namespaces))
    first = open_ones[0]
    return warning(
        f"Namespace {first.name} enforces {first.pod_security or 'nothing'}; Antiphon's pods pass restricted.",
        look=f"kubectl get namespace {first.name} --show-labels",
        cure=f"kubectl label namespace {first.name} {LABEL}={RESTRICTED}",
    )


def host_network_is_admitted(fleet: Fleet, seen: Observation) -> Verdict:
    if fleet.relay.exposure != HOST_NETWORK:
        return ok("no host network")
    place = fleet.relay.name.namespace
    level = seen.namespaces[place].known().pod_security
    if level in ("", "privileged"):
        return ok(f"namespace {place} admits it")
    return failure(
        f"Relays on host network are refused: namespace {place} enforces {level}.",
        look=f"kubectl get namespace {place} --show-labels; kubectl -n {place} get events",
        cure=f"Label the namespace {LABEL}=privileged, or set spec.exposure.type to LoadBalancer.",
    )


def policies_let_calls_in(fleet: Fleet, seen: Observation) -> Verdict:
    place = fleet.relay.name.namespace
    here = [policy for policy in seen.policies.known() if policy.name.namespace == place]
    denying = [policy.name.name for policy in here if policy.selects_all and policy.denies_ingress]
    if not denying:
        return ok("no policy denies all")
    wanted = [pool.name.name for pool in fleet.pools] + [fleet.child("signaling").name]
    if fleet.relay.exposure != HOST_NETWORK:
        wanted.append(fleet.child("relay").name)
    missing = sorted(set(wanted) - {policy.name.name for policy in here})
    if missing:
        return failure(
            f"NetworkPolicy {denying[0]} denies all, and the fleet's own {', '.join(missing)} is not there.",
            look=f"kubectl -n {place} get networkpolicies",
            cure="The operator makes them: see AP104.",
        )
    return ok(f"{denying[0]} denies all, the fleet's own let calls in")


def _has_host_network(namespace: Namespace, seen: Observation) -> bool:
    here = [relay for relay in items(seen.snapshot.relays) if relay.name.namespace == namespace.name]
    return any(relay.exposure == HOST_NETWORK for relay in here)


CHECKS = (
    ClusterCheck("AP801", "namespaces enforce Pod Security", namespace_is_restricted, before_install=True),
    FleetCheck("AP802", "host network is admitted where it is used", host_network_is_admitted),
    FleetCheck("AP803", "network policies let calls in", policies_let_calls_in),
)
