"""AP401 places a real call: HTTP through a real API server's proxy, UDP straight to the relay."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from antiphon_cli.cluster.connection import connected
from antiphon_cli.cluster.own_kinds import Name
from antiphon_cli.cluster.scope import Scope
from antiphon_cli.cluster.tunnel import tunnel
from antiphon_cli.doctor.verdict import Level
from antiphon_cli.local.addresses import default_route_address
from examined import examined
from product import Product, running
from real_kubernetes.kwok import KwokCluster
from written_fleet import WrittenFleet, signaling, written_fleet

pytestmark = pytest.mark.cluster

OFFER = Path(__file__).parents[2] / "transceiver" / "offers" / "chromium.sdp"


@pytest.fixture(scope="module")
def fleet(kwok_cluster: KwokCluster) -> Iterator[WrittenFleet]:
    kwok_cluster.add_node("second-node")
    try:
        with written_fleet(kwok_cluster.control_plane.cluster) as fleet:
            yield fleet
    finally:
        kwok_cluster.remove_node("second-node")


async def test_all_is_well_where_a_call_works_and_a_silent_relay_is_found(fleet: WrittenFleet, tmp_path: Path) -> None:
    async with running(tmp_path) as product, reachable(product) as port:
        serve(fleet, port)
        every = await examined(fleet.cluster.kubeconfig, fleet.namespace)
        assert {finding.verdict for finding in every.values() if finding.verdict.level is not Level.OK} == set()
        assert every["AP401"].verdict.said.startswith("set-up ")

        relay = product.pid("relay")
        os.kill(relay, signal.SIGSTOP)
        try:
            verdict = (await examined(fleet.cluster.kubeconfig, fleet.namespace, ["call"]))["AP401"].verdict
        finally:
            os.kill(relay, signal.SIGCONT)
        assert verdict.level is Level.FAILURE
        assert verdict.said.startswith("A call failed at ICE: no answer from ")
        assert "AP201 to AP304" in verdict.cure

        environ = {"KUBECONFIG": str(fleet.cluster.kubeconfig)}
        async with connected(Scope(), environ) as connection:
            async with tunnel(connection.api, Name(fleet.namespace, "edge-signaling"), tls=False) as url:
                assert await created_and_hung_up(url) == "hangup"


async def test_signaling_may_speak_https(fleet: WrittenFleet, tmp_path: Path) -> None:
    async with running(tmp_path, ["--lan"]) as product:
        serve(fleet, urlsplit(product.url).port or 0, tls=True)
        verdict = (await examined(fleet.cluster.kubeconfig, fleet.namespace, ["AP401"]))["AP401"].verdict
        assert verdict.level is Level.OK, verdict


async def test_signaling_without_pods_is_a_failure_at_http(fleet: WrittenFleet) -> None:
    fleet.run("delete", "endpointslices", "--all")
    verdict = (await examined(fleet.cluster.kubeconfig, fleet.namespace, ["AP401"]))["AP401"].verdict
    assert verdict.level is Level.FAILURE
    assert verdict.said.startswith("A call failed at HTTP: 503 ServiceUnavailable: no endpoints available")


async def test_no_call_is_placed_where_no_pool_is_ready(fleet: WrittenFleet) -> None:
    fleet.write_pool_status(PodsAvailable=("False", "NoneAvailable", "no pod is ready"))
    try:
        verdict = (await examined(fleet.cluster.kubeconfig, fleet.namespace, ["AP401"]))["AP401"].verdict
    finally:
        fleet.write_pool_status()
    assert (verdict.level, verdict.said) == (Level.SKIPPED, "no pool is Ready to take a call")


async def created_and_hung_up(url: str) -> str:
    """Why the call ended, as signaling says it."""
    sdp = {"Content-Type": "application/sdp"}
    async with aiohttp.ClientSession(url) as session:
        async with session.post("/v1/realtime/calls", data=OFFER.read_bytes(), headers=sdp) as created:
            assert created.status == 201, await created.text()
            call = created.headers["Location"]
        assert call.startswith("/v1/realtime/calls/rtc_")
        async with session.post(f"{call}/hangup") as hung_up:
            assert hung_up.status == 200
        async with session.get(call) as standing:
            return str((await standing.json())["error"]["code"])


def serve(fleet: WrittenFleet, port: int, *, tls: bool = False) -> None:
    """Signaling's Service leads to this machine's port."""
    fleet.patch("voicerelay", "edge", {"spec": {"signaling": {"tlsSecretRef": {"name": "tls"} if tls else None}}})
    fleet.write_relay_status()
    fleet.write_pod_here(signaling(port))
    pod = {"kind": "Pod", "name": "edge-signaling-0", "namespace": fleet.namespace}
    endpoint = {"addresses": [default_route_address()], "conditions": {"ready": True}, "targetRef": pod}
    fleet.apply(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "edge-signaling-0", "labels": {"kubernetes.io/service-name": "edge-signaling"}},
            "addressType": "IPv4",
            "endpoints": [endpoint],
            "ports": [{"name": "http", "port": port}],
        }
    )


@asynccontextmanager
async def reachable(product: Product) -> AsyncIterator[int]:
    """A port of the machine's own address that leads to signaling: the API server's proxy goes to no loopback."""

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", urlsplit(product.url).port)
        await asyncio.gather(pump(reader, back), pump(there, writer))

    server = await asyncio.start_server(join, default_route_address(), 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()
