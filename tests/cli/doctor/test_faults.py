"""Every check is seen to fail by its fault on a real API server, and to be well again once it is mended."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from antiphon_cli.doctor.verdict import Level, Verdict
from examined import examined
from real_kubernetes.kwok import KwokCluster
from written_fleet import FIRST_BLOCKS, WrittenFleet, block, relays, route_table, transceiver, written_fleet

pytestmark = pytest.mark.cluster

PATIENCE_S = 40
"""Controllers and the scheduler have to notice some faults first."""
OWN_NODE = "doctor-node"

Act = Callable[[WrittenFleet], None]


@dataclass(frozen=True)
class Fault:
    name: str
    code: str
    make: Act
    mend: Act
    says: str
    level: Level = Level.FAILURE


def relay_condition(type_: str, reason: str, message: str) -> Act:
    return lambda fleet: fleet.write_relay_status(**{type_: ("False", reason, message)})


def pool_condition(type_: str, reason: str, message: str) -> Act:
    return lambda fleet: fleet.write_pool_status(**{type_: ("False", reason, message)})


def relay_spec(spec: dict[str, object]) -> Act:
    def act(fleet: WrittenFleet) -> None:
        fleet.patch("voicerelay", "edge", {"spec": spec})
        fleet.write_relay_status()

    return act


def service_spec(**spec: object) -> Act:
    return lambda fleet: fleet.patch("service", "edge-relay", {"spec": spec})


def host_name(name: str, *, resolved: bool) -> Act:
    def act(fleet: WrittenFleet) -> None:
        fleet.write_load_balancer({"hostname": name})
        wrong = {} if resolved else {"AddressResolved": ("False", "NameNotFound", f"{name} has no address")}
        fleet.write_relay_status(**wrong)

    return act


def table(**changes: object) -> Act:
    return lambda fleet: fleet.write_table(**changes)


def scaled(replicas: int) -> Act:
    return lambda fleet: fleet.apply(relays(replicas))


def kubectl(*arguments: str) -> Act:
    return lambda fleet: fleet.run(*arguments)


def both(*acts: Act) -> Act:
    def act(fleet: WrittenFleet) -> None:
        for each in acts:
            each(fleet)

    return act


def autoscaler(name: str) -> Act:
    target = {"type": "Utilization", "averageUtilization": 50}
    spec = {
        "scaleTargetRef": {"apiVersion": "antiphon.dev/v1alpha1", "kind": "TransceiverPool", "name": "agents"},
        "maxReplicas": 3,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    kind = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
    return lambda fleet: fleet.apply({**kind, "metadata": {"name": name}, "spec": spec})


def scaling_mode(mode: str) -> Act:
    def act(fleet: WrittenFleet) -> None:
        fleet.patch("transceiverpool", "agents", {"spec": {"scaling": {"mode": mode}}})
        fleet.write_pool_status()

    return act


def pod_security(level: str) -> Act:
    key = "pod-security.kubernetes.io/enforce"

    def act(fleet: WrittenFleet) -> None:
        change = f"{key}={level}" if level else f"{key}-"
        fleet.kubectl("label", "--overwrite", "namespace", fleet.namespace, change)

    return act


def without_lease(fleet: WrittenFleet) -> None:
    fleet.cluster.kubectl("-n", fleet.operator_namespace, "delete", "lease", "antiphon-operator")


def without_operator(fleet: WrittenFleet) -> None:
    fleet.cluster.kubectl("-n", fleet.operator_namespace, "delete", "deployment", "antiphon-operator")


def operator_again(fleet: WrittenFleet) -> None:
    fleet.write_operator()


well = both(WrittenFleet.write_relay_status, WrittenFleet.write_pool_status)
table_again = WrittenFleet.write_table
relays_again = both(scaled(2), kubectl("rollout", "status", "deployment/edge-relay", "--timeout=30s"), table_again)
balanced = both(lambda fleet: fleet.write_load_balancer({"ip": "203.0.113.7"}), WrittenFleet.write_relay_status)
pools_again = both(kubectl("delete", "hpa", "--all"), scaling_mode("Fixed"))

FAULTS = (
    Fault("no operator is installed", "AP104", without_operator, operator_again, "No operator is installed"),
    Fault("nobody holds the operator's Lease", "AP104", without_lease, operator_again, "nobody holds its Lease"),
    Fault(
        "the operator has not renewed its Lease",
        "AP104",
        lambda fleet: fleet.write_operator(renewed_s_ago=11_000),
        operator_again,
        "leads (last renewed 3 h ago)",
    ),
    Fault(
        "the operator watches other namespaces",
        "AP104",
        lambda fleet: fleet.write_operator(watched="elsewhere"),
        operator_again,
        "No operator watches namespace",
    ),
    Fault(
        "the load balancer gave no address",
        "AP201",
        relay_condition("AddressAssigned", "AddressPending", "the Service has no address yet"),
        well,
        "no address to send to (AddressPending: the Service has no address yet)",
    ),
    Fault(
        "the load balancer's name has no address",
        "AP202",
        host_name("nowhere.invalid", resolved=False),
        balanced,
        "does not resolve in the cluster (NameNotFound: nowhere.invalid has no address)",
    ),
    Fault(
        "this machine finds other addresses than the cluster",
        "AP202",
        host_name("localhost", resolved=True),
        balanced,
        "and answers name 203.0.113.7",
        Level.WARNING,
    ),
    Fault(
        "the public addresses are not the Service's",
        "AP203",
        relay_spec({"publicAddresses": [{"ip": "198.51.100.9"}]}),
        relay_spec({"publicAddresses": None}),
        "spec.publicAddresses has 198.51.100.9, the Service has 203.0.113.7",
        Level.WARNING,
    ),
    Fault(
        "the UDP Service has another port",
        "AP301",
        service_spec(ports=[{"name": "voice", "protocol": "UDP", "port": 3479, "targetPort": "voice"}]),
        service_spec(ports=[{"name": "voice", "protocol": "UDP", "port": 3478, "targetPort": "voice"}]),
        "has no UDP port 3478",
    ),
    Fault(
        "the UDP Service hides callers' addresses",
        "AP302",
        service_spec(externalTrafficPolicy="Cluster"),
        service_spec(externalTrafficPolicy="Local"),
        "externalTrafficPolicy Cluster",
        Level.WARNING,
    ),
    Fault(
        "the UDP Service keeps callers by address",
        "AP303",
        service_spec(sessionAffinity="ClientIP"),
        service_spec(sessionAffinity="None"),
        "sessionAffinity ClientIP",
    ),
    Fault("no relay runs", "AP304", scaled(0), relays_again, "No relay is ready"),
    Fault(
        "a relay finds no node",
        "AP304",
        scaled(9),
        relays_again,
        "of 9 relays are ready (Unschedulable: ",
        Level.WARNING,
    ),
    Fault("the only relay's node may be lost", "AP305", scaled(1), relays_again, "The only relay is", Level.WARNING),
    Fault(
        "a Secret was deleted",
        "AP501",
        kubectl("delete", "secret", "edge-keys"),
        WrittenFleet.write_secrets,
        "The Secret edge-keys is not there",
    ),
    Fault(
        "the keys were not rotated",
        "AP501",
        lambda fleet: fleet.write_secrets(next_rotation_in_s=-11_000),
        WrittenFleet.write_secrets,
        "should have been rotated 3 h ago",
    ),
    Fault(
        "a pod has no route",
        "AP502",
        table(blocks=[block(8, "agents-00000008")]),
        table_again,
        "Without a route, so that no call reaches them: agents-00000010",
    ),
    Fault(
        "a route's pod is gone",
        "AP502",
        table(blocks=[*(block(first, pod) for pod, first in FIRST_BLOCKS.items()), block(24, "agents-00000018")]),
        table_again,
        "In the route table, and not there: agents-00000018",
    ),
    Fault("a shard is missing", "AP503", table(shards=2), table_again, "edge-1 is missing"),
    Fault("there is no route table", "AP503", kubectl("delete", "routetable", "edge-0"), table_again, "no route table"),
    Fault(
        "a block is given away twice",
        "AP503",
        lambda fleet: fleet.apply(second_shard([block(8, "agents-0a0a0a0a")])),
        kubectl("delete", "routetable", "edge-1"),
        "Route id 8 is given away twice",
    ),
    Fault(
        "a relay is not in the table", "AP504", table(relays=[]), table_again, "Not in the route table", Level.WARNING
    ),
    Fault(
        "a key is used before kubelets have brought it",
        "AP505",
        relay_spec({"keys": {"publishLeadSeconds": 60}}),
        relay_spec({"keys": None}),
        "A new key is used 60 s after it was published",
        Level.WARNING,
    ),
    Fault(
        "the backend does not answer",
        "AP601",
        pool_condition("BackendReachable", "BackendUnreachable", "connection refused"),
        well,
        "does not reach ws://agent.voice:8080/v1/realtime (BackendUnreachable: connection refused)",
    ),
    Fault(
        "the backend refuses the key",
        "AP602",
        pool_condition("BackendReachable", "BackendUnauthorized", "401"),
        well,
        "refuses the API key of pool",
    ),
    Fault(
        "an autoscaler targets a pool with another scaler",
        "AP701",
        autoscaler("load"),
        pools_again,
        "whose scaling.mode is Fixed: two scalers",
    ),
    Fault(
        "two autoscalers target one pool",
        "AP701",
        both(scaling_mode("External"), autoscaler("load"), autoscaler("more")),
        pools_again,
        "all target pool",
    ),
    Fault(
        "an autoscaler has no metrics",
        "AP702",
        both(scaling_mode("External"), autoscaler("load")),
        pools_again,
        "does not scale (FailedGet",
    ),
    Fault(
        "a pod is too large for every node",
        "AP704",
        lambda fleet: fleet.apply(transceiver("agents-00000020", 32, cpu="100k")),
        kubectl("delete", "pod", "agents-00000020"),
        "1 pod without a node: agents-00000020 (Unschedulable",
    ),
    Fault(
        "a pod stays on a cordoned node",
        "AP705",
        both(lambda fleet: fleet.apply(transceiver("agents-00000028", 40, node=OWN_NODE)), kubectl("cordon", OWN_NODE)),
        both(kubectl("uncordon", OWN_NODE), kubectl("delete", "pod", "agents-00000028")),
        f" on {OWN_NODE}",
        Level.WARNING,
    ),
    Fault(
        "the namespace enforces nothing",
        "AP801",
        pod_security(""),
        pod_security("restricted"),
        "nothing",
        Level.WARNING,
    ),
    Fault(
        "host network in a restricted namespace",
        "AP802",
        relay_spec({"exposure": {"type": "HostNetwork"}}),
        relay_spec({"exposure": {"type": "LoadBalancer"}}),
        "Relays on host network are refused",
    ),
    Fault(
        "a policy denies all, and ours are gone",
        "AP803",
        kubectl("delete", "networkpolicy", "edge-relay"),
        WrittenFleet.write_policies,
        "NetworkPolicy default-deny denies all, and the fleet's own edge-relay is not there",
    ),
)


def second_shard(blocks: list[dict[str, object]]) -> dict[str, object]:
    spec = {"relayRef": {"name": "edge"}, "shard": 1, "shards": 1 + 1, "generation": time.time_ns() // 1_000_000}
    return route_table("edge-1", {**spec, "clusterID": 0, "clusterName": "voice/edge", "blocks": blocks})


@pytest.fixture(scope="module")
def fleet(kwok_cluster: KwokCluster) -> Iterator[WrittenFleet]:
    kwok_cluster.add_node(OWN_NODE)
    try:
        with written_fleet(kwok_cluster.control_plane.cluster) as fleet:
            yield fleet
    finally:
        kwok_cluster.remove_node(OWN_NODE)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.code} {fault.name}")
async def test_a_fault_is_found_and_its_mending_too(fleet: WrittenFleet, fault: Fault) -> None:
    fault.make(fleet)
    try:
        verdict = await settled(fleet, fault.code, fault.level)
        assert fault.says in verdict.said
        assert verdict.look.startswith(("kubectl ", "dig "))
        assert verdict.cure
    finally:
        fault.mend(fleet)
    await settled(fleet, fault.code, Level.OK)


async def settled(fleet: WrittenFleet, code: str, level: Level) -> Verdict:
    """What the check says once it says it with this level."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        verdict = (await examined(fleet.cluster.kubeconfig, fleet.namespace, [code]))[code].verdict
        if verdict.level is level:
            return verdict
        assert time.monotonic() < deadline, verdict
        await asyncio.sleep(0.2)
