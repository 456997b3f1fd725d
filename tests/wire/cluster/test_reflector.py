"""The reflector against a real API server: what it has is what the server has, whatever happens in between."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from antiphon_wire.cluster.access import ClusterAccess, KubeconfigAccess, PodAccess
from antiphon_wire.cluster.connection import ConnectionConfigError, connect
from antiphon_wire.cluster.object_store import Change, ChangeKind
from antiphon_wire.cluster.reflector import Reflector, Trouble
from antiphon_wire.cluster.resource_kind import ResourceKind
from cut_proxy import CutProxy, cut_proxy
from real_kubernetes.control_plane import ControlPlane

pytestmark = pytest.mark.cluster

NAMESPACE = "reflected"
PATIENCE_S = 30.0


@pytest.fixture
def plane(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    control_plane.cluster.kubectl("create", "namespace", NAMESPACE)
    try:
        yield control_plane
    finally:
        control_plane.cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=true")


def write(plane: ControlPlane, name: str, value: str = "", namespace: str = NAMESPACE) -> None:
    metadata = {"name": name, "labels": {"watched": "yes"}}
    plane.cluster.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"value": value}}, namespace=namespace
    )


def delete(plane: ControlPlane, name: str) -> None:
    plane.cluster.kubectl("delete", "configmap", name, "-n", NAMESPACE)


@asynccontextmanager
async def reflecting(
    access: ClusterAccess, heard: Callable[[Change | None], None] = lambda _: None, **settings: float
) -> AsyncIterator[Reflector]:
    kind = ResourceKind("", "v1", "configmaps", NAMESPACE, label_selector="watched=yes")
    async with await connect(access) as client:
        reflector = Reflector(client, kind, heard, **settings)  # type: ignore[arg-type] # an int among floats
        running = asyncio.create_task(reflector.run())
        try:
            await eventually(lambda: reflector.watches, "it watches")
            yield reflector
        finally:
            running.cancel()
            await asyncio.wait({running})
            assert running.cancelled()


@asynccontextmanager
async def through_proxy(plane: ControlPlane, folder: Path) -> AsyncIterator[tuple[CutProxy, KubeconfigAccess]]:
    async with cut_proxy(plane.ports.api) as proxy:
        config = json.loads(plane.cluster.kubeconfig.read_text())
        config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{proxy.port}"
        path = folder / "through-proxy.kubeconfig"
        path.write_text(json.dumps(config))
        yield proxy, KubeconfigAccess(path)


async def eventually(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}"
        await asyncio.sleep(0.01)


def values(reflector: Reflector) -> dict[str, str]:
    return {key.name: manifest["data"]["value"] for key, manifest in reflector.store.items()}


async def run(*steps: Callable[[], object]) -> None:
    """kubectl takes its time; the event loop goes on meanwhile."""
    for step in steps:
        await asyncio.to_thread(step)


async def test_what_is_there_and_what_happens_to_it_is_told_in_order(plane: ControlPlane) -> None:
    told: list[str] = []

    def heard(change: Change | None) -> None:
        told.append(f"{change.key.name} {change.kind.value}" if change else "synced")

    await run(lambda: write(plane, "a"))
    async with reflecting(KubeconfigAccess(plane.cluster.kubeconfig), heard) as reflector:
        assert told == ["a added", "synced"]
        assert reflector.in_date
        await run(lambda: write(plane, "b", "1"), lambda: write(plane, "b", "2"), lambda: delete(plane, "a"))
        await eventually(lambda: told[-1] == "a deleted", "the deletion is told")
        assert told[2:] == ["b added", "b modified", "a deleted"]
        assert values(reflector) == {"b": "2"}
        assert (reflector.lists, reflector.watches) == (1, 1)
        assert set(reflector.troubles.values()) == {0}


async def test_only_what_was_asked_for_comes_and_only_what_is_wanted_of_it_is_kept(plane: ControlPlane) -> None:
    write(plane, "ours")
    plane.cluster.kubectl("create", "configmap", "unlabelled", "-n", NAMESPACE)
    write(plane, "elsewhere", namespace="default")

    async with await connect(KubeconfigAccess(plane.cluster.kubeconfig)) as client:
        kind = ResourceKind("", "v1", "configmaps", NAMESPACE, label_selector="watched=yes")
        reflector = Reflector(client, kind, keep=lambda manifest: {"metadata": manifest["metadata"]})
        running = asyncio.create_task(reflector.run())
        await eventually(lambda: reflector.watches, "it watches")
        running.cancel()
        await asyncio.wait({running})
    assert [(key.name, set(manifest)) for key, manifest in reflector.store.items()] == [("ours", {"metadata"})]
    plane.cluster.kubectl("delete", "configmap", "elsewhere", "-n", "default")


async def test_a_list_of_many_pages_is_one_list(plane: ControlPlane) -> None:
    names = [f"many-{number}" for number in range(501)]
    await run(
        lambda: plane.cluster.apply(
            *(
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {"name": name, "labels": {"watched": "yes"}},
                    "data": {"value": ""},
                }
                for name in names
            ),
            namespace=NAMESPACE,
        )
    )
    async with reflecting(KubeconfigAccess(plane.cluster.kubeconfig)) as reflector:
        assert sorted(values(reflector)) == sorted(names)
        assert reflector.lists == 1


async def test_the_answer_to_a_write_is_known_at_once_and_told_once(plane: ControlPlane) -> None:
    told: list[ChangeKind] = []
    async with reflecting(
        KubeconfigAccess(plane.cluster.kubeconfig), lambda change: told.append(change.kind) if change else None
    ) as reflector:
        await run(lambda: write(plane, "a", "1"))
        answer = json.loads(plane.cluster.kubectl("get", "configmap", "a", "-n", NAMESPACE, "-o", "json"))
        reflector.put(answer)
        assert values(reflector) == {"a": "1"}
        await run(lambda: write(plane, "b"))
        await eventually(lambda: "b" in values(reflector), "the watch has told of what came after")
        assert told == [ChangeKind.ADDED, ChangeKind.ADDED]


async def test_a_cut_connection_is_resumed_where_it_broke_off(plane: ControlPlane, tmp_path: Path) -> None:
    async with through_proxy(plane, tmp_path) as (proxy, access), reflecting(access) as reflector:
        await run(lambda: write(plane, "a", "1"))
        await eventually(lambda: values(reflector) == {"a": "1"}, "the first change")
        proxy.refuse()
        proxy.cut()
        await run(lambda: write(plane, "a", "2"), lambda: write(plane, "b"), lambda: delete(plane, "b"))
        await eventually(lambda: reflector.troubles[Trouble.UNREACHABLE] >= 2, "it tries again")
        assert (values(reflector), reflector.in_date) == ({"a": "1"}, False)
        await proxy.admit()
        await eventually(
            lambda: values(reflector) == {"a": "2"} and reflector.in_date, "what was missed is made up for"
        )
        assert reflector.lists == 1


async def test_a_connection_that_falls_silent_is_given_up(plane: ControlPlane, tmp_path: Path) -> None:
    async with through_proxy(plane, tmp_path) as (proxy, access), reflecting(access, silence_s=1.0) as reflector:
        assert reflector.in_date
        proxy.freeze()
        await run(lambda: write(plane, "a", "1"))
        await eventually(lambda: not reflector.in_date, "what is known may be old")
        await eventually(lambda: reflector.troubles[Trouble.SILENT] >= 1, "the silence is noticed")
        proxy.thaw()
        await eventually(lambda: values(reflector) == {"a": "1"}, "the change arrives")
        assert reflector.lists == 1


async def test_a_watch_that_is_left_waits_for_no_goodbye(plane: ControlPlane, tmp_path: Path) -> None:
    async with through_proxy(plane, tmp_path) as (proxy, access):
        async with reflecting(access):
            proxy.freeze()
        async with asyncio.timeout(PATIENCE_S / 2):
            await proxy.ended()


async def test_a_watch_that_the_server_ends_in_time_is_no_trouble(plane: ControlPlane) -> None:
    async with reflecting(KubeconfigAccess(plane.cluster.kubeconfig), watch_s=1) as reflector:
        await eventually(lambda: reflector.watches >= 3, "the next watches")
        await run(lambda: write(plane, "a", "1"))
        await eventually(lambda: values(reflector) == {"a": "1"}, "a change arrives")
        assert reflector.lists == 1
        assert set(reflector.troubles.values()) == {0}
        # Ends within a watch: asyncio leaves a socket behind where a connection is cancelled while it is made.
        watches = reflector.watches
        await eventually(lambda: reflector.watches > watches, "one more")


async def test_a_restarted_server_that_forgot_the_past_is_listed_anew(plane: ControlPlane, tmp_path: Path) -> None:
    async with through_proxy(plane, tmp_path) as (proxy, access), reflecting(access) as reflector:
        await run(lambda: write(plane, "gone"), lambda: write(plane, "a", "1"))
        await eventually(lambda: len(values(reflector)) == 2, "the first changes")
        proxy.refuse()
        proxy.cut()
        await run(lambda: delete(plane, "gone"), lambda: write(plane, "a", "2"))
        compact(plane)
        plane.stop_api_server()
        assert values(reflector) == {"gone": "", "a": "1"}
        # Not in another thread, with whose end the process would end.
        plane.start_api_server()
        await proxy.admit()
        await eventually(lambda: values(reflector) == {"a": "2"}, "everything is as it is now")
        assert reflector.troubles[Trouble.GONE] >= 1
        assert reflector.lists == 2
        await run(lambda: write(plane, "b"))
        await eventually(lambda: "b" in values(reflector), "the watch goes on")


def compact(plane: ControlPlane) -> None:
    """etcd forgets every revision but the last one."""
    url = f"http://127.0.0.1:{plane.ports.etcd}/v3/kv"
    with urlopen(Request(f"{url}/range", data=b'{"key": "Lw=="}')) as reply:
        revision = json.load(reply)["header"]["revision"]
    body = json.dumps({"revision": revision, "physical": True}).encode()
    urlopen(Request(f"{url}/compaction", data=body)).close()


async def test_the_token_is_read_anew_as_the_kubelet_replaces_it(plane: ControlPlane, tmp_path: Path) -> None:
    plane.cluster.kubectl("create", "serviceaccount", "reader", "-n", NAMESPACE)
    plane.cluster.kubectl("create", "role", "reader", "--verb=list,watch", "--resource=configmaps", "-n", NAMESPACE)
    plane.cluster.kubectl(
        "create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={NAMESPACE}:reader", "-n", NAMESPACE
    )
    good = plane.cluster.kubectl("create", "token", "reader", "-n", NAMESPACE)
    token = tmp_path / "token"
    token.write_text(good)
    async with cut_proxy(plane.ports.api) as proxy:
        access = PodAccess(f"https://127.0.0.1:{proxy.port}", token, plane.authority)
        async with reflecting(access) as reflector:

            async def goes_on_after(spoil: Callable[[], object], value: str) -> None:
                watches, troubles = reflector.watches, sum(reflector.troubles.values())
                spoil()
                proxy.cut()
                await eventually(lambda: sum(reflector.troubles.values()) >= troubles + 2, "it cannot go on")
                token.write_text(good)
                await eventually(lambda: reflector.watches > watches, "it watches again")
                await run(lambda: write(plane, "a", value))
                await eventually(lambda: values(reflector) == {"a": value}, "a change arrives")

            await goes_on_after(lambda: token.write_text("expired"), "written over")
            assert reflector.troubles[Trouble.REFUSED] >= 1
            await goes_on_after(token.unlink, "removed")


async def test_what_may_not_be_read_yet_is_read_when_it_may(plane: ControlPlane, tmp_path: Path) -> None:
    plane.cluster.kubectl("create", "serviceaccount", "late", "-n", NAMESPACE)
    token = tmp_path / "token"
    token.write_text(plane.cluster.kubectl("create", "token", "late", "-n", NAMESPACE))
    write(plane, "a", "1")
    access = PodAccess(f"https://127.0.0.1:{plane.ports.api}", token, plane.authority)
    async with await connect(access) as client:
        reflector = Reflector(client, ResourceKind("", "v1", "configmaps", NAMESPACE, "watched=yes"))
        running = asyncio.create_task(reflector.run())
        await eventually(lambda: reflector.troubles[Trouble.REFUSED] >= 2, "it is refused and tries again")
        await run(
            lambda: plane.cluster.kubectl(
                "create", "role", "late", "--verb=list,watch", "--resource=configmaps", "-n", NAMESPACE
            ),
            lambda: plane.cluster.kubectl(
                "create", "rolebinding", "late", "--role=late", f"--serviceaccount={NAMESPACE}:late", "-n", NAMESPACE
            ),
        )
        await eventually(lambda: values(reflector) == {"a": "1"} and reflector.watches, "it reads")
        running.cancel()
        await asyncio.wait({running})


@pytest.mark.parametrize("text", [None, "", "clusters: 7", "apiVersion: v1\nkind: Config\n"])
async def test_a_kubeconfig_that_is_wrong_is_said(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "config"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConnectionConfigError):
        await connect(KubeconfigAccess(path))
