"""Relays go and come during calls, with the flow cache: the calls go on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployed_fleet import DeployedFleet, http_port, lost, until
from long_question import long_question

pytestmark = pytest.mark.kubelet


def delete_one(fleet: DeployedFleet) -> None:
    name = fleet.pods("relay")[0]["metadata"]["name"]
    fleet.kubectl("delete", "pod", name, "--wait=false")


def scale_up(fleet: DeployedFleet) -> None:
    fleet.patch("voicerelay", "edge", {"spec": {"workload": {"replicas": 3}}})


def scale_down(fleet: DeployedFleet) -> None:
    fleet.patch("voicerelay", "edge", {"spec": {"workload": {"replicas": 2}}})


def update(fleet: DeployedFleet) -> None:
    fleet.patch("voicerelay", "edge", {"spec": {"template": {"metadata": {"labels": {"release": "next"}}}}})


def settled(fleet: DeployedFleet) -> bool:
    """The relays are those that are wanted, and none of those before is left."""
    wanted, deployment = fleet.one("voicerelay", "edge")["spec"], fleet.one("deployment", "edge-relay")
    status, replicas = deployment["status"], wanted["workload"]["replicas"]
    pods = [pod["metadata"] for pod in fleet.get("pods", "-l", "app.kubernetes.io/component=relay")]
    return bool(
        deployment["spec"]["replicas"] == replicas
        and status.get("observedGeneration") == deployment["metadata"]["generation"]
        and status.get("replicas") == status.get("availableReplicas") == status.get("updatedReplicas") == replicas
        and [pod["labels"].get("release") for pod in pods] == [release(wanted)] * replicas
        and not any("deletionTimestamp" in pod for pod in pods)
    )


def release(spec: dict[str, Any]) -> str | None:
    """The label that `update` gives them."""
    label: str | None = spec["template"].get("metadata", {}).get("labels", {}).get("release")
    return label


@pytest.mark.parametrize(
    "change", [delete_one, scale_up, scale_down, update], ids=["deleted", "scaled up", "scaled down", "updated"]
)
async def test_relays_change_in_order_and_nothing_is_lost(
    fleet: DeployedFleet, change: Callable[[DeployedFleet], None]
) -> None:
    callers = await fleet.call(calls=6, stay=True, model="echo")
    await fleet.until_live(6, "mirrors")
    change(fleet)
    await until(lambda: settled(fleet), "the relays are as wanted", 120)
    reports = await callers.reports()
    print(f"\n{change.__name__}: {gaps(reports)}")
    assert {report["outcome"] for report in reports} == {"ok"}, reports
    assert lost(reports) == 0
    assert all(report["loss_up"] == 0 for report in reports), (
        f"upwards {[report['loss_up'] for report in reports]}, dropped by relay {drops(fleet)}"
    )


async def test_a_killed_relay_costs_a_gap_and_no_call(fleet: DeployedFleet, tmp_path: Path) -> None:
    callers = await fleet.call(calls=6, stay=True, model="echo", wav=long_question(tmp_path))
    await fleet.until_live(6, "mirrors")
    flows = flows_by_relay(fleet)
    pod = max(flows, key=lambda name: flows[name])
    assert flows[pod], flows
    fleet.kill(pod)

    def restarted() -> bool:
        states = fleet.one("pod", pod)["status"]["containerStatuses"]
        return bool(states[0]["restartCount"] == 1 and states[0]["ready"])

    await until(restarted, "the relay is back", 60)
    reports = await callers.reports()
    print(f"\nkilled: {gaps(reports)}, flows by relay {flows}")
    assert {report["outcome"] for report in reports} == {"ok"}, reports


def flows_by_relay(fleet: DeployedFleet) -> dict[str, int]:
    names = {pod["metadata"]["name"]: http_port(pod) for pod in fleet.pods("relay")}
    return {name: int(fleet.metric(name, port, "antiphon_relay_flows")) for name, port in names.items()}


def drops(fleet: DeployedFleet) -> dict[str, dict[str, float]]:
    """By relay, of those that are left, and by reason."""
    relays = {pod["metadata"]["name"]: http_port(pod) for pod in fleet.pods("relay")}
    by_relay = {
        name: fleet.samples(name, port, "antiphon_relay_dropped_packets_total") for name, port in relays.items()
    }
    return {name: {reason: count for reason, count in counts.items() if count} for name, counts in by_relay.items()}


def gaps(reports: list[dict[str, Any]]) -> str:
    worst = sorted((report["longest_gap_ms"] for report in reports), reverse=True)
    return f"{lost(reports)} packets lost of {len(reports)} calls, longest gaps {worst} ms"
