"""A real API server takes what is planned, in a namespace of restricted pods, and then nothing more is planned."""

import time
from collections.abc import Callable

import pytest

from antiphon_operator.observed import ChildKey
from custom_resources import Namespace, install_service_monitors
from real_kubernetes.cluster import KubectlError
from stored_fleet import LABEL, StoredFleet
from voice_relays import at, condition, written

pytestmark = pytest.mark.cluster

SPECS = {
    "a spec that says nothing": "{}",
    "a DaemonSet": "{workload: {kind: DaemonSet}}",
    "a node port": "{exposure: {type: NodePort, port: 31478}, publicAddresses: [{ip: 203.0.113.7}]}",
    "all that there is to say of a load balancer": """
        exposure:
          {type: LoadBalancer, port: 443, externalTrafficPolicy: Cluster, loadBalancerClass: example.com/lb,
           annotations: {example.com/kind: external}, sourceRanges: [198.51.100.0/24]}
        publicAddresses: [{ip: 203.0.113.7, region: eu-west}, {ip: "2001:db8::7"}]
        """,
    "signaling with certificate, origins and a load balancer": """
        signaling:
          {replicas: 3, exposure: LoadBalancer, port: 443, tlsSecretRef: {name: voice-tls},
           annotations: {example.com/kind: external}, allowedOrigins: ["https://app.example.com", "http://localhost:*"]}
        """,
    "a flow cache and other limits": """
        flowCache: {redisURLSecretRef: {name: redis, key: url}}
        limits: {maxFlowsPerWorker: 1000, newFlowsPerSecondPerPrefix: 7, flowIdleTimeoutSeconds: 60}
        workload: {workersPerPod: 4, replicas: 5}
        """,
    "a template whose quantities are not spelt as the server spells them": """
        template:
          metadata: {labels: {team: voice}, annotations: {example.com/note: "1"}}
          spec:
            nodeSelector: {role: edge}
            tolerations: [{key: voice, operator: Exists}]
            priorityClassName: ""
            topologySpreadConstraints: null
            volumes: [{name: cache, emptyDir: {sizeLimit: "1024Mi"}}]
            containers:
              - {name: relay, resources: {limits: {cpu: 1500m, memory: "1024Mi"}, requests: {cpu: 0.5, memory: 0.25Gi}}}
              - name: sidecar
                image: sidecar:1
                env: [{name: EMPTY, value: ""}]
                ports: [{name: extra, containerPort: 9000}]
                readinessProbe: {tcpSocket: {port: 9000}, initialDelaySeconds: 0}
        """,
}


WAIT_S = 30


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_what_the_server_stored_is_what_was_wanted(spec: str, restricted: Namespace) -> None:
    StoredFleet.of(restricted, spec).converge()


def test_one_spec_after_another(restricted: Namespace) -> None:
    fleet = StoredFleet.of(restricted, "{}")
    fleet.converge()
    for spec in SPECS.values():
        # The class of a load balancer can only be chosen with the Service.
        fleet.respec(spec.replace("loadBalancerClass: example.com/lb,", ""))
        fleet.converge()


def test_a_service_monitor_is_one_more_child(restricted: Namespace) -> None:
    install_service_monitors(restricted.cluster)
    fleet = StoredFleet.of(restricted, "{signaling: {tlsSecretRef: {name: voice-tls}}}", has_service_monitors=True)
    fleet.converge()
    assert restricted.kubectl("get", "servicemonitors", "-o", "name") == (
        "servicemonitor.monitoring.coreos.com/edge-metrics\n"
    )


def test_the_pods_are_admitted_where_only_restricted_ones_are(restricted: Namespace) -> None:
    fleet = StoredFleet.of(restricted, "{flowCache: {redisURLSecretRef: {name: redis, key: url}}}")
    fleet.converge()

    def count(component: str) -> int:
        chosen = f"app.kubernetes.io/component={component}"
        return restricted.kubectl("get", "pods", "-l", chosen, "-o", "name").count("pod/edge-")

    poll(lambda: (count("relay"), count("signaling")) == (2, 2))


def test_host_network_is_said_to_be_refused_there(restricted: Namespace) -> None:
    spec = "{exposure: {type: HostNetwork}, publicAddresses: [{ip: 203.0.113.7}]}"
    fleet = StoredFleet.of(restricted, spec)
    fleet.converge()

    def stalled() -> bool:
        fleet.carry_out(fleet.plan())
        return condition(fleet.observe().relay_status, "Stalled") != {}

    poll(stalled)
    status = fleet.observe().relay_status
    assert condition(status, "Stalled")["reason"] == "PodSecurityForbidden"
    assert condition(status, "Ready")["reason"] == "PodSecurityForbidden"
    assert "host namespaces (hostNetwork=true)" in str(condition(status, "Ready")["message"])


def test_a_status_that_was_stored_is_not_written_again(restricted: Namespace) -> None:
    fleet = StoredFleet.of(restricted, "{publicAddresses: [{ip: 203.0.113.7, region: eu-west}]}")

    def settled() -> bool:
        plan = fleet.plan()
        fleet.carry_out(plan)
        return plan.children == () and plan.statuses == ()

    poll(settled)
    assert fleet.observe().relay_status["endpoint"] == "203.0.113.7:3478"


def test_what_others_changed_or_deleted_is_put_right_and_nothing_else_is_touched(restricted: Namespace) -> None:
    fleet = StoredFleet.of(restricted, "{}")
    fleet.converge()
    restricted.kubectl("scale", "deployment", "edge-relay", "--replicas=7")
    restricted.kubectl("delete", "networkpolicy", "edge-signaling")
    changed = fleet.plan().children
    assert written(changed).keys() == {
        ChildKey("Deployment", "edge-relay"),
        ChildKey("NetworkPolicy", "edge-signaling"),
    }
    fleet.converge()
    assert restricted.kubectl("get", "deployment", "edge-relay", "-o", "jsonpath={.spec.replicas}") == "2"


def test_what_the_spec_does_not_want_any_more_goes(restricted: Namespace) -> None:
    fleet = StoredFleet.of(restricted, "{}")
    fleet.converge()
    fleet.respec("{workload: {kind: DaemonSet}, exposure: {type: HostNetwork}, publicAddresses: [{ip: 192.0.2.1}]}")
    fleet.converge()
    left = restricted.kubectl("get", "deploy,ds,svc,pdb,netpol", "-l", LABEL, "-o", "name").split()
    assert sorted(left) == [
        "daemonset.apps/edge-relay",
        "deployment.apps/edge-signaling",
        "networkpolicy.networking.k8s.io/edge-signaling",
        "poddisruptionbudget.policy/edge-signaling",
        "service/edge-metrics",
        "service/edge-signaling",
    ]


def test_of_two_operators_that_rotate_at_once_one_is_refused(restricted: Namespace) -> None:
    fleet = StoredFleet.of(restricted, "{}")
    fleet.converge()
    restricted.kubectl("annotate", "voicerelay", "edge", "antiphon.dev/rotate-keys=now")
    first, second = fleet.plan(), fleet.plan()
    fleet.carry_out(first)
    with pytest.raises(KubectlError, match="the object has been modified"):
        fleet.carry_out(second)
    (key,) = [key for key in written(first.children) if key.name == "edge-keys"]
    stored = fleet.observe().children[key]
    assert at(stored, "data") == at(written(first.children)[key], "data")


def poll(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline, f"not so within {WAIT_S} s"
        time.sleep(0.1)
