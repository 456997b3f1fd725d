"""`antiphon status` of a cluster: a fleet as the operator writes it, on a real API server."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from antiphon_cli.local.addresses import default_route_address
from real_kubernetes.kwok import KwokCluster
from real_kubernetes.pki import Identity
from written_fleet import WrittenFleet, block, transceiver, written_fleet

pytestmark = pytest.mark.cluster

EXPOSITION = """\
# HELP antiphon_transceiver_calls_live Calls that are live
antiphon_transceiver_calls_live 3.0
antiphon_transceiver_calls_capacity 60.0
antiphon_transceiver_calls_free 57.0
antiphon_transceiver_draining 0.0
"""


@pytest.fixture(scope="module")
def fleet(kwok_cluster: KwokCluster) -> Iterator[WrittenFleet]:
    kwok_cluster.add_node("status-node")
    try:
        with written_fleet(kwok_cluster.control_plane.cluster) as fleet:
            # Simulated pods answer nobody; one that serves is written by the test that asks it.
            fleet.run("delete", "pods", "-l", "antiphon.dev/pool", "--grace-period=0")
            fleet.write_table(blocks=[])
            yield fleet
    finally:
        kwok_cluster.remove_node("status-node")


async def status(kubeconfig: Path, *arguments: str, folder: Path | None = None) -> tuple[int | None, str]:
    """Its exit code and what it printed."""
    environ = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "antiphon_cli", "status", *arguments),
        env=environ,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, output.decode()


@asynccontextmanager
async def metrics_server() -> AsyncIterator[int]:
    """A pod's own HTTP server, on this machine's address."""

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(text=EXPOSITION)

    application = web.Application()
    application.router.add_get("/metrics", metrics)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, default_route_address(), 0).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def test_a_fleet_is_shown_with_its_pods_own_figures(fleet: WrittenFleet) -> None:
    async with metrics_server() as port:
        fleet.write_pod_here(transceiver("agents-00000008", 8, port=port))
        fleet.write_table(blocks=[block(8, "agents-00000008")])
        code, told = await status(fleet.cluster.kubeconfig, "-n", fleet.namespace)
    name = fleet.namespace
    assert f"Operator {name}-operator/antiphon-operator   1/1 pods   antiphon-operator-x leads" in told
    assert f"VoiceRelay {name}/edge   Ready   203.0.113.7:3478   relays 2/2   calls 5   key epoch 7" in told
    assert f"TransceiverPool {name}/agents   Ready   2 pods (want 2)   calls 5   free 115 of 120" in told
    assert "backend ws://agent.voice:8080/v1/realtime   Well" in told
    assert "agents-00000008   ready   routes 0x00000008   fake-0   3/60 calls" in told.replace("status-node", "fake-0")
    assert "Wrong:" not in told
    assert code == 0, told


async def test_what_is_wrong_is_named_with_where_to_look(fleet: WrittenFleet) -> None:
    message = "the load balancer gave no address; set spec.publicAddresses"
    fleet.write_relay_status(AddressAssigned=("False", "AddressRequired", message), Stalled=("True", "X", "act"))
    try:
        code, told = await status(fleet.cluster.kubeconfig, "-n", fleet.namespace)
    finally:
        fleet.write_relay_status()
    assert code == 1
    assert f"VoiceRelay {fleet.namespace}/edge   Not ready (AddressRequired)" in told
    assert f"VoiceRelay {fleet.namespace}/edge: AddressAssigned is False (AddressRequired): {message}" in told
    assert f"look: kubectl -n {fleet.namespace} describe vrelay edge" in told
    assert "Stalled is True (X): act" in told
    assert f"doctor -n {fleet.namespace}" in told


async def test_what_only_informs_is_told_and_all_is_well(fleet: WrittenFleet) -> None:
    fleet.write_pool_status(
        CapacityAvailable=("False", "Full", "no call is free"),
        Ready=("True", "Serving", "2 pods"),
        ScalingLimited=("True", "AtMinReplicas", "fewer would do"),
        Updated=("False", "RollingOut", "1 of 2"),
    )
    try:
        document = await told_to_programs(fleet)
    finally:
        fleet.write_pool_status()
    said = [ailment["message"] for ailment in document["wrong"]]
    assert (document["ok"], said) == (True, ["CapacityAvailable is False (Full): no call is free"])


async def test_a_drain_is_shown_with_its_deadline(fleet: WrittenFleet) -> None:
    name = "agents-00000030"
    pod = transceiver(name, 48)
    metadata = pod["metadata"]
    assert isinstance(metadata, dict)
    fleet.write_pod_here({**pod, "metadata": {**metadata, "finalizers": ["test.antiphon.dev/hold"]}})
    fleet.run("delete", "pod", name, "--wait=false", "--grace-period=900")
    try:
        document = await told_to_programs(fleet)
    finally:
        fleet.patch("pod", name, {"metadata": {"finalizers": None}})
    (row,) = [row for row in document["voiceRelays"][0]["pools"][0]["pods"] if row["name"] == name]
    # The simulated kubelet ends pods at once, and the finalizer keeps the object: its deadline is now.
    assert (row["state"], row["routes"], row["deadline_in_s"] < 900) == ("draining", 48, True)


async def test_an_operator_that_does_not_lead_makes_it_not_well(fleet: WrittenFleet) -> None:
    fleet.write_operator(renewed_s_ago=11_000)
    try:
        document = await told_to_programs(fleet)
    finally:
        fleet.write_operator()
    assert (document["ok"], document["operators"][0]["leader"]) == (False, None)
    assert "Operator" in [ailment["subject"] for ailment in document["wrong"]]


async def test_an_old_status_is_not_ready(fleet: WrittenFleet) -> None:
    fleet.patch("transceiverpool", "agents", {"spec": {"sessionsPerPod": 61}})
    try:
        document = await told_to_programs(fleet)
    finally:
        fleet.patch("transceiverpool", "agents", {"spec": {"sessionsPerPod": 60}})
        fleet.write_pool_status()
    assert document["voiceRelays"][0]["pools"][0]["ready"] is False
    assert "has not seen generation" in json.dumps(document["wrong"])


async def test_a_pool_without_its_relay_is_named(fleet: WrittenFleet) -> None:
    spec = {"relayRef": {"name": "elsewhere"}, "backend": {"type": "Echo"}}
    stray = {"apiVersion": "antiphon.dev/v1alpha1", "kind": "TransceiverPool", "metadata": {"name": "stray"}}
    fleet.apply({**stray, "spec": spec})
    try:
        _, told = await status(fleet.cluster.kubeconfig, "-n", fleet.namespace)
    finally:
        fleet.run("delete", "transceiverpool", "stray")
    assert f"TransceiverPool {fleet.namespace}/stray: its spec.relayRef names elsewhere" in told


async def test_what_may_not_be_read_is_said(fleet: WrittenFleet, kwok_cluster: KwokCluster) -> None:
    reader = kwok_cluster.control_plane.kubeconfig_for(Identity("reader"))
    granted = ("--verb=list", "--resource=voicerelays.antiphon.dev,transceiverpools.antiphon.dev")
    fleet.run("create", "role", "reader", *granted)
    fleet.run("create", "rolebinding", "reader", "--role=reader", "--user=reader")
    code, told = await status(reader, "-n", fleet.namespace)
    assert f"VoiceRelay {fleet.namespace}/edge   Ready" in told
    assert 'Not read:\n  routetables.antiphon.dev is forbidden: User "reader"' in told
    assert 'pods is forbidden: User "reader" cannot list resource "pods"' in told
    assert code == 0, "what is seen is well"


async def test_who_may_not_read_voice_relays_is_told_so(fleet: WrittenFleet, kwok_cluster: KwokCluster) -> None:
    stranger = kwok_cluster.control_plane.kubeconfig_for(Identity("stranger"))
    code, told = await status(stranger, "-n", fleet.namespace)
    assert (code, told.startswith("antiphon: voicerelays.antiphon.dev is forbidden")) == (1, True), told


async def test_an_empty_namespace_is_said(fleet: WrittenFleet) -> None:
    code, told = await status(fleet.cluster.kubeconfig, "-n", "kube-public")
    assert (code, "There is no VoiceRelay in namespace kube-public." in told) == (1, True)


async def test_without_a_local_run_the_cluster_is_shown(fleet: WrittenFleet, tmp_path: Path) -> None:
    code, told = await status(fleet.cluster.kubeconfig, folder=tmp_path)
    assert (code, told.splitlines()[0]) == (1, "nothing runs here with .antiphon; this is the cluster")
    assert "There is no VoiceRelay in namespace default." in told


async def test_without_a_local_run_and_a_cluster_both_ways_are_named(tmp_path: Path) -> None:
    code, told = await status(tmp_path / "none", folder=tmp_path)
    assert (code, told.startswith("nothing runs with .antiphon. Start it: ")) == (1, True)


async def test_an_unknown_context_is_named(fleet: WrittenFleet) -> None:
    code, told = await status(fleet.cluster.kubeconfig, "--context", "nowhere")
    assert (code, "cannot be used to reach a cluster" in told, "nowhere" in told) == (1, True, True), told


@pytest.mark.parametrize("text", ["", "clusters: 7", "clusters: [", "apiVersion: v1\nkind: Config\n"])
async def test_a_kubeconfig_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    code, told = await status(path, "--cluster")
    said = f"antiphon: {path} cannot be used to reach a cluster: "
    assert (code, told.startswith(said), "Traceback" in told) == (1, True, False), told


async def told_to_programs(fleet: WrittenFleet) -> dict[str, Any]:
    _, told = await status(fleet.cluster.kubeconfig, "-n", fleet.namespace, "-o", "json")
    document: dict[str, Any] = json.loads(told)
    return document
