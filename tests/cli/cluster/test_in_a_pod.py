"""In a pod there is no kubeconfig: the service account's files, where the kubelet puts them, are enough."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from real_kubernetes.kwok import KwokCluster
from written_fleet import WrittenFleet, written_fleet

pytestmark = [pytest.mark.cluster, pytest.mark.namespaces]

MOUNTED = "/var/run/secrets/kubernetes.io/serviceaccount"
SEEN = "voicerelays,transceiverpools,routetables,pods,services,deployments.apps,daemonsets.apps,events"


@dataclass(frozen=True)
class Pod:
    """What a container of ours would see of its cluster, though it runs beside it."""

    folder: Path
    """The service account's files."""
    api_port: int

    async def runs(self, *arguments: str) -> tuple[int | None, str]:
        """The exit code and what was printed."""
        place = f"mount -t tmpfs none /run && mkdir -p {MOUNTED} && mount --bind {self.folder} {MOUNTED}"
        environ = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
        service = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(self.api_port)}
        process = await asyncio.create_subprocess_exec(
            *("unshare", "--mount", "--propagation=private", "sh", "-ec", f'{place}; exec "$@"', "sh"),
            *(sys.executable, "-m", "antiphon_cli", *arguments),
            env={**environ, **service, "HOME": str(self.folder)},
            cwd=self.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode, output.decode()


@pytest.fixture(scope="module")
def fleet(kwok_cluster: KwokCluster) -> Iterator[WrittenFleet]:
    kwok_cluster.add_node("pod-node")
    try:
        with written_fleet(kwok_cluster.control_plane.cluster) as fleet:
            account = f"--serviceaccount={fleet.namespace}:looker"
            fleet.run("create", "serviceaccount", "looker")
            fleet.run("create", "role", "looker", "--verb=list", f"--resource={SEEN}")
            fleet.run("create", "rolebinding", "looker", "--role=looker", account)
            yield fleet
    finally:
        kwok_cluster.remove_node("pod-node")


@pytest.fixture
def pod(fleet: WrittenFleet, kwok_cluster: KwokCluster, tmp_path: Path) -> Pod:
    plane = kwok_cluster.control_plane
    (tmp_path / "token").write_text(fleet.kubectl("create", "token", "looker"))
    (tmp_path / "ca.crt").write_text(plane.authority.read_text())
    (tmp_path / "namespace").write_text(fleet.namespace)
    return Pod(tmp_path, plane.ports.api)


async def test_status_and_doctor_look_at_the_pods_own_namespace(fleet: WrittenFleet, pod: Pod) -> None:
    _, told = await pod.runs("status")
    assert f"VoiceRelay {fleet.namespace}/edge   Ready   203.0.113.7:3478" in told
    _, told = await pod.runs("doctor", "--only", "AP203", "--only", "AP503")
    assert f"looking at namespace {fleet.namespace} of this pod's cluster" in told
    assert "2 checks, 0 failed, 0 warnings, 0 skipped" in told, told


async def test_a_pod_without_a_token_is_told_so(pod: Pod) -> None:
    (pod.folder / "token").unlink()
    code, told = await pod.runs("status")
    said = told.splitlines()[-1]
    assert (code, said.endswith(f"No such file or directory: '{MOUNTED}/token'")) == (1, True), told
    assert said.startswith("antiphon: this pod's service account cannot be used to reach a cluster: ")


async def test_a_token_that_is_not_taken_is_said(pod: Pod) -> None:
    (pod.folder / "token").write_text("expired")
    code, told = await pod.runs("status", "-o", "json")
    assert code == 1
    assert told.splitlines()[-1] == "antiphon: Unauthorized"


async def test_a_port_that_is_none_is_said_with_its_variable(pod: Pod) -> None:
    code, told = await Pod(pod.folder, 70_000).runs("doctor", "-o", "json")
    assert code == 1
    assert "KUBERNETES_SERVICE_PORT" in json.loads(told)["checks"][0]["message"]
