"""AP2: the address that callers send to. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address

from antiphon_cli.cluster.own_kinds import Condition
from antiphon_cli.cluster.snapshot import Fleet
from antiphon_cli.doctor.observation import Observation
from antiphon_cli.doctor.verdict import FleetCheck, Verdict, failure, ok, warning


def address_assigned(fleet: Fleet, _seen: Observation) -> Verdict:
    relay = fleet.relay
    condition = relay.conditions.of("AddressAssigned")
    if relay.addresses and (condition is None or condition.is_true):
        return ok(relay.endpoint or ", ".join(relay.addresses))
    return failure(
        f"Callers have no address to send to{_because(condition)}.",
        look=f"kubectl -n {relay.name.namespace} describe service {fleet.child('relay').name}",
        cure="Give the cluster a load balancer for UDP, or set spec.publicAddresses or spec.exposure.type.",
    )


def host_name_resolves(fleet: Fleet, seen: Observation) -> Verdict:
    relay = fleet.relay
    service = fleet.service("relay")
    if relay.public_addresses or service is None or not service.hostnames:
        return ok("no host name to resolve")
    condition = relay.conditions.of("AddressResolved")
    name = service.hostnames[0]
    look = f"dig +short {name}; kubectl -n {relay.name.namespace} describe vrelay {relay.name.name}"
    if condition is not None and not condition.is_true:
        said = f"The load balancer's host name {name} does not resolve in the cluster{_because(condition)}."
        return failure(said, look=look, cure="Wait for its DNS entry, or set spec.publicAddresses to fixed addresses.")
    found = seen.resolved.get(name, ())
    if not _canonical(found) & _canonical(relay.addresses):
        here = ", ".join(found) or "nothing"
        there = ", ".join(relay.addresses) or "nothing"
        return warning(
            f"{name} is {here} for this machine, and answers name {there}.",
            look=look,
            cure="Wait until the old DNS answer has expired; if they stay apart, set spec.publicAddresses.",
        )
    return ok(name)


def public_addresses_lead_here(fleet: Fleet, _seen: Observation) -> Verdict:
    relay = fleet.relay
    service = fleet.service("relay")
    if not relay.public_addresses or service is None or not service.ips:
        return ok("nothing to compare")
    if _canonical(relay.public_addresses) & _canonical(service.ips):
        return ok(", ".join(relay.public_addresses))
    return warning(
        f"spec.publicAddresses has {', '.join(relay.public_addresses)}, the Service has {', '.join(service.ips)}.",
        look=f"kubectl -n {relay.name.namespace} get service {service.name.name}",
        cure="Right where something in front forwards UDP from one to the other; else remove spec.publicAddresses.",
    )


def _canonical(addresses: Iterable[str]) -> set[IPv4Address | IPv6Address]:
    """IPv6 addresses have many spellings. What is none is left out."""
    found = set()
    for address in addresses:
        with suppress(ValueError):
            found.add(ip_address(address))
    return found


def _because(condition: Condition | None) -> str:
    return f" ({condition.reason}: {condition.message})" if condition is not None and not condition.is_true else ""


CHECKS = (
    FleetCheck("AP201", "callers have an address", address_assigned),
    FleetCheck("AP202", "the load balancer's host name resolves to it", host_name_resolves),
    FleetCheck("AP203", "public addresses are the Service's", public_addresses_lead_here),
)
