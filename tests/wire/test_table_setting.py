"""Where the route table comes from is said by exactly one of two variables."""

from pathlib import Path

import pytest

from antiphon_wire.cluster.access import KubeconfigAccess, PodAccess, cluster_access
from antiphon_wire.environment import SettingError
from antiphon_wire.table_setting import ClusterTable, TableFile, table_setting

POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


def test_a_file_or_a_clusters_tables() -> None:
    assert table_setting({"ANTIPHON_ROUTES_FILE": "/run/routes.json"}) == TableFile(Path("/run/routes.json"))
    variables = {"ANTIPHON_ROUTE_TABLES": "voice/edge", "ANTIPHON_ROUTES_CACHE": "/cache/routes.json"}
    assert table_setting(variables | POD) == ClusterTable(
        "voice", "edge", PodAccess("https://10.96.0.1:443"), Path("/cache/routes.json")
    )


def test_a_kubeconfig_goes_before_what_a_pod_has() -> None:
    assert cluster_access(POD | {"KUBECONFIG": "/home/me/config"}) == KubeconfigAccess(Path("/home/me/config"))


def test_an_ipv6_server_stands_in_brackets() -> None:
    assert cluster_access(POD | {"KUBERNETES_SERVICE_HOST": "fd00::1"}) == PodAccess("https://[fd00::1]:443")


@pytest.mark.parametrize(
    ("variables", "names", "says"),
    [
        ({}, "ANTIPHON_ROUTES_FILE", "is required, or ANTIPHON_ROUTE_TABLES in a cluster"),
        (POD, "ANTIPHON_ROUTES_FILE", "is required"),
        (
            {"ANTIPHON_ROUTES_FILE": "/r", "ANTIPHON_ROUTE_TABLES": "voice/edge"} | POD,
            "ANTIPHON_ROUTE_TABLES",
            "must not be set beside ANTIPHON_ROUTES_FILE",
        ),
        ({"ANTIPHON_ROUTE_TABLES": "edge"} | POD, "ANTIPHON_ROUTE_TABLES", "a namespace and a VoiceRelay, not 'edge'"),
        ({"ANTIPHON_ROUTE_TABLES": "voice/"} | POD, "ANTIPHON_ROUTE_TABLES", "a namespace and a VoiceRelay"),
        ({"ANTIPHON_ROUTE_TABLES": "a/b/c"} | POD, "ANTIPHON_ROUTE_TABLES", "a namespace and a VoiceRelay"),
        ({"ANTIPHON_ROUTE_TABLES": "voice/edge"}, "KUBECONFIG", "is required outside of a pod"),
        ({"ANTIPHON_ROUTES_FILE": "/r", "ANTIPHON_ROUTES_CACHE": "/c"}, "ANTIPHON_ROUTES_CACHE", "is of no use"),
    ],
)
def test_anything_else_is_said_in_one_line(variables: dict[str, str], names: str, says: str) -> None:
    with pytest.raises(SettingError, match=says) as wrong:
        table_setting(variables)
    assert wrong.value.name == names
