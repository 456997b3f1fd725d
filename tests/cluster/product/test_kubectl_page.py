"""docs/reference/kubectl-in-service.md shows what kubectl prints of a fleet that has a call."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from custom_resources import Namespace
from deployed_fleet import ROOT, DeployedFleet, deployed_fleet, until
from kubectl_page import commands, masked, runner, written_anew
from real_kubernetes.real_cluster import RealCluster

pytestmark = pytest.mark.kubelet

PAGE = ROOT / "docs" / "reference" / "kubectl-in-service.md"
WRITE = "ANTIPHON_WRITE_PAGES"
SHOWN = {"TransceiverPool": {"drain": {"deadlineSeconds": 120}}}
"""As the page has it, and not as calls that stay in other tests need it."""


@pytest.fixture
async def fresh(release: RealCluster) -> AsyncIterator[DeployedFleet]:
    """A fleet without a history."""
    with deployed_fleet(release, "captured", SHOWN) as deployed:
        try:
            yield deployed
        finally:
            await deployed.hang_up()


async def test_kubectl_prints_what_the_page_shows(fresh: DeployedFleet, tmp_path: Path) -> None:
    await fresh.call(stay=True)
    await until(lambda: seen_calls(fresh) == 1, "the call is in both statuses", 90)

    shown = PAGE.read_text()
    assert len(commands(shown)) > 8
    run = runner(Namespace(fresh.cluster, fresh.namespace), tmp_path)
    captured = await asyncio.to_thread(written_anew, shown, run)
    if os.environ.get(WRITE):
        PAGE.write_text(captured)
    assert masked(captured) == masked(shown), f"stale: run this test with {WRITE}=1"


def seen_calls(fleet: DeployedFleet) -> int:
    """As both resources say it, and the labels of the pods."""
    resources = (("voicerelay", "edge"), ("transceiverpool", "agents"))
    said = [int(fleet.one(kind, name)["status"].get("calls", 0)) for kind, name in resources]
    return min(*said, len(fleet.get("pods", "-l", "antiphon.dev/busy=true")))
