"""The address families of the cluster, primary first: what sockets pods can bind."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon_operator.observed import ChildKey, Fleet
from antiphon_operator.relay.names import FleetNames

IPV4 = "IPv4"
IPV6 = "IPv6"


@dataclass(frozen=True)
class Families:
    """Never empty."""

    names: tuple[str, ...] = (IPV4,)

    @property
    def primary(self) -> str:
        return self.names[0]

    def wildcards(self, port: int) -> str:
        """Every address of a pod, in the form that settings take."""
        return ",".join(_wildcard(family, port) for family in self.names)

    def wildcard(self, port: int) -> str:
        """Every address of a pod's primary family."""
        return _wildcard(self.primary, port)

    def of_variable(self, variable: str, port: int) -> str:
        """The address of the primary family that another variable of the container holds."""
        return f"[$({variable})]:{port}" if self.primary == IPV6 else f"$({variable}):{port}"


def families(fleet: Fleet) -> Families | None:
    """What the API server gave the fleet's headless Service, which asks for all there are; None: not known yet."""
    service = fleet.children.get(ChildKey("Service", FleetNames(fleet.relay.metadata.name).metrics))
    spec = service.get("spec") if service is not None else None
    given = spec.get("ipFamilies") if isinstance(spec, dict) else None
    known = [family for family in given if family in (IPV4, IPV6)] if isinstance(given, list) else []
    return Families(tuple(str(family) for family in known)) if known else None


def _wildcard(family: str, port: int) -> str:
    return f"[::]:{port}" if family == IPV6 else f"0.0.0.0:{port}"
