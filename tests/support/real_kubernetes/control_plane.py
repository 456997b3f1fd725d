"""etcd, kube-apiserver, kube-controller-manager and kube-scheduler, on loopback or inside a network namespace."""

import http
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from free_ports import free_ports
from real_kubernetes import components
from real_kubernetes.api import ApiAccess
from real_kubernetes.audit_log import POLICY, AuditLog, Request
from real_kubernetes.cluster import Cluster
from real_kubernetes.components import API_SERVICE_ADDRESS, Certificates, Ports
from real_kubernetes.daemon import Daemon, wait_until
from real_kubernetes.kubeconfig import write_kubeconfig
from real_kubernetes.pki import Authority, Identity, Pair, signing_key
from real_kubernetes.place import HERE, Place

ADMIN = Identity("admin", ("system:masters",))
SERVICE_NAMES = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"]


@dataclass(frozen=True)
class Start:
    """An API server that is not ready yet answers already, and refuses whom it has read no roles of."""

    began_at: datetime
    ready_at: datetime

    def contains(self, request: Request) -> bool:
        return self.began_at <= datetime.fromisoformat(request.at) <= self.ready_at


class ControlPlane:
    """Started by `control_plane`; its API server can be taken away and brought back."""

    def __init__(self, folder: Path, place: Place = HERE, address: str | None = None) -> None:
        """`address`: where pods reach its API server; without one it keeps to the loopback."""
        self.folder = folder
        self._place = place
        self._address = address
        self.ports = Ports(*free_ports(5))
        self._pki = folder / "pki"
        self._pki.mkdir()
        self._authority = Authority(self._pki, "cluster-authority")
        self.certificates = self._issue()
        self.cluster = Cluster(self.kubeconfig_for(ADMIN))
        self.audit = AuditLog(folder / "audit.log")
        self.starts: list[Start] = []
        """Of the API server."""
        self.etcd = self._daemon("etcd", components.etcd(self.ports, folder / "etcd"))
        self.api_server = self._daemon("kube-apiserver", self._api_server_command())
        self.controllers = self._daemon(
            "kube-controller-manager",
            components.controllers(self.ports, self.certificates, self._component("kube-controller-manager")),
        )
        self.scheduler = self._daemon(
            "kube-scheduler", components.scheduler(self.ports, self._component("kube-scheduler"))
        )

    @property
    def daemons(self) -> list[Daemon]:
        return [self.etcd, self.api_server, self.controllers, self.scheduler]

    @property
    def authority(self) -> Path:
        return self._authority.certificate

    def access(self, identity: Identity = ADMIN) -> ApiAccess:
        return ApiAccess(self.ports.api, self.authority, self._client(identity))

    def kubeconfig_for(self, identity: Identity, host: str = "127.0.0.1") -> Path:
        """A kubeconfig of this user: `Identity("jane", ("developers",))`; RBAC says what it may do."""
        path = self.folder / f"{file_name(identity)}@{host}.kubeconfig"
        return write_kubeconfig(path, f"https://{host}:{self.ports.api}", self.authority, self._client(identity))

    def start(self) -> None:
        self.etcd.start()
        self.start_api_server()
        access = self.access()
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        wait_until(lambda: access.status_of(account) == http.HTTPStatus.OK, "the default ServiceAccount", self.daemons)

    def stop(self) -> None:
        for daemon in reversed(self.daemons):
            daemon.kill()

    def stop_api_server(self) -> None:
        """At once, as when its machine is lost: in order it would wait for the clients' watches to end.

        The controllers lose their leases then, and end: one that went on would take the nodes for silent afterwards.
        """
        for daemon in (self.scheduler, self.controllers, self.api_server):
            daemon.kill()

    def start_api_server(self) -> None:
        began_at = datetime.now(UTC)
        self.api_server.start()
        access = self.access()
        needed = [self.etcd, self.api_server]
        wait_until(lambda: access.status_of("/readyz") == http.HTTPStatus.OK, "the API server is ready", needed)
        self.starts.append(Start(began_at, datetime.now(UTC)))
        self.controllers.start()
        self.scheduler.start()

    def _daemon(self, name: str, command: Sequence[str]) -> Daemon:
        return self._place.daemon(name, command, self.folder)

    def _api_server_command(self) -> list[str]:
        policy = self.folder / "audit-policy.json"
        policy.write_text(json.dumps(POLICY))
        audit = (policy, self.audit.path)
        return components.api_server(self.ports, self.certificates, audit, self._address)

    def _issue(self) -> Certificates:
        addresses = ["127.0.0.1", API_SERVICE_ADDRESS, *([self._address] if self._address else [])]
        front = Authority(self._pki, "front-proxy-authority")
        return Certificates(
            authority=self._authority.pair,
            front_authority=front.pair,
            api=self._authority.server("kube-apiserver", addresses, ["localhost", *SERVICE_NAMES]),
            api_to_kubelet=self._authority.client("apiserver-to-kubelet", Identity("apiserver", ("system:masters",))),
            front=front.client("front-proxy-client", Identity("front-proxy-client")),
            tokens=signing_key(self._pki, "service-accounts"),
        )

    def _component(self, name: str) -> Path:
        return self.kubeconfig_for(Identity(f"system:{name}"))

    def _client(self, identity: Identity) -> Pair:
        return self._authority.client(file_name(identity), identity)


def file_name(identity: Identity) -> str:
    return identity.user.replace(":", "-").replace("/", "-")


@contextmanager
def control_plane(folder: Path) -> Iterator[ControlPlane]:
    """Ready when entered: the API server answers and the default ServiceAccount is there."""
    plane = ControlPlane(folder)
    try:
        plane.start()
        yield plane
    finally:
        plane.stop()
