"""`kubectl drain` of a node waits for the calls on it."""

import asyncio

import pytest

from deployed_fleet import DeployedFleet, lost, until
from real_kubernetes.programs import program

pytestmark = pytest.mark.kubelet


async def test_a_node_is_drained_of_its_pods_when_their_calls_have_ended(fleet: DeployedFleet) -> None:
    callers = await fleet.call(calls=4, stay=True)
    await fleet.until_live(4)
    busy = {pod for pod, calls in fleet.live().items() if calls}
    node = next(pod["spec"]["nodeName"] for pod in fleet.pods("transceiver") if pod["metadata"]["name"] in busy)
    there = {pod["metadata"]["name"] for pod in fleet.pods("transceiver") if pod["spec"]["nodeName"] == node}
    drain = await asyncio.create_subprocess_exec(
        program("kubectl"), f"--kubeconfig={fleet.cluster.kubeconfig}", "drain", node, "--ignore-daemonsets",
        # The agent is not ours to move: a call ends with it.
        "--pod-selector=antiphon.dev/relay",
        "--delete-emptydir-data", "--timeout=180s", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        await until(lambda: all(fleet.blocks().get(pod) in ("Draining", "Lost") for pod in there), "its pods drain", 60)
        await until(lambda: not relays_on(fleet, node), "its relays have gone", 60)
        assert not has_ended(drain), "it waits for the calls"
        reports = await callers.reports()
        said, _ = await asyncio.wait_for(drain.communicate(), 180)
        assert drain.returncode == 0, said.decode()
        assert {report["outcome"] for report in reports} == {"ok"}, reports
        assert lost(reports) == 0
        assert all(pod["spec"]["nodeName"] != node for pod in fleet.pods("transceiver"))
        await until(lambda: list(fleet.blocks().values()).count("Active") == 2, "there are two pods elsewhere", 60)
    finally:
        if not has_ended(drain):
            drain.kill()
        fleet.cluster.kubectl("uncordon", node)
    fleet.ready()


def relays_on(fleet: DeployedFleet, node: str) -> int:
    pods = fleet.get("pods", "-l", "app.kubernetes.io/component=relay")
    return sum(pod["spec"].get("nodeName") == node for pod in pods)


def has_ended(process: asyncio.subprocess.Process) -> bool:
    return process.returncode is not None
