"""The connection to the API server, with the official client."""

from dataclasses import dataclass
from typing import Final

from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException, load_kube_config
from yaml import YAMLError

from antiphon_wire.cluster.access import ClusterAccess, KubeconfigAccess, PodAccess

# The client checks little of what it reads.
_WRONG: Final = (ConfigException, OSError, ValueError, TypeError, AttributeError, LookupError, YAMLError)


class ConnectionConfigError(ValueError):
    """A kubeconfig or a pod's credentials that nothing can be made of."""

    def __init__(self, why: str) -> None:
        super().__init__(f"cannot be used ({why})")
        self.why = why


@dataclass(frozen=True)
class NamedCluster:
    client: ApiClient
    context: str
    """What people call it."""
    namespace: str
    """Where things are when nobody says where."""


async def connect(access: ClusterAccess) -> ApiClient:
    """A client that the caller closes; nothing is asked of the server yet. Raises ConnectionConfigError."""
    return (await connect_by_name(access)).client


async def connect_by_name(access: ClusterAccess) -> NamedCluster:
    """The same, for who has to tell people which cluster it is."""
    configuration = Configuration()
    try:
        match access:
            case KubeconfigAccess():
                context, namespace = await _from_kubeconfig(configuration, access)
            case PodAccess():
                context, namespace = _from_pod(configuration, access)
        client = ApiClient(configuration)
    except _WRONG as error:
        raise ConnectionConfigError(str(error)) from error
    # For whoever reads the audit log.
    client.user_agent = "antiphon"
    return NamedCluster(client, context, namespace)


async def _from_kubeconfig(configuration: Configuration, access: KubeconfigAccess) -> tuple[str, str]:
    loader = await load_kube_config(  # type: ignore[no-untyped-call]
        config_file=str(access.path),
        context=access.context,
        client_configuration=configuration,
        persist_config=False,
    )
    chosen = loader.current_context
    return str(chosen["name"]), str(chosen["context"].get("namespace") or "default")


def _from_pod(configuration: Configuration, access: PodAccess) -> tuple[str, str]:
    def read_token(configuration: Configuration) -> None:
        configuration.api_key["BearerToken"] = f"Bearer {access.token_file.read_text(encoding='ascii').strip()}"

    configuration.host = access.server
    configuration.ssl_ca_cert = str(access.ca_file)
    # The client asks before every request.
    configuration.refresh_api_key_hook = read_token  # type: ignore[assignment]
    read_token(configuration)
    # Not in every projected volume: only people need it.
    named = access.namespace_file.is_file()
    return "this pod's cluster", access.namespace_file.read_text(encoding="ascii").strip() if named else "default"
