"""What a plan comes to when the API server does not take all of it: here one that refuses what the test tells it to."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from antiphon_crds.overlay import Json
from antiphon_operator.actions import Apply, Create, Plan, Replace
from antiphon_operator.apply import Executor
from antiphon_operator.cluster import ApiError, Cluster, Failure
from antiphon_operator.events import EventRecorder
from antiphon_operator.kinds import Kind
from antiphon_operator.metrics import Metrics
from antiphon_operator.observed import Manifest


def manifest(kind: str, name: str, version: str = "v1") -> dict[str, Json]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "voice"}}


PLAN = Plan(
    children=(Apply(manifest("Service", "edge-relay")),),
    tables=(Create(manifest("RouteTable", "edge-0", "antiphon.dev/v1alpha1")),),
    pods=(Create(manifest("Pod", "agents-00000008")),),
)


@dataclass
class Server:
    """Knows nothing, and takes everything but what `refuses` has a status for."""

    refuses: dict[str, int]
    taken: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        kind = request.path.removesuffix("/edge-relay").rsplit("/", 1)[-1]
        if kind in self.refuses:
            status = {"kind": "Status", "message": f"no {kind} today", "code": self.refuses[kind]}
            return web.json_response(status, status=self.refuses[kind])
        self.taken.append(kind)
        body = json.loads(await request.text())
        return web.json_response(body | {"metadata": body["metadata"] | {"resourceVersion": "7"}})


class Nothing:
    def version(self, kind: Kind, namespace: str, name: str) -> str | None:
        return None

    def written(self, kind: Kind, manifest: Manifest) -> None:
        pass

    def missing(self, kind: Kind) -> None:
        pass


@asynccontextmanager
async def executing(**refuses: int) -> AsyncIterator[tuple[Server, Executor]]:
    server = Server(refuses)
    app = web.Application()
    app.add_routes([web.route("*", "/{path:.*}", server.answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    metrics = Metrics()
    try:
        async with ApiClient(Configuration(host=f"http://{host}:{port}")) as client:
            cluster = Cluster(client, metrics, 5.0)
            yield server, Executor(cluster, EventRecorder(cluster, "test"), metrics, lambda: True, Nothing())
    finally:
        await runner.cleanup()


async def test_a_child_that_fails_holds_up_no_routes_and_no_pods() -> None:
    async with executing(services=500) as (server, executor):
        with pytest.raises(ApiError) as error:
            await executor.apply(PLAN)
        assert error.value.failure is Failure.UNAVAILABLE
        assert server.taken == ["routetables", "pods"]


async def test_a_conflict_ends_the_round_at_once() -> None:
    async with executing(services=409) as (server, executor):
        with pytest.raises(ApiError):
            await executor.apply(PLAN)
        assert server.taken == []


@pytest.mark.parametrize("status", [403, 404, 422])
async def test_a_child_that_the_server_will_not_have_is_told_and_the_rest_is_done(status: int) -> None:
    async with executing(services=status) as (server, executor):
        applied = await executor.apply(PLAN)
        assert [(one.kind, one.status) for one in applied.refusals] == [("Service", status)]
        assert server.taken == ["routetables", "pods"]


async def test_a_table_that_vanished_is_no_refusal_but_planned_anew() -> None:
    async with executing(**{"edge-0": 404}) as (_, executor):
        with pytest.raises(ApiError) as error:
            await executor.apply(Plan(tables=(Replace(manifest("RouteTable", "edge-0", "antiphon.dev/v1alpha1")),)))
        assert error.value.failure is Failure.NOT_FOUND


async def test_no_pod_is_made_whose_routes_were_refused() -> None:
    async with executing(routetables=422) as (server, executor):
        await executor.apply(PLAN)
        assert server.taken == ["services"]
