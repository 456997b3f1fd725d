"""What a plan comes to when the API server does not take all of it: here one that refuses what the test tells it to."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

import pytest
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from antiphon_crds.overlay import Json
from antiphon_operator.actions import Apply, Create, CutCalls, Patch, Plan, Replace, Subresource
from antiphon_operator.apply import Executor
from antiphon_operator.cluster import ApiError, Cluster, Failure
from antiphon_operator.events import EventRecorder
from antiphon_operator.fleets import FleetKey, Fleets
from antiphon_operator.kinds import Kind
from antiphon_operator.metrics import Metrics
from antiphon_operator.observed import Images, Manifest, Refusal
from antiphon_operator.parsing.fields import Fields
from antiphon_operator.reconciler import Reconciler
from antiphon_operator.resolver import Resolver
from antiphon_wire.cluster.manifest import ObjectKey
from antiphon_wire.cluster.object_store import Change, ChangeKind


def manifest(kind: str, name: str, version: str = "v1") -> dict[str, Json]:
    owner: Json = {"kind": "VoiceRelay", "name": "edge", "uid": "r1"}
    metadata: dict[str, Json] = {"name": name, "namespace": "voice", "labels": dict(LABELS), "ownerReferences": [owner]}
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


LABELS = {"app.kubernetes.io/managed-by": "antiphon-operator", "antiphon.dev/relay": "edge"}
SERVICE = manifest("Service", "edge-relay")
KEYS = manifest("Secret", "edge-keys")
TABLE = manifest("RouteTable", "edge-0", "antiphon.dev/v1alpha1")
POD = manifest("Pod", "agents-00000008")
STATUS = Patch("antiphon.dev/v1alpha1", "VoiceRelay", "voice", "edge", {"status": {}}, Subresource.STATUS)
PLAN = Plan(children=(Apply(SERVICE),), tables=(Create(TABLE),), pods=(Create(POD),))


def stored(wanted: dict[str, Json], **metadata: Json) -> dict[str, Json]:
    """As it is in the cluster."""
    described = wanted["metadata"]
    assert isinstance(described, dict)
    return {**wanted, "metadata": {**described, "resourceVersion": "5", **metadata}}


@dataclass
class Server:
    """Has what `there` holds by name, and takes every write but where `refuses` has a status for the kind or name."""

    refuses: dict[str, int]
    reason: str = "Conflict"
    """Of what it refuses."""
    there: dict[str, dict[str, Json]] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[dict[str, Json]] = field(default_factory=list)
    forced: list[str | None] = field(default_factory=list)
    labels_it_sets: dict[str, Json] = field(default_factory=dict)
    """On everything that is written: a mutating policy."""

    async def answer(self, request: web.Request) -> web.Response:
        kind, _, name = request.path.removesuffix("/status").partition("/namespaces/voice/")[2].partition("/")
        self.asked.append((request.method, name or kind))
        if request.method == "GET":
            return web.json_response(self.there[name]) if name in self.there else refusal(404, "not found")
        body = json.loads(await request.text())
        asked = next((one for one in (kind, body.get("metadata", {}).get("name")) if one in self.refuses), None)
        if asked is not None:
            return refusal(self.refuses[asked], f"no {kind} today", self.reason)
        if request.method == "POST" and body["metadata"]["name"] in self.there:
            return refusal(409, "already exists", "AlreadyExists")
        self.taken.append(kind)
        self.bodies.append(body)
        self.forced.append(request.query.get("force"))
        described = self.there.get(name, body).get("metadata", {})
        assert isinstance(described, dict)
        metadata = {**described, **body.get("metadata", {}), "resourceVersion": "7"}
        metadata["labels"] = {**metadata.get("labels", {}), **self.labels_it_sets}
        return web.json_response(body | {"metadata": metadata})


def refusal(code: int, message: str, reason: str = "") -> web.Response:
    return web.json_response({"kind": "Status", "message": message, "code": code, "reason": reason}, status=code)


@dataclass
class Memory:
    """What is known of the cluster before, and what is told of it."""

    before: dict[str, Manifest] = field(default_factory=dict)
    told: list[Manifest] = field(default_factory=list)

    def stored(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        return self.before.get(name)

    def written(self, kind: Kind, manifest: Manifest) -> None:
        self.told.append(manifest)

    def missing(self, kind: Kind) -> None:
        pass


@asynccontextmanager
async def executing(memory: Memory | None = None, **refuses: int) -> AsyncIterator[tuple[Server, Executor]]:
    server, known = Server(refuses), memory or Memory()
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
            yield server, Executor(cluster, EventRecorder(cluster, "test"), metrics, lambda: True, known)
    finally:
        await runner.cleanup()


async def test_a_child_that_fails_holds_up_no_routes_and_no_pods() -> None:
    async with executing(services=500) as (server, executor):
        applied = await executor.apply(PLAN)
        assert applied.failure is not None
        assert applied.failure.failure is Failure.UNAVAILABLE
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
    async with executing(routetables=404) as (_, executor):
        with pytest.raises(ApiError) as error:
            await executor.apply(Plan(tables=(Replace(TABLE),)))
        assert error.value.failure is Failure.NOT_FOUND


async def test_no_pod_is_made_whose_routes_were_refused() -> None:
    async with executing(routetables=422) as (server, executor):
        await executor.apply(PLAN)
        assert server.taken == ["services"]


async def test_what_is_known_is_written_by_force_and_what_is_not_without() -> None:
    async with executing(Memory({"edge-relay": stored(SERVICE)})) as (server, executor):
        await executor.apply(PLAN)
        assert (server.asked[0], server.forced[0]) == (("PATCH", "edge-relay"), "true")
    async with executing() as (server, executor):
        await executor.apply(PLAN)
        assert server.asked[:2] == [("GET", "edge-relay"), ("PATCH", "edge-relay")]
        assert server.forced[0] == "false", "whoever makes it in between keeps it"


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"labels": {}, "ownerReferences": []}, id="that nobody labelled"),
        pytest.param({"labels": {**LABELS, "antiphon.dev/relay": "west"}, "ownerReferences": []}, id="of a fleet"),
    ],
)
async def test_somebody_else_s_object_is_left_alone_and_told(metadata: dict[str, Json]) -> None:
    theirs = stored(SERVICE, **metadata)
    for memory in (Memory(), Memory({"edge-relay": theirs})):
        async with executing(memory) as (server, executor):
            server.there["edge-relay"] = theirs
            applied = await executor.apply(PLAN)
            assert [(one.kind, one.name, one.is_foreign) for one in applied.refusals] == [
                ("Service", "edge-relay", True)
            ]
            assert applied.refusals[0].sentence.startswith("Service edge-relay is there already and is not of Voice")
            assert server.taken == ["routetables", "pods"], "the rest is done"


@pytest.mark.parametrize("wanted", [TABLE, POD])
async def test_what_cannot_be_made_because_another_has_its_name_is_told(wanted: dict[str, Json]) -> None:
    name = str(Fields(wanted).within("metadata").word("name"))
    async with executing() as (server, executor):
        server.there[name] = stored(wanted, labels={}, ownerReferences=[])
        applied = await executor.apply(PLAN)
        assert [(one.name, one.is_foreign) for one in applied.refusals] == [(name, True)]
        assert "pods" not in server.taken


@pytest.mark.parametrize(
    ("wanted", "plan"),
    [
        pytest.param(SERVICE, Plan(children=(Apply(SERVICE),), tables=(Create(TABLE),)), id="applied"),
        pytest.param(KEYS, Plan(children=(Create(KEYS),), tables=(Create(TABLE),)), id="created"),
        pytest.param(POD, Plan(pods=(Create(POD),)), id="a pod"),
    ],
)
async def test_an_object_of_ours_gets_its_labels_back_and_the_round_ends(wanted: dict[str, Json], plan: Plan) -> None:
    name, memory = str(Fields(wanted).within("metadata").word("name")), Memory()
    async with executing(memory) as (server, executor):
        server.there[name] = stored(wanted, labels={"team": "voice"})
        with pytest.raises(ApiError, match="had lost labels") as error:
            await executor.apply(plan)
        assert error.value.failure is Failure.CONFLICT
    assert server.bodies == [{"metadata": {"resourceVersion": "5", "labels": LABELS}}], "nothing else is written"
    assert [Fields(one).within("metadata").text("resourceVersion") for one in memory.told] == ["7"]


@pytest.mark.parametrize("ending", [{}, {"deletionTimestamp": "2026-11-21T02:00:00Z"}])
async def test_what_the_watch_has_not_told_yet_is_known_by_looking(ending: dict[str, Json]) -> None:
    memory = Memory()
    async with executing(memory) as (server, executor):
        server.there["edge-keys"] = stored(KEYS, **ending)
        with pytest.raises(ApiError) as error:
            await executor.apply(Plan(children=(Create(KEYS),), tables=(Create(TABLE),)))
        assert error.value.failure is Failure.CONFLICT
    assert server.taken == [], "nothing is written"
    assert memory.told == [stored(KEYS, **ending)]


async def test_a_conflict_is_what_counts_among_failures() -> None:
    """What comes after the children would be of a Secret that is not new."""
    async with executing(services=500) as (server, executor):
        server.there["edge-keys"] = stored(KEYS)
        with pytest.raises(ApiError) as error:
            await executor.apply(Plan(children=(Apply(SERVICE), Create(KEYS)), tables=(Create(TABLE),)))
        assert error.value.failure is Failure.CONFLICT
    assert server.taken == []


async def test_a_name_that_was_taken_and_is_free_again_is_tried_again() -> None:
    async with executing(routetables=409) as (server, executor):
        server.reason = "AlreadyExists"
        with pytest.raises(ApiError, match="is gone") as error:
            await executor.apply(PLAN)
        assert error.value.failure is Failure.CONFLICT
    assert server.taken == ["services"]


async def test_a_secret_that_is_refused_ends_the_round_until_the_plan_knows() -> None:
    plan = Plan(children=(Create(KEYS),), tables=(Create(TABLE),))
    async with executing(secrets=403) as (server, executor):
        first = await executor.apply(plan)
        assert [one.name for one in first.refusals] == ["edge-keys"]
        assert server.taken == []
        again = await executor.apply(plan, first.refusals)
        assert again.refusals == first.refusals
        assert server.taken == ["routetables"]


async def test_a_secret_that_is_refused_is_told_beside_a_child_that_fails() -> None:
    """Both may last: the round fails, and the next one, which knows of the Secret, does the rest."""
    plan = Plan(children=(Apply(SERVICE), Create(KEYS)), tables=(Create(TABLE),))
    async with executing(secrets=403, services=500) as (server, executor):
        told: list[Refusal] = []
        for taken in ([], ["routetables"]):
            applied = await executor.apply(plan, told)
            assert applied.failure is not None
            assert applied.failure.status == 500
            assert [(one.kind, one.name, one.status) for one in applied.refusals] == [("Secret", "edge-keys", 403)]
            assert server.taken == taken
            told = applied.refusals


async def test_what_was_refused_and_had_no_other_answer_since_is_refused_still() -> None:
    told = (Refusal("Secret", "edge-keys", 403, "no"), Refusal("Service", "gone", 403, "no"))
    async with executing(secrets=500) as (server, executor):
        applied = await executor.apply(Plan(children=(Create(KEYS),), tables=(Create(TABLE),)), told)
        assert applied.failure is not None
        assert applied.refusals == list(told[:1])
        assert server.taken == ["routetables"]


async def test_a_refusal_of_another_kind_says_nothing_of_a_secret() -> None:
    async with executing(secrets=403) as (server, executor):
        told = (Refusal("Service", "edge-keys", 403, "no"),)
        await executor.apply(Plan(children=(Create(KEYS),), tables=(Create(TABLE),)), told)
        assert server.taken == []


@pytest.mark.parametrize("wanted", [SERVICE, TABLE, POD])
async def test_labels_that_do_not_stay_are_told_and_hold_up_nobody_else(wanted: dict[str, Json]) -> None:
    name, memory = str(Fields(wanted).within("metadata").word("name")), Memory()
    rewritten: dict[str, Json] = {**LABELS, "app.kubernetes.io/managed-by": "platform"}
    plan = replace(PLAN, statuses=(STATUS,))
    async with executing(memory) as (server, executor):
        server.labels_it_sets = rewritten
        server.there[name] = stored(wanted, labels=rewritten)
        applied = await executor.apply(plan)
        (one,) = applied.refusals
        assert (one.kind, one.name, one.is_foreign) == (wanted["kind"], name, False)
        assert one.sentence.startswith(f"the API server refuses {one.kind} {name}: it does not keep")
        assert "app.kubernetes.io/managed-by:" in one.sentence, "that label, and no other"
        assert server.bodies[-1] == STATUS.body, "the status is written"
        assert (await executor.apply(plan)).refusals == [one], "the same words at every look"
    assert name not in {Fields(one).within("metadata").text("name") for one in memory.told}


async def test_a_pod_that_a_quota_has_no_moment_for_is_left_for_the_next_round() -> None:
    pods = tuple(Create(manifest("Pod", f"agents-0000000{number}")) for number in range(8))
    async with executing() as (server, executor):
        server.refuses = {"agents-00000003": 409}
        applied = await executor.apply(Plan(pods=pods, statuses=(STATUS,)))
        assert (applied.left, applied.done["Create Pod"], applied.refusals) == (1, 7, [])
        assert server.bodies[-1] == STATUS.body
        assert "GET" not in {method for method, _ in server.asked}, "nothing has its name"


async def test_a_secret_that_a_quota_has_no_moment_for_ends_the_round() -> None:
    async with executing(secrets=409) as (server, executor):
        with pytest.raises(ApiError) as error:
            await executor.apply(Plan(children=(Create(KEYS),), tables=(Create(TABLE),)))
        assert error.value.failure is Failure.CONTENDED
        assert server.taken == []


@pytest.mark.parametrize(
    ("refuses", "counted"),
    [
        pytest.param({}, 2, id="once"),
        pytest.param({"voicerelays": 500}, 2, id="though the status is not written"),
        pytest.param({"routetables": 422}, 0, id="not while the pods' labels stay, behind a table"),
        pytest.param({"secrets": 403}, 0, id="nor behind a Secret"),
        pytest.param({"pods": 500}, 0, id="nor when the label is not written"),
        pytest.param({"pods": 422}, 0, id="nor when it is refused"),
        pytest.param({"pods": 404}, 2, id="though the pod is gone by now"),
    ],
)
async def test_calls_that_were_cut_are_counted_when_their_pod_is_not_found_again(
    refuses: dict[str, int], counted: int
) -> None:
    unlabelled = Patch("v1", "Pod", "voice", "agents-00000008", {"metadata": {"labels": {"antiphon.dev/busy": None}}})
    plan = Plan(
        (Create(KEYS),), (Create(TABLE),), (unlabelled,), (STATUS,), cut=(CutCalls("agents", "agents-00000008", 2),)
    )
    counts: list[CutCalls] = []
    async with executing() as (server, executor):
        server.refuses = refuses
        with suppress(ApiError):
            await executor.apply(plan, (), counts.append)
    assert sum(one.calls for one in counts) == counted


async def test_a_round_in_which_a_child_failed_has_failed_and_keeps_what_was_refused() -> None:
    metrics, key = Metrics(), FleetKey("voice", "edge")
    fleets = Fleets(Images("r", "t", "s"), "antiphon-system", metrics, lambda _: None)
    relay = {
        "apiVersion": "antiphon.dev/v1alpha1",
        "kind": "VoiceRelay",
        "metadata": {"name": "edge", "namespace": "voice", "uid": "r1", "generation": 1, "resourceVersion": "1"},
        "spec": {},
    }
    fleets.heard_relay(Change(ChangeKind.ADDED, ObjectKey("voice", "edge"), relay))
    async with executing(secrets=403, services=500) as (_, executor):
        reconciler = Reconciler(fleets, Resolver(lambda _: None), executor, metrics, lambda: True)
        reconciler.start()
        try:
            await until(lambda: rounds(metrics, "failed") > 1)
        finally:
            await reconciler.stop()
    assert {(one.kind, one.name) for one in fleets.refusals(key)} == {
        ("Secret", "edge-keys"),
        ("Secret", "edge-control"),
    }
    assert rounds(metrics, "refused") == rounds(metrics, "changed") == 0
    assert reconciler.last_good_at == 0


def rounds(metrics: Metrics, result: str) -> float:
    return metrics.registry.get_sample_value("antiphon_operator_rounds_total", {"result": result}) or 0.0


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.02)
