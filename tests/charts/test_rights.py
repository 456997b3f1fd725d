"""The rights that the chart gives are the rights that the operator uses, as the API server's audit log has it."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from chart import NAMESPACE, ROOT, objects, template
from installed_operator import USER, installed_operator
from real_kubernetes.audit_log import Request
from real_kubernetes.control_plane import ControlPlane, control_plane
from real_kubernetes.run_folder import run_folder

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

EXAMPLE = str(ROOT / "examples" / "kubernetes" / "voice.yaml")
DONE_S = 60.0


APPLIED = "server-side apply of an object that is not there asks for it too, and is a patch in the log"
ABSENT = "this cluster lacks the kind"
NO_KUBELET = "no pod runs here; the tests with a node use it"
NOT_USED = {
    ("", "pods", "get"): "only where the name of a pod is taken, which holds a number that was drawn",
    ("", "pods", "patch"): NO_KUBELET,
    ("", "pods/status", "patch"): NO_KUBELET,
    ("", "services", "create"): APPLIED,
    ("", "serviceaccounts", "create"): APPLIED,
    ("apps", "deployments", "create"): APPLIED,
    ("apps", "daemonsets", "create"): APPLIED,
    ("networking.k8s.io", "networkpolicies", "create"): APPLIED,
    ("policy", "poddisruptionbudgets", "create"): APPLIED,
    ("rbac.authorization.k8s.io", "roles", "create"): APPLIED,
    ("rbac.authorization.k8s.io", "rolebindings", "create"): APPLIED,
    ("monitoring.coreos.com", "servicemonitors", "get"): ABSENT,
    ("monitoring.coreos.com", "servicemonitors", "list"): ABSENT,
    ("monitoring.coreos.com", "servicemonitors", "watch"): ABSENT,
    ("monitoring.coreos.com", "servicemonitors", "create"): ABSENT,
    ("monitoring.coreos.com", "servicemonitors", "patch"): ABSENT,
}
ON_NODES = {"spec": {"workload": {"kind": "DaemonSet"}, "exposure": {"type": "HostNetwork"}}}
A_DEPLOYMENT = {"spec": {"workload": {"kind": "Deployment"}}}


async def until(plane: ControlPlane, verb: str, resource: str) -> None:
    """Until the operator has made such a request with success."""
    async with asyncio.timeout(DONE_S):
        while (verb, resource) not in {(asked.verb, asked.resource) for asked in answered(plane)}:
            await asyncio.sleep(0.2)


def answered(plane: ControlPlane) -> list[Request]:
    return [asked for asked in plane.audit.requests(USER) if asked.status != 403]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlPlane]:
    """After the life of a fleet on a control plane without nodes: made, changed, meddled with, and deleted."""
    folder: Path = tmp_path_factory.mktemp("rights")
    with run_folder("rights") as place, control_plane(place) as plane:
        kubectl = plane.cluster.kubectl
        plane.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        async with installed_operator(plane.cluster, folder):
            kubectl("apply", "-f", EXAMPLE)
            await until(plane, "create", "pods")
            kubectl("scale", "transceiverpool/agents", "--replicas=1")
            await until(plane, "delete", "pods")
            kubectl("label", "secret", "edge-keys", "app.kubernetes.io/component-")
            await until(plane, "update", "secrets")
            for lost in ("secret/edge-control", "routetable/edge-0"):
                kubectl("label", lost, "app.kubernetes.io/managed-by-")
            for resource in ("secrets", "routetables"):
                await until(plane, "patch", resource)
            kubectl("patch", "voicerelay", "edge", "--type=merge", "-p", json.dumps(ON_NODES))
            for resource in ("services", "networkpolicies", "poddisruptionbudgets", "deployments"):
                await until(plane, "delete", resource)
            kubectl("patch", "voicerelay", "edge", "--type=merge", "-p", json.dumps(A_DEPLOYMENT))
            await until(plane, "delete", "daemonsets")
            kubectl("delete", "-f", EXAMPLE)
        yield plane


async def test_nothing_that_the_operator_asks_is_forbidden(plane: ControlPlane) -> None:
    assert not [asked for asked in plane.audit.requests(USER) if asked.status == 403]


async def test_what_is_granted_is_used_or_has_a_reason(plane: ControlPlane) -> None:
    used = {(asked.group, asked.resource, asked.verb) for asked in answered(plane)}
    assert granted() - used == NOT_USED.keys()


def granted() -> set[tuple[str, str, str]]:
    roles = [item for item in objects(template()) if item["kind"] in ("Role", "ClusterRole")]
    return {
        (group, resource, verb)
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
