"""The status of a VoiceRelay: what is said, when, and what to do about it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from antiphon_crds.documents import schema
from antiphon_crds.overlay import Json
from antiphon_crds.structure import problems
from antiphon_operator.observed import (
    FOREIGN,
    Fleet,
    Refusal,
    TableBlockState,
)
from antiphon_operator.relay.call_count import call_count
from served_fleet import ADDRESS, block, relays, served
from voice_relays import NOW, Site, voice_relay
from voice_relays import pod as relay_pod


def test_a_fleet_that_serves_says_so_in_full() -> None:
    status = served().fleet.relay_status
    assert {key: value for key, value in status.items() if key not in ("conditions", "version")} == {
        "observedGeneration": 3,
        "endpoint": "203.0.113.7:3478",
        "addresses": [{"ip": "203.0.113.7", "port": 3478}],
        "signalingURL": "http://edge-signaling.voice.svc/v1/realtime",
        "relays": {"desired": 2, "available": 2, "updated": 2},
        "pools": 1,
        "routes": 1,
        "calls": 7,
        "keyEpoch": 1,
    }
    conditions = status["conditions"]
    assert isinstance(conditions, list)
    assert [f"{one['type']}={one['status']}/{one['reason']}" for one in conditions if isinstance(one, dict)] == [
        "Ready=True/Serving",
        "AddressAssigned=True/Configured",
        "RelaysAvailable=True/AllAvailable",
        "SignalingAvailable=True/AllAvailable",
        "KeysSynced=True/InStep",
        "RoutesPublished=True/UpToDate",
        "AddressResolved=True/NoHostName",
    ]
    assert served().condition("Ready")["message"] == "203.0.113.7:3478: 2 of 2 relays serve; 1 route published"


@pytest.mark.parametrize("spec", [f"{{{ADDRESS}}}", "{exposure: {type: HostNetwork}}"])
def test_a_status_fits_its_schema(spec: str) -> None:
    """The API server drops what it does not know without a word."""
    status = schema("VoiceRelay")["properties"]["status"]
    assert list(problems(dict(served(spec).fleet.relay_status), status, "status")) == []


def test_every_condition_is_there_at_first_sight() -> None:
    site = Site.of(voice_relay())
    site.round()
    kinds = ("Ready", "AddressAssigned", "RelaysAvailable", "SignalingAvailable", "KeysSynced", "RoutesPublished")
    assert all(site.condition(kind) for kind in kinds)


def test_an_unchanged_status_is_not_written() -> None:
    site = served()
    assert site.round(NOW + 1000).statuses == ()


def test_a_condition_keeps_the_time_of_its_last_change() -> None:
    site = served()
    relays(site, availableReplicas=1)
    site.round(NOW + 1000)
    assert site.condition("RelaysAvailable")["reason"] == "SomeUnavailable"
    assert site.condition("RelaysAvailable")["lastTransitionTime"] == site.condition("Ready")["lastTransitionTime"]
    relays(site, availableReplicas=0)
    site.round(NOW + 2000)
    assert site.condition("RelaysAvailable")["lastTransitionTime"] == "2026-11-21T02:33:20Z"


def test_what_the_api_server_refuses_stalls_in_its_own_words() -> None:
    site = served()
    words = "Service is invalid: spec.loadBalancerClass: may not change once set"
    site.fleet = replace(site.fleet, refusals=(Refusal("Service", "edge-relay", 422, words),))
    site.settle()
    assert site.condition("Stalled")["reason"] == "WriteRefused"
    assert site.condition("Stalled")["message"] == f"the API server refuses Service edge-relay: {words}"


@pytest.mark.parametrize(
    ("kind", "name", "condition"),
    [
        pytest.param("Service", "edge-relay", "AddressAssigned", id="where callers send to"),
        pytest.param("Deployment", "edge-relay", "RelaysAvailable", id="the relays"),
        pytest.param("Deployment", "edge-signaling", "SignalingAvailable", id="signaling"),
        pytest.param("Service", "edge-signaling", "SignalingAvailable", id="the way to it"),
        pytest.param("Secret", "edge-keys", "KeysSynced", id="the key ring"),
        pytest.param("Secret", "edge-control", "KeysSynced", id="the control token"),
    ],
)
def test_somebody_else_s_object_in_the_way_of_calls_is_said(kind: str, name: str, condition: str) -> None:
    site = served()
    words = f"{kind} {name} is there already and is not of VoiceRelay edge"
    site.lose(kind, name)
    site.fleet = replace(site.fleet, refusals=(Refusal(kind, name, FOREIGN, words),))
    site.round()
    for said in (condition, "Ready", "Stalled"):
        assert (site.condition(said)["reason"], site.condition(said)["message"]) == ("WriteRefused", words)
    assert (site.condition(condition)["status"], site.condition("Ready")["status"]) == ("False", "False")
    again = site.round()
    assert (again.statuses, again.events) == ((), ()), "it is said once"


@pytest.mark.parametrize(
    ("kind", "name"), [("Role", "edge-fleet"), ("NetworkPolicy", "edge-relay"), ("Service", "edge-metrics")]
)
def test_what_calls_can_do_without_stalls_and_is_ready(kind: str, name: str) -> None:
    site = served()
    site.lose(kind, name)
    site.fleet = replace(site.fleet, refusals=(Refusal(kind, name, FOREIGN, "it is another's"),))
    site.round()
    assert (site.condition("Ready")["status"], site.condition("Stalled")["message"]) == ("True", "it is another's")


def test_no_relays_are_made_where_the_cluster_s_address_families_cannot_be_known() -> None:
    site = Site.of(voice_relay(f"{{{ADDRESS}}}"))
    site.fleet = replace(site.fleet, refusals=(Refusal("Service", "edge-metrics", FOREIGN, "it is another's"),))
    site.round()
    for said in ("RelaysAvailable", "Ready", "Stalled"):
        assert (site.condition(said)["reason"], site.condition(said)["message"]) == ("WriteRefused", "it is another's")


def test_a_workload_that_cannot_follow_another_leaves_the_relays_serving() -> None:
    site = served()
    site.fleet = replace(
        site.fleet,
        relay=voice_relay(f"{{{ADDRESS}, workload: {{kind: DaemonSet}}}}"),
        relay_pods=(relay_pod("edge-relay-1", ready=True),),
        refusals=(Refusal("DaemonSet", "edge-relay", FOREIGN, "it is another's"),),
    )
    site.round()
    assert (site.condition("Ready")["status"], site.condition("Stalled")["reason"]) == ("True", "WriteRefused")


def test_a_table_that_is_another_s_is_said() -> None:
    site = served()
    site.fleet = replace(site.fleet, tables=(), refusals=(Refusal("RouteTable", "edge-0", FOREIGN, "it is another's"),))
    site.settle()
    for said in ("RoutesPublished", "Ready", "Stalled"):
        assert (site.condition(said)["reason"], site.condition(said)["message"]) == ("Lagging", "it is another's")


def test_a_further_table_that_is_another_s_stalls() -> None:
    site = served()
    site.fleet = replace(site.fleet, refusals=(Refusal("RouteTable", "edge-1", FOREIGN, "it is another's"),))
    site.settle()
    assert (site.condition("Ready")["status"], site.condition("Stalled")["message"]) == ("True", "it is another's")


def test_a_refusal_of_a_pool_s_child_is_the_pool_s_matter() -> None:
    site = served()
    site.fleet = replace(site.fleet, refusals=(Refusal("Pod", "agents-00000008", 403, "no"),))
    assert site.settle() == []
    assert site.condition("Stalled") == {}


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        pytest.param(lambda fleet: replace(fleet, tables=()), "False", "Lagging", id="no table yet"),
        pytest.param(
            lambda fleet: replace(fleet, pools=()), "True", "NoPools", id="no pool yet: the relay is ready for one"
        ),
    ],
)
def test_what_is_said_of_the_routes(change: Callable[[Fleet], Fleet], status: str, reason: str) -> None:
    site = served()
    site.fleet = change(site.fleet)
    site.settle()
    assert (site.condition("RoutesPublished")["status"], site.condition("RoutesPublished")["reason"]) == (
        status,
        reason,
    )
    assert site.condition("Ready")["status"] == status


def test_a_table_with_other_addresses_is_behind() -> None:
    site = served()
    site.respec("{publicAddresses: [{ip: 203.0.113.8}]}")
    site.settle()
    assert site.condition("Ready")["reason"] == "Lagging"


def test_reserved_and_lost_blocks_are_no_routes() -> None:
    site = served()
    blocks = tuple(block(state) for state in TableBlockState)
    site.fleet = replace(site.fleet, tables=(replace(site.fleet.tables[0], blocks=blocks),))
    site.settle()
    assert site.fleet.relay_status["routes"] == 2


@pytest.mark.parametrize(
    ("signaling", "ingress", "url"),
    [
        pytest.param("{}", [], "http://edge-signaling.voice.svc/v1/realtime", id="inside the cluster"),
        pytest.param(
            "{port: 443, tlsSecretRef: {name: t}}",
            [],
            "https://edge-signaling.voice.svc/v1/realtime",
            id="with a certificate",
        ),
        pytest.param(
            "{port: 8443, tlsSecretRef: {name: t}}",
            [],
            "https://edge-signaling.voice.svc:8443/v1/realtime",
            id="on another port",
        ),
        pytest.param(
            "{exposure: LoadBalancer}",
            [{"ip": "2001:db8::9"}],
            "http://[2001:db8::9]/v1/realtime",
            id="its load balancer's",
        ),
        pytest.param(
            "{exposure: LoadBalancer}",
            [{"hostname": "lb.example.com"}],
            "http://lb.example.com/v1/realtime",
            id="its load balancer's name",
        ),
        pytest.param(
            "{exposure: LoadBalancer}",
            [],
            "http://edge-signaling.voice.svc/v1/realtime",
            id="while that has no address",
        ),
    ],
)
def test_where_clients_post_offers(signaling: str, ingress: list[Json], url: str) -> None:
    site = served(f"{{{ADDRESS}, signaling: {signaling}}}")
    site.change("Service", "edge-signaling", status={"loadBalancer": {"ingress": ingress}})
    site.settle()
    assert site.fleet.relay_status["signalingURL"] == url


@pytest.mark.parametrize(
    ("before", "live", "now", "shown", "again"),
    [
        pytest.param(None, 3, NOW + 10, 3, None, id="the first number"),
        pytest.param(100, 100, NOW + 10, 100, None, id="no change"),
        pytest.param(100, 106, NOW + 10, 106, None, id="more than five percent, at once"),
        pytest.param(100, 105, NOW + 10, 100, NOW + 30, id="five percent, at the next half minute"),
        pytest.param(100, 99, NOW + 31, 99, None, id="a small change, at a half minute"),
        pytest.param(0, 1, NOW + 10, 1, None, id="the first call, at once"),
    ],
)
def test_when_the_number_of_calls_is_written(
    before: Json, live: int, now: float, shown: int, again: float | None
) -> None:
    count = call_count(live, before, now)
    assert (count.shown, count.look_again_at) == (shown, again)
