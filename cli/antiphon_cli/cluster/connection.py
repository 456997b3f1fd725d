"""Which cluster is meant, and the way to it: a context of the kubeconfig, or the pod's own service account."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from antiphon_cli.cluster.api_server import ApiServer
from antiphon_cli.cluster.scope import DEFAULT_KUBECONFIG, KUBECONFIG, SERVICE_HOST, Scope, kubeconfig
from antiphon_wire.cluster.access import ClusterAccess, KubeconfigAccess, pod_access
from antiphon_wire.environment import SettingError


class NoClusterError(Exception):
    """No cluster is named anywhere, or the one that is cannot be used; the message is one sentence."""


@dataclass(frozen=True)
class Connection:
    api: ApiServer
    context: str
    namespace: str | None
    """None: all."""

    @property
    def where(self) -> str:
        place = "all namespaces" if self.namespace is None else f"namespace {self.namespace}"
        return f"{place} of {self.context}"


@asynccontextmanager
async def connected(scope: Scope, environ: Mapping[str, str]) -> AsyncIterator[Connection]:
    # Imported late: the client package takes most of a second, and `--help` needs none.
    from antiphon_wire.cluster.connection import ConnectionConfigError, connect_by_name

    try:
        access = _access(scope, environ)
        cluster = await connect_by_name(access)
    except SettingError as error:
        raise NoClusterError(str(error)) from error
    except ConnectionConfigError as error:
        what = kubeconfig(environ) or "this pod's service account"
        raise NoClusterError(f"{what} cannot be used to reach a cluster: {error.why}") from error
    async with cluster.client as client:
        namespace = None if scope.all_namespaces else scope.namespace or cluster.namespace
        yield Connection(ApiServer(client, client.configuration.host), cluster.context, namespace)


def _access(scope: Scope, environ: Mapping[str, str]) -> ClusterAccess:
    files = kubeconfig(environ)
    if files:
        return KubeconfigAccess(Path(files), scope.context)
    if SERVICE_HOST in environ and scope.context is None:
        return pod_access(environ)
    named = environ.get(KUBECONFIG) or DEFAULT_KUBECONFIG
    raise NoClusterError(f"there is no kubeconfig at {named}. Set {KUBECONFIG} to one")
