"""Transceivers are asked over HTTP with the fleet's token, on addresses that only this machine has."""

import asyncio
import base64
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from antiphon_operator.capacity_poll import LARGEST_ANSWER, CapacityPoll
from antiphon_operator.fleets import FleetKey, Fleets
from antiphon_operator.kinds import CHILDREN
from antiphon_operator.metrics import Metrics
from antiphon_operator.observed import Fleet, Images, PodLoad
from antiphon_operator.transceiver_pod import CONTROL_PORT
from antiphon_wire.cluster.manifest import ObjectKey
from antiphon_wire.cluster.object_store import Change, ChangeKind
from antiphon_wire.control import BackendState

TOKEN = "t" * 40
SECRET = next(kind for kind in CHILDREN if kind.name == "Secret")
EDGE = FleetKey("voice", "edge")


@dataclass
class Asked:
    """A pod's control API that says what it is told to say."""

    body: str = '{"pod": "a", "capacity": 60, "live": 3, "free": 57, "draining": false, "backend": "Reachable"}'
    times: int = 0
    encoded: bool = False
    """With an encoding that hides how long it is."""

    async def answer(self, request: web.Request) -> web.Response:
        self.times += 1
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401)
        response = web.Response(text=self.body)
        if self.encoded:
            response.enable_compression(web.ContentCoding.gzip)
        return response


@dataclass
class Site:
    fleets: Fleets
    metrics: Metrics
    marked: list[FleetKey] = field(default_factory=list)

    def load(self, pod: str) -> PodLoad | None:
        fleet = self.fleets.observe(EDGE, {})
        assert isinstance(fleet, Fleet)
        return next(found.load for found in fleet.stray_pods if found.name == pod)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(15):
            while not condition():
                await asyncio.sleep(0.02)


@asynccontextmanager
async def polling(pods: dict[str, str], token: str = TOKEN) -> AsyncIterator[Site]:
    """Pods by name, each with its address; polled every half second."""
    marked: list[FleetKey] = []
    metrics = Metrics()
    fleets = Fleets(Images("r", "t", "s"), "antiphon-system", metrics, marked.append)
    fleets.heard_relay(told("edge", {"apiVersion": "antiphon.dev/v1alpha1", "kind": "VoiceRelay", "spec": {}}))
    data = {"token": base64.b64encode(token.encode()).decode()}
    fleets.heard_child(SECRET, told("edge-control", {"data": data}))
    blocks = [
        {"first": 8 * (place + 1), "pod": name, "pool": "p", "state": "Active"} for place, name in enumerate(pods)
    ]
    fleets.heard_table(
        told("edge-0", {"spec": {"relayRef": {"name": "edge"}, "shard": 0, "shards": 1, "blocks": blocks}})
    )
    for name, address in pods.items():
        fleets.heard_pod(told(name, {"status": {"phase": "Running", "podIP": address}}))
    poll = asyncio.create_task(CapacityPoll(fleets, metrics, period_s=0.5).run())
    try:
        yield Site(fleets, metrics, marked)
    finally:
        poll.cancel()
        with suppress(asyncio.CancelledError):
            await poll


def told(name: str, manifest: dict[str, object]) -> Change:
    labels = {"antiphon.dev/relay": "edge", "antiphon.dev/pool": "agents"}
    owners = [{"kind": "TransceiverPool", "name": "agents", "uid": "uid-agents", "controller": True}]
    metadata = {
        "name": name,
        "namespace": "voice",
        "uid": f"uid-{name}",
        "labels": labels,
        "ownerReferences": owners,
    }
    return Change(ChangeKind.ADDED, ObjectKey("voice", name), {"metadata": metadata, **manifest})


@asynccontextmanager
async def control_api(address: str) -> AsyncIterator[Asked]:
    asked = Asked()
    app = web.Application()
    app.add_routes([web.get("/v1/capacity", asked.answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, address, CONTROL_PORT).start()
    try:
        yield asked
    finally:
        await runner.cleanup()


async def test_a_pods_calls_are_known_and_followed() -> None:
    async with control_api("127.0.20.1") as pod, polling({"a": "127.0.20.1"}) as site:
        await site.until(lambda: site.load("a") is not None)
        load = site.load("a")
        assert load is not None
        assert (load.capacity, load.live, load.backend) == (60, 3, BackendState.REACHABLE)
        site.marked.clear()
        asked = pod.times
        await site.until(lambda: pod.times > asked + 1)
        assert site.marked == [], "the same answer again is no news"
        pod.body = '{"capacity": 60, "live": 0}'
        await site.until(lambda: site.marked != [])
        load = site.load("a")
        assert load is not None
        assert load.live == 0


async def test_a_pod_that_falls_silent_is_known_no_more() -> None:
    async with polling({"a": "127.0.20.2"}) as site:
        async with control_api("127.0.20.2"):
            await site.until(lambda: site.load("a") is not None)
            site.marked.clear()
        await site.until(lambda: site.load("a") is None)
        assert site.marked == [EDGE]


@pytest.mark.parametrize(
    ("token", "body", "reason"),
    [
        pytest.param("other" * 10, "{}", "unauthorized", id="another token"),
        pytest.param(TOKEN, "<html>", "malformed", id="another program"),
        pytest.param(TOKEN, Asked.body + " " * LARGEST_ANSWER, "malformed", id="more than is read"),
    ],
)
async def test_what_is_no_answer_is_counted(token: str, body: str, reason: str) -> None:
    series = f'antiphon_operator_capacity_poll_failures_total{{reason="{reason}"}} 1.0'.encode()
    async with control_api("127.0.20.3") as pod, polling({"a": "127.0.20.3"}, token) as site:
        pod.body = body
        await site.until(lambda: series in site.metrics.text())
        assert site.load("a") is None


async def test_a_compressed_answer_is_not_unpacked() -> None:
    series = b'antiphon_operator_capacity_poll_failures_total{reason="malformed"} 1.0'
    async with control_api("127.0.20.7") as pod:
        pod.encoded = True
        async with polling({"a": "127.0.20.7"}) as site:
            await site.until(lambda: series in site.metrics.text())


async def test_a_pod_that_does_not_answer_holds_up_nobody() -> None:
    async with control_api("127.0.20.4") as good:
        pods = {"a": "127.0.20.5", "b": "127.0.20.4", "c": "127.0.20.6"}
        # Connections to it are made, and nobody takes them.
        with socket.create_server(("127.0.20.5", CONTROL_PORT)):
            async with polling(pods) as site:
                series = b'antiphon_operator_capacity_poll_failures_total{reason="timeout"} 1.0'
                await site.until(lambda: series in site.metrics.text())
                assert good.times >= 2
                assert site.load("b") is not None
                assert b'failures_total{reason="unreachable"} 0.0' not in site.metrics.text()
