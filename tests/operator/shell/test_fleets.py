"""Which objects belong to which fleet, and what of the news makes it be planned anew."""

import gc
import weakref

import pytest

from antiphon_crds.overlay import Json
from antiphon_operator.fleets import FleetKey, Orphans, Transceiver, UnreadableFleetError
from antiphon_operator.kinds import CHILDREN, Kind
from antiphon_operator.observed import ChildKey, NodeState, PodLoad, Refusal
from antiphon_wire.cluster.object_store import Change, ChangeKind
from antiphon_wire.control import BackendState
from watched_fleets import EDGE, Document, Watched, change, document

SECRET = next(kind for kind in CHILDREN if kind.name == "Secret")


def child(kind: Kind, name: str, relay: str) -> Change:
    labels: Json = {"antiphon.dev/relay": relay}
    return change(ChangeKind.ADDED, {"metadata": {"name": name, "namespace": "voice", "labels": labels}})


def test_a_fleet_is_put_together_from_what_names_it() -> None:
    watched = Watched()
    watched.relay()
    watched.pool("agents", creationTimestamp="2026-11-21T06:00:00Z")
    watched.pool("first", creationTimestamp="2026-11-20T06:00:00Z")
    watched.pod("edge-relay-1", {"app.kubernetes.io/component": "relay"})
    watched.pod("edge-signaling-1", {"app.kubernetes.io/component": "signaling"})
    watched.pool_pod("agents-00000010")
    watched.pool_pod("agents-00000008")
    watched.table("edge-1")
    watched.table("edge-0")
    watched.fleets.heard_child(SECRET, child(SECRET, "edge-keys", "edge"))
    assert watched.news() == {EDGE}
    fleet = watched.observed()
    assert [observed.pool.metadata.name for observed in fleet.pools] == ["first", "agents"], "the oldest first"
    assert [pod.name for pod in fleet.pools[1].pods] == ["agents-00000008", "agents-00000010"]
    assert [pod.name for pod in fleet.relay_pods] == ["edge-relay-1"]
    assert [table.name for table in fleet.tables] == ["edge-0", "edge-1"]
    found = fleet.children[ChildKey("Secret", "edge-keys")]
    assert (found["apiVersion"], found["kind"]) == ("v1", "Secret"), "which the items of a list do not say"


def test_another_fleet_hears_nothing() -> None:
    watched = Watched()
    watched.pool("agents", relay="edge")
    watched.pool("others", relay="core")
    assert watched.news() == {EDGE, FleetKey("voice", "core")}
    watched.fleets.heard_child(SECRET, child(SECRET, "core-keys", "core"))
    assert watched.news() == {FleetKey("voice", "core")}


def test_pools_without_their_relay_are_orphans() -> None:
    watched = Watched()
    watched.pool()
    found = watched.fleets.observe(EDGE, {})
    assert isinstance(found, Orphans)
    assert [observed.pool.metadata.name for observed in found.pools] == ["agents"]


@pytest.mark.parametrize(
    "end",
    [
        pytest.param({"kind": ChangeKind.DELETED}, id="it is gone"),
        pytest.param({"deletionTimestamp": "2026-11-21T06:00:00Z"}, id="it is deleted in the foreground"),
    ],
)
def test_pods_of_a_deleted_pool_are_strays(end: dict[str, Json]) -> None:
    watched = Watched()
    watched.relay()
    watched.pool()
    watched.pool_pod("agents-00000008")
    watched.pool(**end)  # type: ignore[arg-type]
    fleet = watched.observed()
    assert fleet.pools == ()
    assert [pod.name for pod in fleet.stray_pods] == ["agents-00000008"]


@pytest.mark.parametrize(
    "end",
    [
        pytest.param({"kind": ChangeKind.DELETED}, id="it is gone"),
        pytest.param({"deletionTimestamp": "2026-11-21T06:00:00Z"}, id="it is deleted in the foreground"),
    ],
)
def test_nothing_is_planned_for_a_deleted_relay(end: dict[str, Json]) -> None:
    watched = Watched()
    watched.relay()
    watched.relay(**end)  # type: ignore[arg-type]
    assert watched.fleets.observe(EDGE, {}) is None


def test_a_fleet_that_is_gone_is_forgotten() -> None:
    watched = Watched()
    watched.relay()
    watched.pool_pod("agents-00000008")
    watched.relay(ChangeKind.DELETED)
    assert EDGE in watched.fleets
    watched.pool_pod("agents-00000008", kind=ChangeKind.DELETED)
    assert EDGE not in watched.fleets
    assert watched.fleets.keys() == ()


def test_a_pod_that_changed_in_nothing_that_counts_is_no_news() -> None:
    watched = Watched()
    watched.pool_pod("agents-00000008")
    watched.news()
    watched.pool_pod("agents-00000008")
    assert watched.news() == set()


def test_a_node_concerns_the_fleets_with_pods_on_it() -> None:
    watched = Watched()
    watched.relay()
    watched.pool()
    watched.pool_pod("agents-00000008")
    assert watched.observed().pools[0].pods[0].node_state is NodeState.LOST, "no such node"
    watched.node(unschedulable=False)
    assert watched.news() == {EDGE}
    assert watched.observed().pools[0].pods[0].node_state is NodeState.USABLE
    watched.node(unschedulable=False)
    watched.node(unschedulable=True, name="n2")
    assert watched.news() == set()
    watched.node(unschedulable=True)
    assert watched.news() == {EDGE}
    assert watched.observed().pools[0].pods[0].node_state is NodeState.CORDONED


def test_the_nodes_of_a_fleet_are_those_that_its_pods_are_on_or_could_be_put_on() -> None:
    watched = Watched()
    watched.relay()
    watched.pool()
    watched.node(name="n1", unschedulable=True)
    watched.node(name="n2")
    watched.node(name="n3", unschedulable=True)
    assert watched.observed().nodes == (), "it has no pods"
    watched.pool_pod("agents-00000008")
    assert [node.name for node in watched.observed().nodes] == ["n1", "n2"]


def test_only_nodes_that_the_pods_ask_for_are_the_fleets() -> None:
    """Else the nodes of others decide whether theirs are lost."""
    watched = Watched(pods_spec={"nodeSelector": {"voice": "true"}})
    watched.relay()
    watched.pool()
    watched.pool_pod("agents-00000008")
    watched.node(name="n1", ready=False, voice="true")
    watched.node(name="n2", voice="true")
    watched.node(name="batch-1")
    watched.node(name="batch-2", voice="false")
    assert [node.name for node in watched.observed().nodes] == ["n1", "n2"]
    watched.node(name="n1", ready=False)
    assert watched.observed().nodes[0].name == "n1", "its pods are there, whatever its labels say now"


def test_while_a_node_with_its_pods_is_silent_the_others_concern_a_fleet() -> None:
    watched = Watched()
    watched.relay()
    watched.pool()
    watched.pool_pod("agents-00000008")
    watched.node(name="n1", ready=False)
    assert watched.observed().pools[0].pods[0].node_state is NodeState.NOT_READY
    watched.news()
    watched.node(name="n2", ready=False)
    assert watched.news() == {EDGE}
    watched.node(name="n1")
    watched.news()
    watched.node(name="n2")
    assert watched.news() == set()


def test_a_pods_answer_is_seen_and_ends_with_the_pod() -> None:
    watched = Watched()
    watched.relay()
    watched.pool()
    watched.pool_pod("agents-00000008")
    assert not list(watched.fleets.transceivers()), "its labels alone do not make it one that is sent the token"
    watched.table("edge-0")
    transceiver = next(watched.fleets.transceivers())
    assert transceiver == Transceiver(EDGE, "agents", "uid-agents-00000008", "agents-00000008", "10.0.0.1")
    load = PodLoad(60, 3, draining=False, backend=BackendState.REACHABLE, at=1.0)
    watched.news()
    watched.fleets.heard_load(transceiver, load, matters=False)
    assert watched.news() == set()
    assert watched.observed().pools[0].pods[0].load == load
    watched.fleets.heard_load(transceiver, None, matters=True)
    assert watched.news() == {EDGE}
    assert watched.observed().pools[0].pods[0].load is None
    watched.pool_pod("agents-00000008", kind=ChangeKind.DELETED)
    watched.news()
    watched.fleets.heard_load(transceiver, load, matters=True)
    assert watched.news() == set(), "a late answer of a pod that is gone"


POD = "agents-00000008"

endings = pytest.mark.parametrize(
    "end",
    [
        pytest.param({"kind": ChangeKind.DELETED}, id="it is deleted"),
        pytest.param({"relay": "core"}, id="it is another fleet's"),
        pytest.param({"uid": "another"}, id="another one has its name, of which a watch had not told"),
    ],
)


def one_transceiver() -> tuple[Watched, Transceiver]:
    watched = Watched()
    watched.relay()
    watched.pool()
    watched.pool_pod(POD)
    watched.table("edge-0")
    return watched, next(watched.fleets.transceivers())


@endings
def test_a_pod_that_is_gone_since_it_was_listed_is_not_sent_the_token(end: dict[str, str | ChangeKind]) -> None:
    watched, transceiver = one_transceiver()
    assert watched.fleets.is_there(transceiver)
    watched.pool_pod(POD, **end)  # type: ignore[arg-type]
    assert not watched.fleets.is_there(transceiver)


def test_a_table_without_its_label_is_missed_as_its_readers_miss_it() -> None:
    watched = Watched()
    watched.relay()
    watched.table("edge-0")
    watched.table("edge-0", label=None)
    assert watched.observed().tables == ()
    watched.table("edge-0")
    assert [table.name for table in watched.observed().tables] == ["edge-0"]


def test_no_label_makes_another_fleets_table_ours() -> None:
    watched = Watched()
    watched.relay()
    watched.table("edge-0")
    watched.table("west-0", label="west")
    watched.news()
    watched.table("west-0", state="Resting", label="edge")
    assert [table.name for table in watched.observed().tables] == ["edge-0"]
    watched.table("edge-extra-0", label="edge")
    watched.table("west-0", label="west")
    assert [table.name for table in watched.observed().tables] == ["edge-0"]


def test_a_pod_is_a_pools_by_its_owner_only() -> None:
    watched = Watched()
    watched.relay()
    watched.pool()
    watched.pool_pod("agents-00000008")
    watched.pool_pod("agents-00000010", owner="uid-of-another-agents")
    watched.pool_pod("agents-00000018", owner=None)
    watched.pool_pod("agents-00000018", owner=None)
    fleet = watched.observed()
    assert [pod.name for pod in fleet.pools[0].pods] == ["agents-00000008"]
    assert [(pod.name, pod.is_disowned) for pod in fleet.stray_pods] == [
        ("agents-00000010", False),
        ("agents-00000018", True),
    ]


@pytest.mark.parametrize(
    ("control", "is_sent"),
    [
        pytest.param("10.0.0.1:7300", True, id="its pool was deleted without it"),
        pytest.param("10.0.0.9:7300", False, id="the block was another's"),
        pytest.param(None, False, id="the block is reserved"),
    ],
)
def test_a_pod_without_owner_is_sent_the_token_where_the_ledger_says_its_address(
    control: str | None, *, is_sent: bool
) -> None:
    watched = Watched()
    watched.relay()
    watched.pool_pod("agents-00000008", owner=None)
    watched.table("edge-0", control=control)
    assert bool(list(watched.fleets.transceivers())) is is_sent


@endings
def test_nothing_is_kept_of_a_pods_answer_when_it_is_gone(end: dict[str, str | ChangeKind]) -> None:
    watched, transceiver = one_transceiver()
    load = PodLoad(60, 3, draining=False, backend=BackendState.REACHABLE, at=1.0)
    kept = weakref.ref(load)
    watched.fleets.heard_load(transceiver, load, matters=False)
    del load
    assert watched.observed().pools[0].pods[0].load is kept()
    watched.pool_pod(POD, **end)  # type: ignore[arg-type]
    gc.collect()
    assert kept() is None
    assert all(pod.load is None for pod in watched.observed().pools[0].pods)


def test_an_object_of_another_version_stops_its_fleet_until_it_can_be_read() -> None:
    watched = Watched()
    watched.relay()
    watched.table("edge-0", state="Resting")
    with pytest.raises(UnreadableFleetError, match="RouteTable edge-0"):
        watched.fleets.observe(EDGE, {})
    assert b'antiphon_operator_unread_objects_total{kind="RouteTable"} 1.0' in watched.metrics.text()
    watched.table("edge-0")
    assert len(watched.observed().tables) == 1
    watched.table("edge-0", state="Resting")
    assert watched.observed().tables[0].blocks[0].pod == "agents-00000008", "it stands as it was read last"


def test_a_resource_of_another_version_stops_its_fleet() -> None:
    watched = Watched()
    watched.relay()
    spec: Document = {"relayRef": {"name": "edge"}, "backend": {"type": "Telepathy"}}
    odd = document("TransceiverPool", "odd", spec)
    watched.fleets.heard_pool(change(ChangeKind.ADDED, odd))
    with pytest.raises(UnreadableFleetError, match="TransceiverPool odd"):
        watched.fleets.observe(EDGE, {})
    watched.fleets.heard_pool(change(ChangeKind.DELETED, odd))
    assert watched.observed().pools == ()


def test_a_pool_is_of_one_fleet_at_a_time() -> None:
    watched = Watched()
    watched.pool(relay="edge")
    watched.pool(relay="core")
    assert watched.fleets.keys() == (FleetKey("voice", "core"),)


def test_refusals_are_news_once() -> None:
    watched = Watched()
    watched.relay()
    refusal = Refusal("Pod", "agents-00000008", 403, "violates PodSecurity")
    assert watched.fleets.refused(EDGE, (refusal,))
    assert not watched.fleets.refused(EDGE, (refusal,))
    assert watched.observed().refusals == (refusal,)
    assert watched.fleets.refused(EDGE, ())


def test_service_monitors_concern_everyone() -> None:
    watched = Watched()
    watched.relay()
    watched.news()
    assert not watched.observed().has_service_monitors
    watched.fleets.service_monitors_served(served=True)
    assert watched.news() == {EDGE}
    assert watched.observed().has_service_monitors
    watched.fleets.service_monitors_served(served=True)
    assert watched.news() == set()
    watched.fleets.service_monitors_served(served=False)
    assert watched.news() == {EDGE}
    assert not watched.observed().has_service_monitors
