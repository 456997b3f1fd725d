"""Where the API server is, and how we show who we are. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from antiphon_wire.environment import Environment, SettingError

_SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class PodAccess:
    """What the kubelet gives to a pod."""

    server: str
    token_file: Path = _SERVICE_ACCOUNT / "token"
    """Replaced by the kubelet well before it expires, so it is read for every request."""
    ca_file: Path = _SERVICE_ACCOUNT / "ca.crt"
    namespace_file: Path = _SERVICE_ACCOUNT / "namespace"


@dataclass(frozen=True)
class KubeconfigAccess:
    """What a person has."""

    path: Path
    """Or several, as in `KUBECONFIG`, with colons in between."""
    context: str | None = None
    """None: the current one."""


ClusterAccess = PodAccess | KubeconfigAccess


def cluster_access(variables: Mapping[str, str]) -> ClusterAccess:
    """`KUBECONFIG` if it is set, else what every pod has; raises SettingError."""
    env = Environment(variables)
    kubeconfig = env.path("KUBECONFIG", default=None)
    return pod_access(variables) if kubeconfig is None else KubeconfigAccess(kubeconfig)


def pod_access(variables: Mapping[str, str]) -> PodAccess:
    """What every pod has; raises SettingError."""
    env = Environment(variables)
    host = env.text("KUBERNETES_SERVICE_HOST", default=None)
    if host is None:
        raise SettingError("KUBECONFIG", "is required outside of a pod", "/home/me/.kube/config")
    port = env.integer("KUBERNETES_SERVICE_PORT", default=443, minimum=1, maximum=65535)
    return PodAccess(f"https://{f'[{host}]' if ':' in host else host}:{port}")
