"""Each deployable's image holds that deployable and what it needs, runs as nobody, and has nothing to build with."""

import json

import pytest

from real_kubernetes.cluster import Cluster, Manifest
from real_kubernetes.images import image

pytestmark = pytest.mark.kubelet

INSIDE = """
import importlib.metadata, json, os, shutil
names = [found.name for found in importlib.metadata.distributions()]
ours = [name for name in names if name.startswith("antiphon")]
tools = [name for name in ("cc", "gcc", "cargo", "uv", "make") if shutil.which(name)]
who = {"user": os.getuid(), "name": os.environ["USER"]}
print(json.dumps({**who, "ours": sorted(ours), "tools": tools, "av": "av" in names}))
"""
WITH_GPL_LIBRARIES = ("cli",)
"""PyAV holds x264 and x265: docs/decisions/0008-what-the-images-hold.md."""
# The restricted Pod Security profile, and a root file system that cannot be written.
SECURITY = {
    "runAsNonRoot": True,
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod(name: str, container: dict[str, object]) -> Manifest:
    main = {"name": "main", "imagePullPolicy": "IfNotPresent", "securityContext": SECURITY, **container}
    spec = {"containers": [main], "restartPolicy": "Never", "terminationGracePeriodSeconds": 1}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


@pytest.mark.parametrize(
    ("deployable", "holds"),
    [
        pytest.param("relay", ["antiphon-relay", "antiphon-wire"], id="the relay"),
        pytest.param("transceiver", ["antiphon-transceiver", "antiphon-wire"], id="the transceiver"),
        pytest.param("signaling", ["antiphon-signaling", "antiphon-wire"], id="signaling"),
        pytest.param("operator", ["antiphon-crds", "antiphon-operator", "antiphon-wire"], id="the operator"),
        pytest.param("cli", ["antiphon-cli", "antiphon-crds", "antiphon-wire"], id="the command line"),
        pytest.param("agent", [], id="the example agent, which needs nothing of ours"),
    ],
)
def test_an_image_holds_one_deployable(pod_cluster: Cluster, deployable: str, holds: list[str]) -> None:
    inspected = pod(f"inspect-{deployable}", {"image": image(deployable), "command": ["python", "-c", INSIDE]})
    pod_cluster.apply(inspected)
    try:
        pod_cluster.wait(f"pod/inspect-{deployable}", "jsonpath={.status.phase}=Succeeded")
        found = json.loads(pod_cluster.kubectl("logs", f"inspect-{deployable}"))
    finally:
        pod_cluster.delete(inspected)
    av = deployable in WITH_GPL_LIBRARIES
    assert found == {"user": 65532, "ours": holds, "tools": [], "name": "antiphon", "av": av}


@pytest.mark.parametrize("deployable", ["relay", "transceiver", "signaling", "operator"])
def test_a_deployable_without_settings_says_which_is_missing(pod_cluster: Cluster, deployable: str) -> None:
    bare = pod(f"bare-{deployable}", {"image": image(deployable)})
    pod_cluster.apply(bare)
    try:
        pod_cluster.wait(f"pod/bare-{deployable}", "jsonpath={.status.phase}=Failed")
        said = pod_cluster.kubectl("logs", f"bare-{deployable}")
        ended = ".status.containerStatuses[0].state.terminated.exitCode"
        assert pod_cluster.jsonpath("pod", f"bare-{deployable}", ended) == "2"
    finally:
        pod_cluster.delete(bare)
    assert "ANTIPHON_" in said
    assert len(said.splitlines()) == 1


def test_the_command_line_starts(pod_cluster: Cluster) -> None:
    version = pod("cli-version", {"image": image("cli"), "args": ["--help"]})
    pod_cluster.apply(version)
    try:
        pod_cluster.wait("pod/cli-version", "jsonpath={.status.phase}=Succeeded")
        assert "call" in pod_cluster.kubectl("logs", "cli-version")
    finally:
        pod_cluster.delete(version)


def test_the_example_agent_listens(pod_cluster: Cluster) -> None:
    probe = {"tcpSocket": {"port": 8765}, "periodSeconds": 1}
    agent = pod("agent", {"image": image("agent"), "readinessProbe": probe})
    pod_cluster.apply(agent)
    try:
        pod_cluster.wait("pod/agent", "condition=Ready")
    finally:
        pod_cluster.delete(agent)
