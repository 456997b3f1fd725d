"""Where callers send UDP: what the spec names, else what the Service was given, else what its host name resolves to."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final

from antiphon_crds.voice_relay import ExposureType
from antiphon_operator.conditions import Condition, fails, find, holds, moment
from antiphon_operator.finding import PATIENCE_S, Finding
from antiphon_operator.observed import ChildKey, Fleet, Resolution
from antiphon_operator.relay.ingress import Ingress, ingress_of
from antiphon_operator.relay.names import FleetNames
from antiphon_operator.relay.reason import AddressReason, ResolvedReason

ASSIGNED: Final = "AddressAssigned"
RESOLVED: Final = "AddressResolved"
RESOLVED_AGAIN_S: Final = 30


@dataclass(frozen=True)
class Endpoint:
    ip: str
    port: int
    region: str | None = None

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


@dataclass(frozen=True)
class Addresses:
    endpoints: tuple[Endpoint, ...]
    """The preferred one first."""
    assigned: Finding
    resolved: Finding
    hostname: str | None = None
    """By which the load balancer is known, where it has no address of its own."""


def vip(fleet: Fleet) -> tuple[str, ...]:
    """What answers name to callers, as literals with a port, the preferred one first; empty: there is none yet."""
    return tuple(str(endpoint) for endpoint in addresses(fleet).endpoints)


def addresses(fleet: Fleet) -> Addresses:
    spec = fleet.relay.spec
    if spec.public_addresses:
        endpoints = tuple(Endpoint(address.ip, spec.exposure.port, address.region) for address in spec.public_addresses)
        return _assigned(endpoints, AddressReason.CONFIGURED)
    if spec.exposure.type is not ExposureType.LOAD_BALANCER:
        return _unassigned(_required(fleet), is_stalled=True)
    ingress = ingress_of(fleet.children.get(ChildKey("Service", FleetNames(fleet.relay.metadata.name).relay)))
    if ingress.ips:
        return _assigned(_endpoints(fleet, ingress.ips), AddressReason.LOAD_BALANCER_READY)
    if ingress.hostnames:
        return _resolved(fleet, ingress)
    return _unassigned(_pending(fleet))


@dataclass(frozen=True)
class Lookup:
    hostname: str
    due_at: float


def next_lookup(found: Addresses, fleet: Fleet, now: float) -> Lookup | None:
    """When the load balancer's name is to be looked up again; None: it has none."""
    if found.hostname is None:
        return None
    resolution = fleet.resolutions.get(found.hostname)
    return Lookup(found.hostname, now if resolution is None else resolution.at + RESOLVED_AGAIN_S)


def _assigned(endpoints: tuple[Endpoint, ...], reason: AddressReason) -> Addresses:
    condition = holds(ASSIGNED, reason, f"callers send to {_listed(endpoints)}")
    return Addresses(endpoints, Finding(condition), Finding(_no_host_name()))


def _unassigned(condition: Condition, *, is_stalled: bool = False) -> Addresses:
    return Addresses((), Finding(condition, is_stalled), Finding(_no_host_name()))


def _resolved(fleet: Fleet, ingress: Ingress) -> Addresses:
    """The last good addresses stay while look-ups fail: what is gone there is gone soon enough when one succeeds."""
    hostname = ingress.hostnames[0]
    resolution = fleet.resolutions.get(hostname)
    answered = resolution.addresses if resolution is not None else ()
    endpoints = _endpoints(fleet, sorted(answered, key=_preference)) or _shown_before(fleet)
    lookup = _lookup(fleet, hostname, resolution, endpoints)
    if not endpoints:
        assigned = fails(ASSIGNED, AddressReason.ADDRESS_PENDING, lookup.condition.message)
        return Addresses((), Finding(assigned), lookup, hostname)
    assigned = holds(ASSIGNED, AddressReason.LOAD_BALANCER_READY, f"callers send to {_listed(endpoints)} ({hostname})")
    return Addresses(endpoints, Finding(assigned), lookup, hostname)


def _lookup(fleet: Fleet, hostname: str, resolution: Resolution | None, endpoints: tuple[Endpoint, ...]) -> Finding:
    if resolution is None:
        message = f"the load balancer is known by the name {hostname}, which is being looked up"
        return Finding(fails(RESOLVED, ResolvedReason.LOOKUP_PENDING, message))
    if resolution.addresses and resolution.error is None:
        return Finding(holds(RESOLVED, ResolvedReason.RESOLVED, f"{hostname} is {', '.join(resolution.addresses)}"))
    kept = f"; {_listed(endpoints)} stays in use" if endpoints else ""
    message = (
        f"the load balancer's name {hostname} does not resolve ({resolution.error or 'no address'}){kept}. A new name "
        "may take minutes; if it stays so, write the load balancer's address to `spec.publicAddresses`"
    )
    condition = fails(RESOLVED, ResolvedReason.LOOKUP_FAILED, message)
    if endpoints:
        return Finding(condition)
    return Finding(condition, is_stalled=resolution.at >= _failing_since(fleet, resolution) + PATIENCE_S)


def _failing_since(fleet: Fleet, resolution: Resolution) -> float:
    stored = find(fleet.relay_status, RESOLVED)
    since = moment(stored.get("lastTransitionTime")) if stored.get("status") == "False" else None
    return resolution.at if since is None else since


def _shown_before(fleet: Fleet) -> tuple[Endpoint, ...]:
    """After a restart of the operator, or where a name stopped to resolve: what our status has said until now."""
    listed = fleet.relay_status.get("addresses")
    ips = [
        ip
        for item in (listed if isinstance(listed, list) else [])
        if isinstance(item, dict) and isinstance(ip := item.get("ip"), str)
    ]
    return _endpoints(fleet, ips)


def _endpoints(fleet: Fleet, ips: list[str] | tuple[str, ...]) -> tuple[Endpoint, ...]:
    return tuple(Endpoint(ip, fleet.relay.spec.exposure.port) for ip in ips)


def _preference(ip: str) -> tuple[int, int]:
    # Resolvers turn their answers round; the table must not change with them.
    address = ipaddress.ip_address(ip)
    return address.version, int(address)


def _listed(endpoints: tuple[Endpoint, ...]) -> str:
    return ", ".join(str(endpoint) for endpoint in endpoints)


def _required(fleet: Fleet) -> Condition:
    kind = fleet.relay.spec.exposure.type
    message = (
        f"with `exposure.type` {kind} the operator cannot know at which address callers reach the nodes: write it to "
        "`spec.publicAddresses`, as `publicAddresses: [{ip: 203.0.113.7}]`"
    )
    return fails(ASSIGNED, AddressReason.ADDRESS_REQUIRED, message)


def _pending(fleet: Fleet) -> Condition:
    service = FleetNames(fleet.relay.metadata.name).relay
    message = (
        f"Service {service} has no address from a load balancer yet; see: kubectl -n {fleet.relay.metadata.namespace} "
        f"describe service {service}. Where the cluster has no load balancer, set `exposure.type` to NodePort or "
        "HostNetwork"
    )
    return fails(ASSIGNED, AddressReason.ADDRESS_PENDING, message)


def _no_host_name() -> Condition:
    return holds(RESOLVED, ResolvedReason.NO_HOST_NAME, "no host name has to be looked up")
