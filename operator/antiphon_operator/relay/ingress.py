"""Where a load balancer is reached, as a Service's status says."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon_operator.observed import Manifest


@dataclass(frozen=True)
class Ingress:
    ips: tuple[str, ...] = ()
    hostnames: tuple[str, ...] = ()


def ingress_of(service: Manifest | None) -> Ingress:
    status = service.get("status") if service is not None else None
    balancer = status.get("loadBalancer") if isinstance(status, dict) else None
    points = balancer.get("ingress") if isinstance(balancer, dict) else None
    listed = [point for point in points if isinstance(point, dict)] if isinstance(points, list) else []
    ips = [ip for point in listed if isinstance(ip := point.get("ip"), str) and ip]
    hostnames = [name for point in listed if isinstance(name := point.get("hostname"), str) and name]
    return Ingress(tuple(dict.fromkeys(ips)), tuple(dict.fromkeys(hostnames)))
