"""A real operator process on a real control plane with simulated pods: it converges, whatever is done to it."""

import json

import pytest

from kwok_fleet import KwokFleet
from operator_process import OperatorProcess, wait_for
from real_kubernetes.cluster import KubectlError

pytestmark = pytest.mark.cluster

ROUNDS_TO_REST = 15


def test_two_applied_resources_become_a_fleet_that_scales(fleet: KwokFleet) -> None:
    with fleet.operator() as operator:
        fleet.apply(replicas=3)
        fleet.wait_converged(3)
        fleet.kubectl("wait", "voicerelay/edge", "transceiverpool/agents", "--for=condition=Ready", "--timeout=30s")
        fleet.scale(6)
        fleet.wait_converged(6)
        fleet.scale(1)
        fleet.wait_converged(1)
        kept = fleet.pods()[0].name
        assert [block.state for block in fleet.blocks() if block.pod == kept] == ["Active"]
        assert operator.metric("antiphon_operator_resource_ready") == 2.0
        assert operator.metric("antiphon_operator_unread_objects_total") == 0.0
        assert operator.answers("/livez")
        assert operator.stop() == 0
    fleet.assert_nothing_twice()


def test_an_idle_fleet_is_planned_and_nothing_is_written(fleet: KwokFleet) -> None:
    with fleet.operator() as operator:
        fleet.apply(replicas=2)
        fleet.wait_converged(2)
        fleet.kubectl("wait", "voicerelay/edge", "transceiverpool/agents", "--for=condition=Ready", "--timeout=30s")
        # The last words of the start may still be written in the first of these rounds.
        written: list[float] = []
        while written[-2:] != [0.0, 0.0]:
            assert len(written) < ROUNDS_TO_REST, written
            written.append(actions_of_a_round(fleet, operator, len(written)))
        assert operator.metric("antiphon_operator_api_requests_total") > 0


def test_a_deleted_pod_is_lost_and_replaced(fleet: KwokFleet) -> None:
    with fleet.operator():
        fleet.apply(replicas=2)
        fleet.wait_converged(2)
        gone = fleet.pods()[0].name
        fleet.kubectl("delete", "pod", gone, "--force", "--grace-period=0")
        fleet.wait_converged(2)
        assert [block.state for block in fleet.blocks() if block.pod == gone] == ["Lost"]
    fleet.assert_nothing_twice()


def test_deleted_children_come_back(fleet: KwokFleet) -> None:
    children = [
        "secret/edge-control",
        "secret/edge-keys",
        "deployment/edge-relay",
        "service/edge-signaling",
        "role/edge-fleet",
        "poddisruptionbudget/agents-busy",
        "networkpolicy/agents",
    ]
    with fleet.operator() as operator:
        fleet.apply(replicas=1)
        fleet.wait_converged(1)
        before = {child: uid_of(fleet, child) for child in children}
        assert all(before.values())
        fleet.kubectl("delete", "--wait=false", *children)
        for child in children:
            operator.wait_for(lambda child=child: uid_of(fleet, child) not in ("", before[child]), f"{child} is back")  # type: ignore[misc]
        fleet.wait_converged(1)


def test_a_deleted_route_table_is_written_anew(fleet: KwokFleet) -> None:
    with fleet.operator():
        fleet.apply(replicas=3)
        fleet.wait_converged(3)
        names = {pod.name for pod in fleet.pods()}
        fleet.kubectl("delete", "routetable", "edge-0")
        fleet.wait_converged(3)
        assert {pod.name for pod in fleet.pods()} == names, "the pods that serve keep their routes"
    fleet.assert_nothing_twice()


def test_a_conflicting_writer_loses(fleet: KwokFleet) -> None:
    with fleet.operator() as operator:
        fleet.apply(replicas=2)
        fleet.wait_converged(2)
        for replicas in (7, 5, 9):
            fleet.kubectl("scale", "deployment/edge-relay", f"--replicas={replicas}")
        operator.wait_for(lambda: field_of(fleet, "deployment/edge-relay", ".spec.replicas") == "2", "two relays")
        blocks = {"spec": {"blocks": [], "generation": 9_000_000_000_000}}
        fleet.kubectl("patch", "routetable", "edge-0", "--type=merge", f"--patch={json.dumps(blocks)}")
        fleet.wait_converged(2)
    fleet.assert_nothing_twice()


def test_resources_deleted_while_no_operator_runs_leave_nothing(fleet: KwokFleet) -> None:
    with fleet.operator() as operator:
        fleet.apply(replicas=3)
        fleet.wait_converged(3)
        operator.kill()
    fleet.kubectl("delete", "voicerelay/edge", "transceiverpool/agents")
    with fleet.operator("operator-b") as operator:
        operator.wait_leads()
        operator.wait_for(lambda: left_of(fleet) == [], "everything is collected")
        # It stays so: whoever leads now makes nothing for a fleet that is gone.
        assert operator.metric("antiphon_operator_actions_total") == 0.0


def test_a_deleted_pool_takes_its_pods_along_and_the_fleet_goes_on(fleet: KwokFleet) -> None:
    with fleet.operator() as operator:
        fleet.apply(replicas=2)
        fleet.wait_converged(2)
        fleet.kubectl("delete", "transceiverpool/agents")
        operator.wait_for(lambda: fleet.pods() == [], "the pods are collected")
        operator.wait_for(lambda: {block.state for block in fleet.blocks()} <= {"Lost"}, "their routes are lost")
        fleet.apply(replicas=2)
        fleet.wait_converged(2)
    fleet.assert_nothing_twice()


def test_a_storm_of_pods_that_come_and_go(fleet: KwokFleet) -> None:
    with fleet.operator():
        fleet.apply(replicas=20)
        fleet.wait_converged(20)
        for _ in range(5):
            doomed = [pod.name for pod in fleet.pods() if not pod.ending][:20]
            fleet.kubectl("delete", "pod", *doomed, "--force", "--grace-period=0", "--wait=false")
        fleet.wait_converged(20)
    # A pod that is deleted before its routes are active is made again: they were never anybody's.
    fleet.assert_no_route_twice()


def test_an_operator_that_is_killed_in_a_rollout_is_followed_by_another(fleet: KwokFleet) -> None:
    with fleet.operator() as operator:
        fleet.apply(replicas=30)
        operator.wait_for(lambda: len(fleet.pods()) > 0, "the first pods are there")
        operator.kill()
    with fleet.operator("operator-b"):
        fleet.wait_converged(30)
    fleet.assert_nothing_twice()
    # A request whose sender was killed may be carried out and yet not be in the log.
    assert len(fleet.pods_created()) <= 30, "what the first one began is finished, not begun anew"


def test_what_the_api_server_refuses_is_said_and_done_once_it_is_allowed(fleet: KwokFleet) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}, "spec": {"hard": {"pods": "5"}}}
    fleet.kubectl("create", "-f", "-", stdin=json.dumps(quota))
    condition = '{.status.conditions[?(@.type=="PodsAvailable")].message}'
    with fleet.operator() as operator:
        fleet.apply(replicas=4)
        operator.wait_for(
            lambda: "exceeded quota" in fleet.kubectl("get", "tpool/agents", "-o", f"jsonpath={condition}"),
            "the status says what was refused",
        )
        fleet.kubectl("delete", "resourcequota/few")
        fleet.wait_converged(4)
    fleet.assert_nothing_twice()


def test_the_lease_is_released_in_order(fleet: KwokFleet) -> None:
    with fleet.operator() as operator:
        operator.wait_leads()
        assert field_of(fleet, "lease/antiphon-operator", ".spec.holderIdentity") == "operator-a"
        assert operator.stop() == 0
    assert field_of(fleet, "lease/antiphon-operator", ".spec.holderIdentity") == ""
    wait_for(lambda: left_of(fleet) == [], "nothing was made")


def uid_of(fleet: KwokFleet, what: str) -> str:
    return field_of(fleet, what, ".metadata.uid")


def field_of(fleet: KwokFleet, what: str, path: str) -> str:
    try:
        return fleet.kubectl("get", what, "-o", f"jsonpath={{{path}}}")
    except KubectlError:
        return ""


def left_of(fleet: KwokFleet) -> list[str]:
    kinds = "pods,secrets,services,deployments,routetables,roles,rolebindings,serviceaccounts,networkpolicies,pdb"
    return fleet.kubectl("get", kinds, "-l", "app.kubernetes.io/managed-by=antiphon-operator", "-o", "name").split()


def actions_of_a_round(fleet: KwokFleet, operator: OperatorProcess, number: int) -> float:
    """What is written because of an event that changes nothing which a plan reads."""
    unchanged, before = operator.unchanged_rounds(), operator.metric("antiphon_operator_actions_total")
    fleet.kubectl("annotate", "transceiverpool/agents", f"example.com/touched-{number}=1")
    operator.wait_for(lambda: operator.unchanged_rounds() > unchanged, "a round had nothing to do")
    return operator.metric("antiphon_operator_actions_total") - before
