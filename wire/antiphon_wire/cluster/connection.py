"""The connection to the API server, with the official client."""

from typing import Final

from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException, load_kube_config
from yaml import YAMLError

from antiphon_wire.cluster.access import ClusterAccess, KubeconfigAccess, PodAccess

# The client checks little of what it reads.
_WRONG: Final = (ConfigException, OSError, ValueError, TypeError, AttributeError, LookupError, YAMLError)


class ConnectionConfigError(ValueError):
    """A kubeconfig or a pod's credentials that nothing can be made of."""


async def connect(access: ClusterAccess) -> ApiClient:
    """A client that the caller closes; nothing is asked of the server yet. Raises ConnectionConfigError."""
    configuration = Configuration()
    try:
        match access:
            case KubeconfigAccess(path):
                await load_kube_config(  # type: ignore[no-untyped-call]
                    config_file=str(path), client_configuration=configuration, persist_config=False
                )
            case PodAccess():
                _configure(configuration, access)
        client = ApiClient(configuration)
    except _WRONG as error:
        raise ConnectionConfigError(f"cannot be used ({error})") from error
    # For whoever reads the audit log.
    client.user_agent = "antiphon"
    return client


def _configure(configuration: Configuration, access: PodAccess) -> None:
    def read_token(configuration: Configuration) -> None:
        configuration.api_key["BearerToken"] = f"Bearer {access.token_file.read_text(encoding='ascii').strip()}"

    configuration.host = access.server
    configuration.ssl_ca_cert = str(access.ca_file)
    # The client asks before every request.
    configuration.refresh_api_key_hook = read_token  # type: ignore[assignment]
    read_token(configuration)
