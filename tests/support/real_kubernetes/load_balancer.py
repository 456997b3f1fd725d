"""Stands in for the cloud: gives every LoadBalancer Service an address, and routes it to the nodes that have its pods.

A program of its own that runs where the router is. Addresses are handed out from FIRST_ADDRESS upwards and freed with
their Service. With `externalTrafficPolicy: Local` a node gets packets while its health check says that it has ready
pods; the router spreads flows over the nodes by their addresses and ports, as hardware does.
"""

import http.client
import ipaddress
import logging
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from real_kubernetes.api import ApiAccess
from real_kubernetes.pki import Pair

FIRST_ADDRESS = ipaddress.IPv4Address("203.0.113.7")
ROUND_S = 0.2
HEALTH_TIMEOUT_S = 0.5
SILENCES = 3
"""In a row, until a node counts as unhealthy: one may be a machine that is slow."""

logger = logging.getLogger("load-balancer")


@dataclass(frozen=True)
class Balanced:
    """A LoadBalancer Service."""

    namespace: str
    name: str
    address: str | None
    """What its status says; None before it was given one."""
    health_port: int | None
    """None: any node takes its packets, and sends them on to a pod."""


def parse_services(listing: Any) -> list[Balanced]:
    found = []
    for item in listing["items"]:
        spec, metadata = item["spec"], item["metadata"]
        if (
            spec.get("type") == "LoadBalancer"
            and "loadBalancerClass" not in spec
            and "deletionTimestamp" not in metadata
        ):
            given = item.get("status", {}).get("loadBalancer", {}).get("ingress", [])
            address = given[0].get("ip") if given else None
            found.append(Balanced(metadata["namespace"], metadata["name"], address, spec.get("healthCheckNodePort")))
    return found


def parse_nodes(listing: Any) -> list[str]:
    """The addresses of all nodes."""
    addresses = [entry for item in listing["items"] for entry in item["status"].get("addresses", [])]
    return [entry["address"] for entry in addresses if entry["type"] == "InternalIP"]


def next_address(taken: Iterable[str | None]) -> str:
    used = set(taken)
    address = FIRST_ADDRESS
    while str(address) in used:
        address += 1
    return str(address)


def answer_of(node: str, port: int) -> bool | None:
    """Whether it is healthy; None: it did not answer in time."""
    connection = http.client.HTTPConnection(node, port, timeout=HEALTH_TIMEOUT_S)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except TimeoutError:
        return None
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class Router:
    """Routes of this namespace, written when they change only: a rewritten one spreads its flows anew."""

    def __init__(self) -> None:
        self._routes: dict[str, tuple[str, ...]] = {}

    def set(self, wanted: dict[str, tuple[str, ...]]) -> None:
        for address in self._routes.keys() - wanted.keys():
            self._write(address, ())
        for address, nodes in wanted.items():
            if self._routes.get(address) != nodes:
                self._write(address, nodes)
        self._routes = wanted

    def _write(self, address: str, nodes: tuple[str, ...]) -> None:
        hops = [word for node in nodes for word in ("nexthop", "via", node)]
        # Nobody to take them: answered as unreachable, not sent on.
        route = [
            "ip",
            "route",
            "replace",
            *(["unreachable", f"{address}/32"] if not nodes else [f"{address}/32", *hops]),
        ]
        subprocess.run(route, check=True)
        logger.info("%s goes to %s", address, ", ".join(nodes) or "nobody")


class LoadBalancer:
    def __init__(self, api: ApiAccess) -> None:
        self._api = api
        self._router = Router()
        self._answers: dict[tuple[str, int], bool] = {}
        """The last ones, by node and port."""
        self._silences: Counter[tuple[str, int]] = Counter()

    def round(self) -> None:
        services = parse_services(self._api.read("/api/v1/services"))
        nodes = parse_nodes(self._api.read("/api/v1/nodes"))
        taken = [service.address for service in services]
        wanted = {}
        for service in services:
            address = service.address
            if address is None:
                address = next_address(taken)
                taken.append(address)
                self._assign(service, address)
            wanted[address] = tuple(node for node in nodes if self._takes(node, service))
        self._router.set(wanted)
        checks = {(node, service.health_port) for node in nodes for service in services}
        for forgotten in self._answers.keys() - checks:
            del self._answers[forgotten], self._silences[forgotten]

    def _takes(self, node: str, service: Balanced) -> bool:
        if service.health_port is None:
            return True
        check = (node, service.health_port)
        answer = answer_of(*check)
        self._silences[check] = 0 if answer is not None else self._silences[check] + 1
        # Before its first answer it gets nothing.
        self._answers[check] = answer if answer is not None else self._answers.get(check, False)
        return self._answers[check] and self._silences[check] < SILENCES

    def _assign(self, service: Balanced, address: str) -> None:
        status = {"status": {"loadBalancer": {"ingress": [{"ip": address, "ipMode": "VIP"}]}}}
        self._api.merge(f"/api/v1/namespaces/{service.namespace}/services/{service.name}/status", status)
        logger.info("%s is given to %s/%s", address, service.namespace, service.name)


def main(port: int, authority: Path, user: Pair) -> None:
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    balancer = LoadBalancer(ApiAccess(port, authority, user))
    while True:
        try:
            balancer.round()
        except OSError as error:
            # The routes stay as they are while the API server is away, as a cloud's do.
            logger.warning("%s", error)
        time.sleep(ROUND_S)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), Pair(Path(sys.argv[3]), Path(sys.argv[4])))
