"""The kinds that the operator reads and writes, and where the API serves them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from antiphon_crds.documents import API_VERSION


@dataclass(frozen=True)
class Kind:
    api_version: str
    name: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str = "") -> str:
        """The URL path of one object, or of all in a namespace (None: in all of them)."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        parts = [part for part in (name, subresource) if part]
        return "/".join([f"{root}{scope}/{self.plural}", *parts])


VOICE_RELAY: Final = Kind(API_VERSION, "VoiceRelay", "voicerelays")
TRANSCEIVER_POOL: Final = Kind(API_VERSION, "TransceiverPool", "transceiverpools")
ROUTE_TABLE: Final = Kind(API_VERSION, "RouteTable", "routetables")
POD: Final = Kind("v1", "Pod", "pods")
NODE: Final = Kind("v1", "Node", "nodes", namespaced=False)
EVENT: Final = Kind("events.k8s.io/v1", "Event", "events")
LEASE: Final = Kind("coordination.k8s.io/v1", "Lease", "leases")
SERVICE_MONITOR: Final = Kind("monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors")

CHILDREN: Final = (
    Kind("apps/v1", "Deployment", "deployments"),
    Kind("apps/v1", "DaemonSet", "daemonsets"),
    Kind("v1", "Service", "services"),
    Kind("v1", "Secret", "secrets"),
    Kind("v1", "ServiceAccount", "serviceaccounts"),
    Kind("rbac.authorization.k8s.io/v1", "Role", "roles"),
    Kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings"),
    Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
)
"""What `Fleet.children` holds, with ServiceMonitors where the cluster has them."""

_ALL: Final = (VOICE_RELAY, TRANSCEIVER_POOL, ROUTE_TABLE, POD, NODE, EVENT, LEASE, SERVICE_MONITOR, *CHILDREN)
_BY_NAME: Final = {(kind.api_version, kind.name): kind for kind in _ALL}


def kind_of(api_version: str, name: str) -> Kind:
    """Raises LookupError for a kind that the operator has no business with."""
    return _BY_NAME[api_version, name]
