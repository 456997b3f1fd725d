"""What keeps others from ending pods with calls, and who may speak to a pool's pods."""

from dataclasses import replace

import pytest

from antiphon_crds.overlay import Json
from antiphon_operator.observed import ObservedPod
from antiphon_operator.pool.disruption import busy_budget, busy_patches, drain_ends_at
from antiphon_operator.pool.network_policy import network_policy
from transceiver_pools import fleet, load, pod, transceiver_pool
from voice_relays import NOW, at, voice_relay

AGENTS = transceiver_pool()
BUSY = {
    "labels": {"antiphon.dev/busy": "true"},
    "annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},
}
IDLE = {
    "labels": {"antiphon.dev/busy": None},
    "annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "true"},
}
DRAINING = {"busy": True, "deleted_at": NOW - 3600, "deadline": NOW + 30}


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(pod(1, load=load(0)), None, id="idle, and so it says"),
        pytest.param(pod(1, load=load(2)), BUSY, id="its first call came"),
        pytest.param(pod(1, load=load(2), busy=True), None, id="busy, and so it says"),
        pytest.param(pod(1, load=load(0), busy=True), IDLE, id="its last call went"),
        pytest.param(pod(1, load=None, busy=True), None, id="it does not answer and was busy"),
        pytest.param(pod(1, load=None), None, id="it does not answer and was idle"),
        pytest.param(pod(1, None, load=load(2), **{**DRAINING, "deadline": NOW + 31}), None, id="it drains"),
        pytest.param(pod(1, None, load=load(2), **DRAINING), IDLE, id="its drain deadline ended its calls"),
    ],
)
def test_the_label_and_the_annotation_follow_the_calls(seen: ObservedPod, expected: object) -> None:
    patches = busy_patches(AGENTS, [seen], NOW)
    assert [one.body["metadata"] for one in patches] == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("deleted_at", "deadline", "ends_at"),
    [
        pytest.param(NOW, NOW + 3630, NOW + 3600, id="with the pod's own grace period"),
        pytest.param(NOW, NOW + 10, NOW + 10, id="with a shorter one it is killed"),
        pytest.param(None, None, float("inf"), id="it is not deleted"),
    ],
)
def test_when_a_drain_ends_the_calls_that_are_left(
    deleted_at: float | None, deadline: float | None, ends_at: float
) -> None:
    assert drain_ends_at(pod(1, deleted_at=deleted_at, deadline=deadline)) == ends_at


def test_no_busy_pod_may_be_evicted_and_every_idle_one() -> None:
    budget = busy_budget(AGENTS)
    assert at(budget, "metadata", "name") == "agents-busy"
    assert at(budget, "spec", "selector", "matchLabels", "antiphon.dev/busy") == "true"
    at_least = at(budget, "spec", "minAvailable")
    assert isinstance(at_least, int)
    assert at_least > 65_536


def test_only_relays_send_packets_and_only_signaling_and_the_operator_ask() -> None:
    rules = at(network_policy(fleet(), AGENTS), "spec", "ingress")
    labels = {"app.kubernetes.io/name": "antiphon", "antiphon.dev/relay": "edge"}
    assert rules == [
        {
            "ports": [{"protocol": "UDP", "port": 7200}],
            "from": [{"podSelector": {"matchLabels": {**labels, "app.kubernetes.io/component": "relay"}}}],
        },
        {
            "ports": [{"protocol": "TCP", "port": 7300}],
            "from": [
                {"podSelector": {"matchLabels": {**labels, "app.kubernetes.io/component": "signaling"}}},
                {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "antiphon-system"}}},
            ],
        },
    ]


def test_with_host_network_packets_come_from_nodes() -> None:
    relay = voice_relay("{exposure: {type: HostNetwork, port: 3478}, publicAddresses: [{ip: 203.0.113.7}]}")
    rules = at(network_policy(replace(fleet(), relay=relay), AGENTS), "spec", "ingress")
    assert isinstance(rules, list)
    assert rules[0] == {"ports": [{"protocol": "UDP", "port": 7200}]}


def from_namespace(name: str) -> dict[str, Json]:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


OPERATOR = from_namespace("antiphon-system")


@pytest.mark.parametrize(
    ("has_service_monitors", "named", "sources"),
    [
        pytest.param(False, (), [OPERATOR], id="there is no Prometheus as far as is known"),
        pytest.param(True, (), [{"namespaceSelector": {}}], id="there may be one, anywhere"),
        pytest.param(True, ("tenants",), [OPERATOR, from_namespace("tenants")], id="it is said where it runs"),
        pytest.param(False, ("tenants",), [OPERATOR, from_namespace("tenants")], id="it finds pods without our help"),
        pytest.param(True, ("antiphon-system",), [OPERATOR], id="it runs beside the operator"),
    ],
)
def test_who_of_other_namespaces_reads_metrics(
    named: tuple[str, ...], sources: list[Json], *, has_service_monitors: bool
) -> None:
    seen = replace(fleet(), has_service_monitors=has_service_monitors, monitoring_namespaces=named)
    found = at(network_policy(seen, AGENTS), "spec", "ingress", 1, "from")
    assert isinstance(found, list)
    assert found[1:] == sources, "the first one is the fleet's signaling"
