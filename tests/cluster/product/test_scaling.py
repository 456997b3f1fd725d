"""The number of pods changes during calls, and no call notices."""

import pytest

from deployed_fleet import DeployedFleet, lost, until
from real_kubernetes.cluster import KubectlError

pytestmark = pytest.mark.kubelet

BUSY = "antiphon.dev/busy=true,antiphon.dev/pool=agents"


def scale(fleet: DeployedFleet, replicas: int) -> None:
    fleet.kubectl("scale", "transceiverpool/agents", f"--replicas={replicas}")


async def available(fleet: DeployedFleet, replicas: int) -> None:
    def is_so() -> bool:
        status = fleet.one("transceiverpool", "agents")["status"]
        return bool(status.get("availableReplicas") == replicas and len(fleet.pods("transceiver")) == replicas)

    await until(is_so, f"{replicas} pods are available", 90)


async def test_one_to_three_to_one_cuts_no_call_and_the_emptiest_goes_first(fleet: DeployedFleet) -> None:
    scale(fleet, 1)
    await available(fleet, 1)
    callers = await fleet.call(calls=3, stay=True)
    await fleet.until_live(3)
    (busiest,) = (pod for pod, calls in fleet.live().items() if calls)

    scale(fleet, 3)
    await available(fleet, 3)
    one_more = await fleet.call(stay=True)
    await fleet.until_live(4)
    empty = {pod for pod, calls in fleet.live().items() if calls == 0}
    assert empty, "a new call goes to one of the new pods, and the other one stays empty"
    # The operator asks the pods every other second.
    await until(lambda: len(fleet.get("pods", "-l", BUSY)) == 2, "it knows which pods have calls", 30)

    scale(fleet, 2)
    await until(lambda: len(fleet.pods("transceiver")) == 2, "one pod is going", 30)
    assert not empty & {pod["metadata"]["name"] for pod in fleet.pods("transceiver")}, "an empty one goes"

    scale(fleet, 1)
    await until(lambda: len(fleet.pods("transceiver")) == 1, "another pod is going", 30)
    assert [pod["metadata"]["name"] for pod in fleet.pods("transceiver")] == [busiest], "the emptier one goes"

    reports = [*await callers.reports(), *await one_more.reports()]
    assert {report["outcome"] for report in reports} == {"ok"}, reports
    assert lost(reports) == 0
    await available(fleet, 1)
    scale(fleet, 2)
    await available(fleet, 2)


async def test_free_capacity_adds_pods_and_refuses_a_second_scaler(fleet: DeployedFleet) -> None:
    scaling = {"mode": "FreeCapacity", "freeCapacity": {"target": 8, "minReplicas": 1, "maxReplicas": 3,
                                                        "scaleDownStabilizationSeconds": 5}}  # fmt: skip
    scale(fleet, 1)
    fleet.patch("transceiverpool", "agents", {"spec": {"scaling": scaling}})
    try:
        with pytest.raises(KubectlError, match=r"scaling\.mode"):
            scale(fleet, 3)
        await available(fleet, 1)
        callers = await fleet.call(calls=4, stay=True)
        await available(fleet, 2)
        reports = await callers.reports()
        assert {report["outcome"] for report in reports} == {"ok"}
        await available(fleet, 1)
    finally:
        fleet.patch("transceiverpool", "agents", {"spec": {"scaling": {"mode": "Fixed", "freeCapacity": None}}})
        scale(fleet, 2)
    await available(fleet, 2)


async def test_a_new_revision_replaces_the_pods_and_cuts_no_call(fleet: DeployedFleet) -> None:
    before = {pod["metadata"]["name"] for pod in fleet.pods("transceiver")}
    callers = await fleet.call(calls=4, stay=True)
    await fleet.until_live(4)
    # Another image would do the same: the pod that the pool makes is another one.
    fleet.patch("transceiverpool", "agents", {"spec": {"template": {"metadata": {"labels": {"release": "next"}}}}})

    def replaced() -> bool:
        now = {pod["metadata"]["name"] for pod in fleet.pods("transceiver")}
        return len(now) == 2 and not now & before

    await until(replaced, "every pod is of the new revision", 120)
    reports = await callers.reports()
    assert {report["outcome"] for report in reports} == {"ok"}, reports
    assert lost(reports) == 0
    (after,) = await (await fleet.call()).reports()
    assert after["outcome"] == "ok"
