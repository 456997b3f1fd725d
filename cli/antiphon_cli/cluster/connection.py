"""Which cluster is meant, and the way to it: a context of the kubeconfig, or the pod's own service account."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from antiphon_cli.cluster.api_server import ApiServer
from antiphon_cli.cluster.scope import DEFAULT_KUBECONFIG, KUBECONFIG, SERVICE_HOST, Scope, kubeconfig
from antiphon_wire.cluster.access import cluster_access

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


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
    way = await _way(scope, environ)
    async with way.client as client:
        namespace = None if scope.all_namespaces else scope.namespace or way.namespace
        yield Connection(ApiServer(client, client.configuration.host), way.context, namespace)


@dataclass(frozen=True)
class _Way:
    client: ApiClient
    context: str
    namespace: str


async def _way(scope: Scope, environ: Mapping[str, str]) -> _Way:
    from kubernetes.aio.config import ConfigException

    files = kubeconfig(environ)
    try:
        if files:
            return await _from_kubeconfig(files, scope.context)
        if SERVICE_HOST in environ and scope.context is None:
            return await _from_service_account(environ)
    except (ConfigException, OSError, ValueError, KeyError, TypeError) as error:
        raise NoClusterError(f"{files or 'this pod'} cannot be used to reach a cluster: {error}") from error
    named = environ.get(KUBECONFIG) or DEFAULT_KUBECONFIG
    raise NoClusterError(f"there is no kubeconfig at {named}. Set {KUBECONFIG} to one")


async def _from_kubeconfig(files: str, context: str | None) -> _Way:
    from kubernetes.aio.client import ApiClient, Configuration
    from kubernetes.aio.config import load_kube_config

    configuration = Configuration()
    loader = await load_kube_config(  # type: ignore[no-untyped-call] # of the library
        config_file=files, context=context, client_configuration=configuration, persist_config=False
    )
    chosen = loader.current_context
    namespace = chosen["context"].get("namespace") or "default"
    return _Way(ApiClient(configuration), str(chosen["name"]), str(namespace))


async def _from_service_account(environ: Mapping[str, str]) -> _Way:
    from antiphon_wire.cluster.connection import connect

    client = await connect(cluster_access({key: environ[key] for key in environ if key != KUBECONFIG}))
    return _Way(client, "this pod's cluster", (SERVICE_ACCOUNT / "namespace").read_text().strip())
