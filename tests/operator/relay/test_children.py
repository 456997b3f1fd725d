"""What the children of a VoiceRelay say, spec by spec."""

from dataclasses import replace

import pytest

from antiphon_operator.actions import Delete
from antiphon_operator.observed import ChildKey
from antiphon_signaling.settings import Settings
from voice_relays import IN_EVERY_POD, Site, at, settled, variables, voice_relay, written

ALWAYS = {
    ("ServiceAccount", "edge-fleet"),
    ("Role", "edge-fleet"),
    ("RoleBinding", "edge-fleet"),
    ("Service", "edge-metrics"),
    ("Service", "edge-signaling"),
    ("Deployment", "edge-signaling"),
    ("PodDisruptionBudget", "edge-signaling"),
    ("NetworkPolicy", "edge-signaling"),
    ("Secret", "edge-keys"),
    ("Secret", "edge-control"),
}
OF_RELAYS = {
    ("Deployment", "edge-relay"),
    ("Service", "edge-relay"),
    ("PodDisruptionBudget", "edge-relay"),
    ("NetworkPolicy", "edge-relay"),
}
HOST_NETWORK = "exposure: {type: HostNetwork, port: 4000}, publicAddresses: [{ip: 203.0.113.7}]"


@pytest.mark.parametrize(
    ("spec", "of_relays"),
    [
        pytest.param("{}", OF_RELAYS, id="a Deployment behind a Service is the default"),
        pytest.param(
            "{workload: {kind: DaemonSet}}",
            {("DaemonSet", "edge-relay"), ("Service", "edge-relay"), ("NetworkPolicy", "edge-relay")},
            id="a DaemonSet's pods are not evicted, so they need no budget",
        ),
        pytest.param(
            f"{{{HOST_NETWORK}}}",
            {("Deployment", "edge-relay"), ("PodDisruptionBudget", "edge-relay")},
            id="with host network there is no Service, and a NetworkPolicy would not count",
        ),
    ],
)
def test_which_children_there_are(spec: str, of_relays: set[tuple[str, str]]) -> None:
    assert {(key.kind, key.name) for key in settled(spec).fleet.children} == ALWAYS | of_relays


def test_every_child_is_owned_and_labelled() -> None:
    for key, child in settled().fleet.children.items():
        owners = at(child, "metadata", "ownerReferences")
        assert isinstance(owners, list)
        assert [at(owner, "uid") for owner in owners] == ["u1"], key
        assert at(child, "metadata", "labels", "antiphon.dev/relay") == "edge", key
        assert at(child, "metadata", "labels", "app.kubernetes.io/managed-by") == "antiphon-operator", key
        assert at(child, "metadata", "finalizers") is None, key


def test_the_workloads_wait_until_the_cluster_s_address_families_are_known() -> None:
    site = Site.of(voice_relay())
    kinds = {key.kind for key in written(site.round().children)}
    assert "Deployment" not in kinds
    assert "Service" in kinds
    assert {key.kind for key in written(site.round().children)} == {"Deployment"}


def test_workloads_are_left_alone_while_the_service_that_tells_the_families_is_away() -> None:
    site = settled()
    site.lose("Service", "edge-metrics")
    site.respec("{workload: {replicas: 5}}")
    plan = site.round()
    assert written(plan.children).keys() == {ChildKey("Service", "edge-metrics")}
    assert not any(isinstance(action, Delete) for action in plan.children)


@pytest.mark.parametrize(
    ("spec", "path", "value"),
    [
        pytest.param("{}", ("spec", "type"), "LoadBalancer", id="a load balancer by default"),
        pytest.param("{}", ("spec", "sessionAffinity"), "None", id="one NAT's callers do not land on one relay"),
        pytest.param("{}", ("spec", "externalTrafficPolicy"), "Local", id="callers keep their addresses"),
        pytest.param(
            "{exposure: {port: 443}}", ("spec", "ports", "voice", "port"), 443, id="the public port is the spec's"
        ),
        pytest.param(
            "{exposure: {type: NodePort, port: 31000}}",
            ("spec", "ports", "voice", "nodePort"),
            31000,
            id="exactly this node port",
        ),
        pytest.param(
            "{exposure: {loadBalancerClass: example.com/lb}}",
            ("spec", "loadBalancerClass"),
            "example.com/lb",
            id="the class",
        ),
        pytest.param(
            "{exposure: {sourceRanges: [198.51.100.0/24]}}",
            ("spec", "loadBalancerSourceRanges"),
            ["198.51.100.0/24"],
            id="the load balancer filters sources",
        ),
        pytest.param(
            "{exposure: {annotations: {example.com/a: b}}}",
            ("metadata", "annotations", "example.com/a"),
            "b",
            id="settings of the cloud's load balancer",
        ),
    ],
)
def test_what_stands_in_the_udp_service(spec: str, path: tuple[str, ...], value: object) -> None:
    assert at(settled(spec).child("Service", "edge-relay"), *path) == value


TLS = "{signaling: {tlsSecretRef: {name: voice-tls}, port: 443}}"
SIGNALING = ("spec", "template", "spec", "containers", "signaling")


@pytest.mark.parametrize(
    ("spec", "path", "value"),
    [
        pytest.param(
            TLS, (*SIGNALING, "readinessProbe", "httpGet", "scheme"), "HTTPS", id="probes speak what it speaks"
        ),
        pytest.param(
            TLS, (*SIGNALING, "volumeMounts", 3, "mountPath"), "/etc/antiphon/tls", id="the certificate is mounted"
        ),
        pytest.param("{}", (*SIGNALING, "readinessProbe", "httpGet", "scheme"), "HTTP", id="plain HTTP without one"),
        pytest.param("{signaling: {replicas: 4}}", ("spec", "replicas"), 4, id="the spec's replicas"),
        pytest.param(
            "{}", (*SIGNALING, "lifecycle", "preStop", "sleep", "seconds"), 5, id="it ends when nobody asks it any more"
        ),
    ],
)
def test_what_stands_in_signaling_s_deployment(spec: str, path: tuple[str | int, ...], value: object) -> None:
    assert at(settled(spec).child("Deployment", "edge-signaling"), *path) == value


@pytest.mark.parametrize("spec", ["{}", TLS, "{signaling: {allowedOrigins: ['*', 'http://localhost:*']}}"])
def test_signaling_reads_what_it_is_told(spec: str) -> None:
    told = variables(settled(spec).child("Deployment", "edge-signaling"), "signaling")
    settings = Settings.from_env({**told, **IN_EVERY_POD})
    assert str(settings.http_address) == "0.0.0.0:8080"
    assert (settings.tls is not None) is (spec == TLS)


def test_signaling_is_told_origins_and_certificate() -> None:
    spec = "{signaling: {tlsSecretRef: {name: t}, allowedOrigins: ['https://a.example', 'http://localhost:*']}}"
    told = variables(settled(spec).child("Deployment", "edge-signaling"), "signaling")
    assert told["ANTIPHON_ALLOWED_ORIGINS"] == "https://a.example,http://localhost:*"
    assert told["ANTIPHON_TLS_KEY_FILE"] == "/etc/antiphon/tls/tls.key"
    assert "ANTIPHON_ALLOWED_ORIGINS" not in variables(settled().child("Deployment", "edge-signaling"), "signaling")


def test_hop_datagrams_come_from_the_fleet_s_transceivers_on_every_worker_s_port() -> None:
    policy = settled("{workload: {workersPerPod: 4}}").child("NetworkPolicy", "edge-relay")
    rule = at(policy, "spec", "ingress", 1)
    assert at(rule, "ports", 0) == {"protocol": "UDP", "port": 7100, "endPort": 7103}
    assert at(rule, "from", 0, "podSelector", "matchLabels", "app.kubernetes.io/component") == "transceiver"
    assert at(rule, "from", 0, "podSelector", "matchLabels", "antiphon.dev/relay") == "edge"


@pytest.mark.parametrize(
    ("has_service_monitors", "sources"),
    [
        pytest.param(
            False,
            [
                {"podSelector": {}},
                {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "antiphon-system"}}},
            ],
            id="its own namespace and the operator's",
        ),
        pytest.param(
            True,
            [{"podSelector": {}}, {"namespaceSelector": {}}],
            id="any namespace where a Prometheus may be in any",
        ),
    ],
)
def test_who_reads_a_relay_s_metrics(has_service_monitors: bool, sources: object) -> None:
    site = Site.of(voice_relay())
    site.fleet = replace(site.fleet, has_service_monitors=has_service_monitors)
    site.settle()
    assert at(site.child("NetworkPolicy", "edge-relay"), "spec", "ingress", 2, "from") == sources
    assert (ChildKey("ServiceMonitor", "edge-metrics") in site.fleet.children) is has_service_monitors


def test_pods_may_read_route_tables_and_nothing_else() -> None:
    assert at(settled().child("Role", "edge-fleet"), "rules") == [
        {"apiGroups": ["antiphon.dev"], "resources": ["routetables"], "verbs": ["get", "list", "watch"]}
    ]


def test_relays_of_the_old_kind_serve_until_the_new_ones_do() -> None:
    site = settled()
    site.respec("{workload: {kind: DaemonSet}}")
    assert not any(isinstance(action, Delete) and action.kind == "Deployment" for action in site.round().children)
    site.change("DaemonSet", "edge-relay", status={"desiredNumberScheduled": 3, "numberAvailable": 2})
    assert site.round().children == ()
    site.change("DaemonSet", "edge-relay", status={"desiredNumberScheduled": 3, "numberAvailable": 3})
    (deletion,) = site.round().children
    assert deletion == Delete("apps/v1", "Deployment", "voice", "edge-relay", "uid-Deployment-edge-relay")


def test_on_host_network_the_old_kind_goes_at_once_since_it_has_the_port() -> None:
    site = settled(f"{{{HOST_NETWORK}}}")
    site.respec(f"{{workload: {{kind: DaemonSet}}, {HOST_NETWORK}}}")
    assert {action.kind for action in site.round().children if isinstance(action, Delete)} == {
        "Deployment",
        "PodDisruptionBudget",
    }
