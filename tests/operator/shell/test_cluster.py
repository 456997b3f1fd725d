"""What comes of a request to the API server: here a server that answers what the test tells it to."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from antiphon_crds.overlay import Json
from antiphon_operator.actions import Action, Apply, Create, Delete, Patch, Replace, Subresource
from antiphon_operator.cluster import ApiError, Cluster, Failure
from antiphon_operator.kinds import LEASE, POD, VOICE_RELAY
from antiphon_operator.metrics import Metrics

POD_NAMED_A: dict[str, Json] = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "voice"}}
GONE = Delete("v1", "Pod", "voice", "a", uid="u1", grace_seconds=0)
PATH = "/api/v1/namespaces/voice/pods"


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    content: str
    body: Json


@dataclass
class Server:
    status: int = 200
    text: str = json.dumps(POD_NAMED_A)
    asked: list[Asked] = field(default_factory=list)
    silent: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.silent.set()

    async def answer(self, request: web.Request) -> web.Response:
        raw = await request.text()
        body = json.loads(raw) if raw else None
        self.asked.append(Asked(request.method, request.path, dict(request.query), request.content_type, body))
        await self.silent.wait()
        return web.Response(status=self.status, text=self.text, content_type="application/json")


@asynccontextmanager
async def api(timeout_s: float = 5.0) -> AsyncIterator[tuple[Server, Cluster, Metrics]]:
    server = Server()
    app = web.Application()
    app.add_routes([web.route("*", "/{path:.*}", server.answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    metrics = Metrics()
    try:
        async with ApiClient(Configuration(host=f"http://{host}:{port}")) as client:
            yield server, Cluster(client, metrics, timeout_s), metrics
    finally:
        server.silent.set()
        await runner.cleanup()


@pytest.mark.parametrize(
    ("action", "method", "path", "content"),
    [
        pytest.param(Create(POD_NAMED_A), "POST", PATH, "application/json", id="create"),
        pytest.param(Apply(POD_NAMED_A), "PATCH", f"{PATH}/a", "application/apply-patch+yaml", id="server-side apply"),
        pytest.param(Replace(POD_NAMED_A), "PUT", f"{PATH}/a", "application/json", id="replace"),
        pytest.param(GONE, "DELETE", f"{PATH}/a", "application/json", id="delete"),
        pytest.param(
            Patch("v1", "Pod", "voice", "a", {"status": {}}, Subresource.STATUS, strategic=True),
            "PATCH",
            f"{PATH}/a/status",
            "application/strategic-merge-patch+json",
            id="a strategic patch of a status",
        ),
        pytest.param(
            Patch("antiphon.dev/v1alpha1", "VoiceRelay", "voice", "edge", {}, Subresource.STATUS),
            "PATCH",
            "/apis/antiphon.dev/v1alpha1/namespaces/voice/voicerelays/edge/status",
            "application/merge-patch+json",
            id="a merge patch of a custom resource's status",
        ),
    ],
)
async def test_each_action_is_one_request(action: Action, method: str, path: str, content: str) -> None:
    async with api() as (server, cluster, metrics):
        assert await cluster.execute(action) == POD_NAMED_A
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.content) == (method, path, content)
    assert f'verb="{method.lower()}"'.encode() in metrics.text()


async def test_an_apply_names_us_and_takes_the_fields_over() -> None:
    async with api() as (server, cluster, _):
        await cluster.execute(Apply(POD_NAMED_A))
    assert server.asked[0].query == {"fieldManager": "antiphon-operator", "force": "true"}


async def test_a_delete_is_of_one_object_and_not_of_a_name() -> None:
    async with api() as (server, cluster, _):
        server.text = '{"kind": "Status", "status": "Success"}'
        assert await cluster.execute(GONE) is None, "a Status is no object"
    body = server.asked[0].body
    assert isinstance(body, dict)
    assert (body["preconditions"], body["gracePeriodSeconds"]) == ({"uid": "u1"}, 0)


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (400, Failure.REFUSED),
        (401, Failure.UNAUTHORIZED),
        (403, Failure.REFUSED),
        (404, Failure.NOT_FOUND),
        (409, Failure.CONFLICT),
        (422, Failure.REFUSED),
        (429, Failure.THROTTLED),
        (500, Failure.UNAVAILABLE),
        (503, Failure.UNAVAILABLE),
    ],
)
async def test_each_answer_has_its_failure(status: int, failure: Failure) -> None:
    async with api() as (server, cluster, metrics):
        server.status, server.text = status, '{"kind": "Status", "message": "because"}'
        with pytest.raises(ApiError, match="because") as caught:
            await cluster.execute(Replace(POD_NAMED_A))
    assert (caught.value.failure, caught.value.status) == (failure, status)
    assert f'code="{status}"'.encode() in metrics.text()


@pytest.mark.parametrize(
    ("action", "status", "reason"),
    [
        pytest.param(Create(POD_NAMED_A), 409, "AlreadyExists", id="what is made is there already"),
        pytest.param(GONE, 404, "NotFound", id="what is deleted is gone"),
        pytest.param(GONE, 409, "Conflict", id="what is deleted is gone, and its name another's"),
    ],
)
async def test_what_is_so_already_is_no_failure(action: Action, status: int, reason: str) -> None:
    async with api() as (server, cluster, _):
        server.status, server.text = status, json.dumps({"kind": "Status", "reason": reason})
        assert await cluster.execute(action) is None


async def test_a_quota_whose_count_others_change_does_not_say_that_a_name_is_taken() -> None:
    words = 'Operation cannot be fulfilled on resourcequotas "voice": the object has been modified'
    async with api() as (server, cluster, _):
        server.status, server.text = 409, json.dumps({"kind": "Status", "reason": "Conflict", "message": words})
        with pytest.raises(ApiError, match="resourcequotas") as caught:
            await cluster.execute(Create(POD_NAMED_A))
    assert (caught.value.failure, caught.value.status) == (Failure.CONTENDED, 409)


async def test_a_server_that_says_nothing_is_left_in_time() -> None:
    async with api(timeout_s=0.2) as (server, cluster, metrics):
        server.silent.clear()
        with pytest.raises(ApiError) as caught:
            await cluster.execute(Replace(POD_NAMED_A))
    assert caught.value.failure is Failure.TIMEOUT
    assert b'code="0"' in metrics.text()


async def test_no_server_at_all() -> None:
    async with ApiClient(Configuration(host="http://127.0.0.1:9")) as client:
        with pytest.raises(ApiError) as caught:
            await Cluster(client, Metrics(), 5.0).read(LEASE, "voice", "antiphon-operator")
    assert caught.value.failure is Failure.UNAVAILABLE


async def test_a_page_of_some_proxy_is_no_object() -> None:
    async with api() as (server, cluster, _):
        server.status, server.text = 502, "<html>Bad Gateway</html>"
        with pytest.raises(ApiError, match="HTTP 502"):
            await cluster.read(POD, "voice", "a")
        server.status = 200
        with pytest.raises(ApiError, match="no object"):
            await cluster.read(LEASE, "voice", "antiphon-operator")
        server.text = "{}"
        with pytest.raises(ApiError, match="no object"):
            await cluster.read_all(VOICE_RELAY, None)


async def test_a_kind_is_served_or_not() -> None:
    async with api() as (server, cluster, _):
        server.text = '{"resources": [{"name": "voicerelays"}, {"name": "voicerelays/status"}]}'
        assert await cluster.serves(VOICE_RELAY)
        server.text = '{"resources": [{"name": "routetables"}]}'
        assert not await cluster.serves(VOICE_RELAY)
        server.status = 404
        assert not await cluster.serves(VOICE_RELAY)
