"""What the relays' workload says, spec by spec."""

from dataclasses import dataclass, replace

import pytest

from antiphon_crds.metadata import Metadata
from antiphon_crds.transceiver_pool import Backend, BackendType, Session, TransceiverPool, TransceiverPoolSpec
from antiphon_operator.observed import ObservedPool
from antiphon_operator.relay.families import Families
from antiphon_operator.relay.relay_pod import DRAIN_S, READY_FAILURES, READY_PERIOD_S
from antiphon_relay.settings import Settings
from voice_relays import IN_EVERY_POD, at, settled, variables

HOST_NETWORK = "exposure: {type: HostNetwork, port: 4000}, publicAddresses: [{ip: 203.0.113.7}]"
POD = ("spec", "template", "spec")
RELAY = (*POD, "containers", "relay")


@dataclass(frozen=True)
class Says:
    """One place of a relay's workload, and what stands there."""

    why: str
    spec: str
    path: tuple[str | int, ...]
    value: object
    kind: str = "Deployment"


PLACES = [
    Says("two relays by default", "{}", ("spec", "replicas"), 2),
    Says("as many relays as the spec wants", "{workload: {replicas: 5}}", ("spec", "replicas"), 5),
    Says("a new relay serves before an old one goes", "{}", ("spec", "strategy", "rollingUpdate", "maxUnavailable"), 0),
    Says(
        "on host network the old relay leaves its port first",
        f"{{{HOST_NETWORK}}}",
        ("spec", "strategy", "rollingUpdate"),
        {"maxUnavailable": 1, "maxSurge": 0},
    ),
    Says(
        "a DaemonSet rolls over with a surge too",
        "{workload: {kind: DaemonSet}}",
        ("spec", "updateStrategy", "rollingUpdate"),
        {"maxUnavailable": 0, "maxSurge": 1},
        "DaemonSet",
    ),
    Says("a DaemonSet has no replicas", "{workload: {kind: DaemonSet}}", ("spec", "replicas"), None, "DaemonSet"),
    Says("the grace covers a drain while the flow cache is down", "{}", (*POD, "terminationGracePeriodSeconds"), 40),
    Says("pods are not on host network unless asked", "{}", (*POD, "hostNetwork"), None),
    Says("host network is a choice", f"{{{HOST_NETWORK}}}", (*POD, "hostNetwork"), True),
    Says(
        "on host network names inside the cluster still resolve",
        f"{{{HOST_NETWORK}}}",
        (*POD, "dnsPolicy"),
        "ClusterFirstWithHostNet",
    ),
    Says(
        "callers reach port 3478 of the pod",
        "{exposure: {port: 443}}",
        (*RELAY, "ports", "voice", "containerPort"),
        3478,
    ),
    Says("on host network it is the public port", f"{{{HOST_NETWORK}}}", (*RELAY, "ports", "voice", "hostPort"), 4000),
    Says("the root file system is read-only", "{}", (*RELAY, "securityContext", "readOnlyRootFilesystem"), True),
    Says("no CPU limit delays packets", "{}", (*RELAY, "resources", "limits", "cpu"), None),
    Says("memory allows for the flows", "{}", (*RELAY, "resources", "limits", "memory"), "288Mi"),
    Says(
        "more flows have more memory",
        "{limits: {maxFlowsPerWorker: 262144}, workload: {workersPerPod: 64}}",
        (*RELAY, "resources", "limits", "memory"),
        "4352Mi",
    ),
    Says(
        "the template's resources win",
        "{template: {spec: {containers: [{name: relay, resources: {limits: {memory: 1Gi}}}]}}}",
        (*RELAY, "resources", "limits", "memory"),
        "1Gi",
    ),
    Says(
        "the template cannot take a pod out of the fleet",
        "{template: {metadata: {labels: {app.kubernetes.io/component: other}}}}",
        ("spec", "template", "metadata", "labels", "app.kubernetes.io/component"),
        "relay",
    ),
]


@pytest.mark.parametrize("says", PLACES, ids=lambda says: says.why)
def test_what_stands_in_the_relays_workload(says: Says) -> None:
    assert at(settled(says.spec).child(says.kind, "edge-relay"), *says.path) == says.value


LIMITED = "{template: {spec: {containers: [{name: relay, resources: {limits: {cpu: %s}}}]}}}"


@pytest.mark.parametrize(
    ("spec", "variable", "value"),
    [
        pytest.param("{}", "ANTIPHON_WORKERS", "2", id="two workers without a CPU limit"),
        pytest.param(LIMITED % "4", "ANTIPHON_WORKERS", "4", id="a worker for each CPU of the limit"),
        pytest.param(LIMITED % "2500m", "ANTIPHON_WORKERS", "3", id="a worker for a part of a CPU too"),
        pytest.param(LIMITED % "0.5", "ANTIPHON_WORKERS", "1", id="one worker at least"),
        pytest.param(LIMITED % "1000", "ANTIPHON_WORKERS", "64", id="no more workers than there are hop ports"),
        pytest.param(
            "{workload: {workersPerPod: 8}}", "ANTIPHON_WORKERS", "8", id="the spec's workers before the limit's"
        ),
        pytest.param(
            "{workload: {workersPerPod: 8}, limits: {maxFlowsPerWorker: 1000}}",
            "ANTIPHON_MAX_FLOWS",
            "8000",
            id="flows are counted by worker, and set for the process",
        ),
        pytest.param("{}", "ANTIPHON_LISTEN", "0.0.0.0:3478", id="every address of a pod is listened on"),
        pytest.param(
            f"{{{HOST_NETWORK}}}",
            "ANTIPHON_LISTEN",
            "$(ANTIPHON_HOST_IP):4000",
            id="on host network the node's address only",
        ),
        pytest.param(
            f"{{{HOST_NETWORK}}}",
            "ANTIPHON_HTTP_ADDRESS",
            "$(ANTIPHON_HOST_IP):7190",
            id="on host network health is not shown to all networks",
        ),
        pytest.param(
            "{}", "ANTIPHON_HOP_ADDRESS", "$(ANTIPHON_POD_IP):7100", id="hop datagrams come from the pod's address"
        ),
        pytest.param("{}", "ANTIPHON_ROUTE_TABLES", "voice/edge", id="routes come from the fleet's RouteTables"),
        pytest.param("{}", "ANTIPHON_LONGEST_CALL_S", "86400", id="relays reckon with calls of a day"),
        pytest.param("{limits: {flowIdleTimeoutSeconds: 60}}", "ANTIPHON_FLOW_IDLE_S", "60", id="the spec's idle time"),
        pytest.param(
            "{limits: {newFlowsPerSecondPerPrefix: 7}}",
            "ANTIPHON_NEW_FLOWS_PER_PREFIX",
            "7",
            id="the spec's flow budget",
        ),
    ],
)
def test_what_a_relay_is_told(spec: str, variable: str, value: str) -> None:
    assert variables(settled(spec).child("Deployment", "edge-relay"), "relay")[variable] == value


@pytest.mark.parametrize("spec", ["{}", f"{{{HOST_NETWORK}}}", "{workload: {workersPerPod: 64}}"])
def test_a_relay_reads_what_it_is_told(spec: str) -> None:
    told = variables(settled(spec).child("Deployment", "edge-relay"), "relay")
    ips = {"$(ANTIPHON_POD_IP)": "10.244.0.7", "$(ANTIPHON_HOST_IP)": "192.0.2.1"}
    for variable, value in told.items():
        for name, ip in ips.items():
            told[variable] = told[variable].replace(name, ip)
        assert "$" not in told[variable], value
    settings = Settings.from_env({**told, **IN_EVERY_POD}, cpus=1)
    assert str(settings.hop) == "10.244.0.7:7100"
    assert {settings.http.port, *(address.port for address in settings.listen)} <= {7190, 3478, 4000}


def test_a_variable_stands_before_those_that_name_it() -> None:
    env = at(settled(f"{{{HOST_NETWORK}}}").child("Deployment", "edge-relay"), *RELAY, "env")
    assert isinstance(env, list)
    known: list[str] = []
    for one in env:
        value = str(at(one, "value"))
        assert all(f"$({name})" not in value or name in known for name in ("ANTIPHON_POD_IP", "ANTIPHON_HOST_IP"))
        known.append(str(at(one, "name")))
    assert {"ANTIPHON_POD_IP", "ANTIPHON_HOST_IP"} <= set(known)


def test_readiness_fails_before_a_drained_relay_stops_to_serve() -> None:
    # kube-proxy moves flows within 2 s of the last failed probe.
    assert DRAIN_S > READY_FAILURES * READY_PERIOD_S + 2
    relay = settled().child("Deployment", "edge-relay")
    assert at(relay, *RELAY, "readinessProbe", "periodSeconds") == READY_PERIOD_S
    assert at(relay, *RELAY, "readinessProbe", "failureThreshold") == READY_FAILURES
    assert int(variables(relay, "relay")["ANTIPHON_GRACE_S"]) < int(
        str(at(relay, *POD, "terminationGracePeriodSeconds"))
    )


def test_the_flow_cache_s_url_comes_from_its_secret() -> None:
    site = settled("{flowCache: {redisURLSecretRef: {name: redis, key: url}}}")
    found = at(site.child("Deployment", "edge-relay"), *RELAY, "env", "ANTIPHON_REDIS_URL", "valueFrom", "secretKeyRef")
    assert found == {"name": "redis", "key": "url"}


@pytest.mark.parametrize(
    ("names", "listen", "hop", "http"),
    [
        pytest.param(
            ["IPv6"],
            "[::]:3478",
            "[$(ANTIPHON_POD_IP)]:7100",
            "[::]:7190",
            id="a cluster of IPv6 alone is served on IPv6",
        ),
        pytest.param(
            ["IPv4", "IPv6"],
            "0.0.0.0:3478,[::]:3478",
            "$(ANTIPHON_POD_IP):7100",
            "0.0.0.0:7190",
            id="in a dual-stack cluster callers have both, and the rest the first",
        ),
    ],
)
def test_sockets_follow_the_cluster_s_address_families(names: list[str], listen: str, hop: str, http: str) -> None:
    site = settled()
    service = site.child("Service", "edge-metrics")
    spec = at(service, "spec")
    assert isinstance(spec, dict)
    site.change("Service", "edge-metrics", spec={**spec, "ipFamilies": list(names)})
    site.settle()
    told = variables(site.child("Deployment", "edge-relay"), "relay")
    assert (told["ANTIPHON_LISTEN"], told["ANTIPHON_HOP_ADDRESS"], told["ANTIPHON_HTTP_ADDRESS"]) == (listen, hop, http)


def test_families_are_written_as_settings_take_them() -> None:
    assert Families(("IPv4", "IPv6")).wildcards(7) == "0.0.0.0:7,[::]:7"


def pool(max_duration_s: int) -> ObservedPool:
    spec = TransceiverPoolSpec("edge", Backend(BackendType.ECHO), session=Session(max_duration_s))
    return ObservedPool(TransceiverPool(Metadata("agents", "voice"), spec), {}, ())


@pytest.mark.parametrize(
    ("longest", "relays", "page"),
    [
        pytest.param(3600, "86400", "3600", id="a usual pool restarts no relay, and the page warns in time"),
        pytest.param(7 * 86400, "604800", "604800", id="calls of a week need relays that know"),
    ],
)
def test_how_long_calls_may_be(longest: int, relays: str, page: str) -> None:
    site = settled()
    site.fleet = replace(site.fleet, pools=(pool(longest),))
    site.settle()
    assert variables(site.child("Deployment", "edge-relay"), "relay")["ANTIPHON_LONGEST_CALL_S"] == relays
    assert variables(site.child("Deployment", "edge-signaling"), "signaling")["ANTIPHON_LONGEST_CALL_S"] == page
