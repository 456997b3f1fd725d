"""What of which cluster is looked at, and whether any is named. Pure but for a look at which files exist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

KUBECONFIG = "KUBECONFIG"
DEFAULT_KUBECONFIG = "~/.kube/config"
SERVICE_HOST = "KUBERNETES_SERVICE_HOST"


@dataclass(frozen=True)
class Scope:
    """What of which cluster is looked at."""

    context: str | None = None
    namespace: str | None = None
    """None: the context's."""
    all_namespaces: bool = False


def names_a_cluster(environ: Mapping[str, str]) -> bool:
    """Whether there is anything to connect to when nobody says which."""
    return bool(kubeconfig(environ)) or SERVICE_HOST in environ


def kubeconfig(environ: Mapping[str, str]) -> str:
    """The files that exist, as a path list; empty: none."""
    named = environ.get(KUBECONFIG) or DEFAULT_KUBECONFIG
    return ":".join(path for path in named.split(":") if path and Path(path).expanduser().is_file())
