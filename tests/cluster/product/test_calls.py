"""Two resources are applied, and callers outside the cluster talk to the agent in it."""

from pathlib import Path

import pytest

from browser import caller, chromium_within
from deployed_fleet import OPERATOR_NAMESPACE, DeployedFleet, helm, values
from voices import voice

pytestmark = pytest.mark.kubelet


async def test_a_call_goes_through_the_udp_service_and_back(fleet: DeployedFleet) -> None:
    (report,) = await (await fleet.call()).reports()
    assert report["outcome"] == "ok", report
    assert report["candidate"] == fleet.vip
    assert report["turns"]


async def test_a_browser_talks_through_the_udp_service(fleet: DeployedFleet, tmp_path: Path) -> None:
    program = chromium_within(fleet.real.outside.enter, tmp_path / "chromium")
    flags = (f"--unsafely-treat-insecure-origin-as-secure={fleet.url}",)
    async with caller(fleet.url, voice("river").path, flags, program) as browser:
        await browser.talk()
        await browser.connected()
        stats = await browser.until(lambda stats: stats.inbound.get("packetsReceived", 0) > 100, 30)
        remote = [row for row in stats.of("remote-candidate") if row.get("ip")]
        assert {f"{row['ip']}:{row['port']}" for row in remote} == {fleet.vip}


def test_helm_test_makes_a_call_through_the_vip(fleet: DeployedFleet) -> None:
    helm(fleet.real, "upgrade", "antiphon", "charts/antiphon", "-n", OPERATOR_NAMESPACE, "--wait",
         *values(**{"test.voiceRelay": f"{fleet.namespace}/edge"}))  # fmt: skip
    said = helm(fleet.real, "test", "antiphon", "-n", OPERATOR_NAMESPACE, "--logs")
    assert "Succeeded" in said
    assert fleet.vip in said


def test_every_pod_runs_under_the_restricted_standard(fleet: DeployedFleet) -> None:
    labels = fleet.cluster.jsonpath("namespace", fleet.namespace, ".metadata.labels")
    assert "restricted" in labels
    assert {pod["metadata"]["labels"].get("app.kubernetes.io/component", "other") for pod in fleet.get("pods")} >= {
        "relay",
        "signaling",
        "transceiver",
    }
