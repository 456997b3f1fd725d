"""Callers reach relays without a load balancer too: at a port of the nodes, and at the nodes themselves."""

from pathlib import Path

import pytest

from deployed_fleet import PRIVILEGED, DeployedFleet, deployed_fleet, lost, until
from long_question import long_question
from real_kubernetes.real_cluster import RealCluster

pytestmark = pytest.mark.kubelet


async def test_a_call_goes_through_a_port_of_the_nodes(release: RealCluster) -> None:
    nodes = [node.address for node in release.nodes]
    exposure = {"type": "NodePort", "port": 30478}
    changes = {"VoiceRelay": {"exposure": exposure, "publicAddresses": [{"ip": address} for address in nodes]}}
    with deployed_fleet(release, "by-node-port", changes) as fleet:
        report = await one_call(fleet)
        assert report["candidate"] in {f"{address}:30478" for address in nodes}


async def test_a_call_goes_to_relays_on_the_nodes_own_network(release: RealCluster, tmp_path: Path) -> None:
    nodes = [node.address for node in release.nodes]
    changes = {
        "VoiceRelay": {
            "workload": {"kind": "DaemonSet", "replicas": None},
            "exposure": {"type": "HostNetwork", "port": 3480},
            "publicAddresses": [{"ip": address} for address in nodes],
        }
    }
    with deployed_fleet(release, "on-nodes", changes, PRIVILEGED) as fleet:
        relays = fleet.pods("relay")
        assert {pod["status"]["podIP"] for pod in relays} == set(nodes), "one relay on each node, at its address"
        report = await one_call(fleet)
        assert report["candidate"] in {f"{address}:3480" for address in nodes}

        # A relay's successor takes the call over at the same address; between the two nobody is there.
        callers = await fleet.call(stay=True, model="echo", wav=long_question(tmp_path))
        await fleet.until_live(1, "mirrors")
        before = {pod["metadata"]["uid"] for pod in relays}
        fleet.kubectl("rollout", "restart", "daemonset/edge-relay")
        fleet.kubectl("rollout", "status", "daemonset/edge-relay", "--timeout=90s", timeout_s=100)
        await until(
            lambda: not before & {pod["metadata"]["uid"] for pod in fleet.pods("relay")}, "other relays run", 60
        )
        (outlived,) = await callers.reports()
        assert outlived["outcome"] == "ok", outlived
        print(f"relays on host network, each restarted once: {lost([outlived])} lost, {outlived['longest_gap_ms']} ms")


async def one_call(fleet: DeployedFleet) -> dict[str, object]:
    (report,) = await (await fleet.call()).reports()
    assert report["outcome"] == "ok", report
    assert report["turns"]
    return report
