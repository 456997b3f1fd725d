"""What breaks while calls go on, and what comes back by itself."""

import asyncio
import json
import time
from datetime import UTC, datetime

import pytest

from deployed_fleet import OPERATOR_NAMESPACE, DeployedFleet, lost, until

pytestmark = pytest.mark.kubelet

AWAY_S = 60
"""How long the operator and the API server are away."""


async def test_a_transceiver_deleted_by_force_leaves_the_tables_and_is_replaced(fleet: DeployedFleet) -> None:
    name = fleet.pods("transceiver")[0]["metadata"]["name"]
    fleet.kubectl("delete", "pod", name, "--force", "--grace-period=0")
    took_s = await until(lambda: fleet.blocks().get(name) == "Lost", "its block is lost", 10, every_s=0.05)
    print(f"\nforced deletion to Lost in the table: {took_s:.2f} s")
    assert took_s < 2

    def replaced() -> bool:
        states = fleet.blocks()
        return sum(state == "Active" for state in states.values()) == 2

    await until(replaced, "another pod takes its place", 60)
    reports = await (await fleet.call(calls=4)).reports()
    assert {report["outcome"] for report in reports} == {"ok"}, "no new call is sent to the lost pod"


async def test_calls_and_new_calls_do_without_the_operator(fleet: DeployedFleet) -> None:
    operator = ("-n", OPERATOR_NAMESPACE, "deployment/antiphon-operator")
    replicas = fleet.cluster.kubectl("get", *operator, "-o", "jsonpath={.spec.replicas}")
    callers = await fleet.call(calls=2, stay=True)
    await fleet.until_live(2)
    fleet.cluster.kubectl("scale", *operator, "--replicas=0")
    try:
        await asyncio.sleep(AWAY_S / 2)
        (new,) = await (await fleet.call()).reports()
        await asyncio.sleep(AWAY_S / 2)
        reports = await callers.reports()
    finally:
        fleet.cluster.kubectl("scale", *operator, f"--replicas={replicas}")
        fleet.cluster.kubectl("rollout", "status", *operator, "--timeout=60s", timeout_s=70)
    assert new["outcome"] == "ok", new
    assert {report["outcome"] for report in reports} == {"ok"}, reports
    assert lost(reports) == 0


async def test_keys_rotate_twice_during_a_call(fleet: DeployedFleet) -> None:
    """Before the API server is away: afterwards a kubelet may take minutes to see a changed Secret."""
    fleet.patch("voicerelay", "edge", {"spec": {"keys": {"publishLeadSeconds": 15}}})
    callers = await fleet.call(calls=2, stay=True)
    await fleet.until_live(2)
    first = key_ids(fleet)
    for turn in range(2):
        await rotated(fleet, str(turn))
        (new,) = await (await fleet.call()).reports()
        assert new["outcome"] == "ok", new
    assert len(key_ids(fleet) - first) == 2
    reports = await callers.reports()
    assert {report["outcome"] for report in reports} == {"ok"}, reports
    assert lost(reports) == 0


async def rotated(fleet: DeployedFleet, request: str) -> None:
    """Asked for by annotation; returns when the new key is the one of new tickets."""
    before = key_ids(fleet)
    fleet.kubectl("annotate", "--overwrite", "voicerelay/edge", f"antiphon.dev/rotate-keys={request}")
    await until(lambda: bool(key_ids(fleet) - before), "a new key is published", 20)
    await until(lambda: minting(fleet) not in before, "the new key is the one that mints", 40)


def ring(fleet: DeployedFleet) -> list[dict[str, str]]:
    document = fleet.kubectl(
        "get", "secret", "edge-keys", "-o", 'go-template={{index .data "keys.json" | base64decode}}'
    )
    return list(json.loads(document)["keys"])


def key_ids(fleet: DeployedFleet) -> set[str]:
    return {key["id"] for key in ring(fleet)}


def minting(fleet: DeployedFleet) -> str:
    """The key of new tickets: the youngest that may be used."""
    now = datetime.now(UTC).isoformat()
    usable = [key for key in ring(fleet) if key["mint_from"] <= now < key["mint_until"]]
    return max(usable, key=lambda key: key["mint_from"])["id"]


async def test_calls_and_new_calls_do_without_the_api_server(fleet: DeployedFleet) -> None:
    url = fleet.url
    callers = await fleet.call(calls=2, stay=True)
    await fleet.until_live(2)
    fleet.real.control_plane.stop_api_server()
    try:
        await asyncio.sleep(AWAY_S / 2)
        (new,) = await (await fleet.call(url=url)).reports()
        await asyncio.sleep(AWAY_S / 2)
        reports = await callers.reports()
    finally:
        fleet.real.control_plane.start_api_server()
    back_s = time.monotonic()
    assert new["outcome"] == "ok", new
    assert {report["outcome"] for report in reports} == {"ok"}, reports
    assert lost(reports) == 0
    fleet.ready()
    # What changes afterwards is seen again: at once by what is ours, by the nodes when their own programs do.
    fleet.kubectl("scale", "transceiverpool/agents", "--replicas=3")
    await until(lambda: len(fleet.pods("transceiver")) == 3, "the operator makes a third pod", 30)
    await fleet.until_all_follow()
    await fleet.until_nodes_follow()
    print(f"\nnew pods ran on every node {time.monotonic() - back_s:.0f} s after the API server was back")
    await until(lambda: list(fleet.blocks().values()).count("Active") == 3, "the third pod has its routes", 60)
    fleet.kubectl("scale", "transceiverpool/agents", "--replicas=2")
    await until(lambda: len(fleet.pods("transceiver")) == 2, "two pods are left", 60)
    await fleet.until_all_follow()


async def test_a_deleted_resource_leaves_nothing(fleet: DeployedFleet) -> None:
    """Without finalizers, so that a namespace ends also where no operator runs."""
    for resource in ("voicerelay/edge", "transceiverpool/agents"):
        assert fleet.kubectl("get", resource, "-o", "jsonpath={.metadata.finalizers}") == ""
    for kind in ("pods", "services", "secrets", "routetables", "deployments"):
        owned = fleet.get(kind, "-l", "app.kubernetes.io/managed-by=antiphon-operator")
        assert owned or kind == "deployments"
        assert all("finalizers" not in item["metadata"] or kind == "services" for item in owned), kind
