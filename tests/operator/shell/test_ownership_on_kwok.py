"""Objects of others that have the fleet's names, and its own that lost their labels: on a real API server."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from kwok_fleet import Document, KwokFleet
from operator_process import OperatorProcess
from real_kubernetes.audit_log import Request

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

SERVICE: Document = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "edge-relay"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
}
SECRET: Document = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "edge-keys", "labels": {"app.kubernetes.io/managed-by": "Helm"}},
    "stringData": {"password": "hunter2"},
}
DEPLOYMENT: Document = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "edge-relay"},
    "spec": {
        "replicas": 0,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "registry.invalid/web:1"}]},
        },
    },
}
TABLE: Document = {
    "apiVersion": "antiphon.dev/v1alpha1",
    "kind": "RouteTable",
    "metadata": {"name": "edge-0", "labels": {"antiphon.dev/relay": "west"}},
    "spec": {
        "relayRef": {"name": "west"},
        "shard": 0,
        "shards": 1,
        "generation": 1,
        "clusterID": 7,
        "clusterName": "voice/west",
        "vip": [],
        "relays": [],
        "pools": [],
        "blocks": [],
    },
}
POLICY: Document = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "agents"},
    "spec": {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Egress"]},
}
MOST_ATTEMPTS = 40
WRITES = ("create", "update", "patch", "delete")
MANAGED_BY, RELAY = "app.kubernetes.io/managed-by", "antiphon.dev/relay"


def made(fleet: KwokFleet, document: Document) -> Document:
    """As somebody else made it, before the fleet."""
    return parsed(fleet.kubectl("create", "-o", "json", "-f", "-", stdin=json.dumps(document)))


def there(fleet: KwokFleet, document: Document) -> Document:
    metadata = document["metadata"]
    assert isinstance(metadata, dict)
    return parsed(fleet.kubectl("get", f"{str(document['kind']).lower()}/{metadata['name']}", "-o", "json"))


def without_status(document: Document) -> Document:
    """A Deployment's controller writes down how it stands."""
    metadata = document["metadata"]
    assert isinstance(metadata, dict)
    moving = ("resourceVersion", "managedFields", "annotations")
    described = {key: value for key, value in metadata.items() if key not in moving}
    return {**{key: value for key, value in document.items() if key != "status"}, "metadata": described}


def parsed(text: str) -> Document:
    found = json.loads(text)
    assert isinstance(found, dict)
    return found


def said(fleet: KwokFleet, what: str, kind: str) -> tuple[str, str, str]:
    """Status, reason and message of a condition."""
    listed = json.loads(fleet.kubectl("get", what, "-o", "json"))["status"].get("conditions", [])
    found = next((one for one in listed if one["type"] == kind), {"status": "", "reason": "", "message": ""})
    return found["status"], found["reason"], found["message"]


def requests(fleet: KwokFleet) -> list[Request]:
    """The operator's, but its Lease's and its watches'."""
    found = fleet.kwok.control_plane.audit.requests("operator-a")
    return [
        one
        for one in found
        if (one.namespace, one.verb != "watch", one.resource != "leases") == (fleet.namespace, True, True)
    ]


def looks(fleet: KwokFleet, resource: str, name: str) -> list[datetime]:
    """When the operator looked at what has the name of one of its objects: once for each attempt to make it."""
    return [
        datetime.fromisoformat(one.at)
        for one in requests(fleet)
        if (one.verb, one.resource, one.name) == ("get", resource, name)
    ]


def test_a_foreign_service_secret_and_deployment_are_left_alone_and_said(fleet: KwokFleet) -> None:
    theirs = [made(fleet, document) for document in (SERVICE, SECRET, DEPLOYMENT)]
    with fleet.operator() as operator:
        fleet.apply(replicas=2)
        for condition, object_ in (
            ("AddressAssigned", "Service edge-relay"),
            ("RelaysAvailable", "Deployment edge-relay"),
            ("KeysSynced", "Secret edge-keys"),
        ):
            wanted = f"{object_} is there already and is not of VoiceRelay edge"
            wait_said(fleet, operator, "voicerelay/edge", condition, wanted)
        status, reason, message = said(fleet, "voicerelay/edge", "Ready")
        assert (status, reason) == ("False", "WriteRefused")
        assert said(fleet, "voicerelay/edge", "Stalled") == ("True", reason, message)
        assert said(fleet, "transceiverpool/agents", "PodsAvailable")[:2] == ("False", "WriteRefused")
        assert "its label says that Helm manages it" in said(fleet, "transceiverpool/agents", "Stalled")[2]
        wait_paced(fleet, operator, "secrets", "edge-keys")
        assert fleet.pods() == []
        assert [without_status(there(fleet, one)) for one in theirs] == [without_status(one) for one in theirs]
        fleet.kubectl("delete", "service/edge-relay", "secret/edge-keys", "deployment/edge-relay")
        fleet.wait_converged(2)
        operator.wait_for(lambda: said(fleet, "voicerelay/edge", "Stalled")[0] == "", "nobody has to act any more")
        assert "KeysRemade" not in reasons(fleet), "there had been none to lose"
        assert key_epoch(fleet) == "1"


def test_no_pods_are_made_while_a_route_table_is_another_s(fleet: KwokFleet) -> None:
    theirs = made(fleet, TABLE)
    with fleet.operator() as operator:
        fleet.apply(replicas=2)
        for what in ("voicerelay/edge", "transceiverpool/agents"):
            wait_said(fleet, operator, what, "Stalled", "VoiceRelay west")
            assert said(fleet, what, "RoutesPublished")[:2] == ("False", "Lagging")
            assert said(fleet, what, "Ready")[0] == "False"
        wait_paced(fleet, operator, "routetables", "edge-0")
        assert fleet.pods() == []
        assert there(fleet, TABLE) == theirs
        fleet.kubectl("delete", "routetable/edge-0")
        fleet.wait_converged(2)


def test_a_foreign_network_policy_holds_up_no_pods_until_it_is_given_to_the_fleet(fleet: KwokFleet) -> None:
    theirs = made(fleet, POLICY)
    with fleet.operator() as operator:
        fleet.apply(replicas=2)
        fleet.wait_converged(2)
        wait_said(fleet, operator, "transceiverpool/agents", "Stalled", "NetworkPolicy agents is there")
        assert there(fleet, POLICY) == theirs
        # As the message has it.
        fleet.kubectl("label", "networkpolicy", "agents", f"{RELAY}=edge")
        operator.wait_for(lambda: said(fleet, "transceiverpool/agents", "Stalled")[0] == "", "it is the fleet's now")
        spec = there(fleet, POLICY)["spec"]
        assert isinstance(spec, dict)
        assert spec["podSelector"] != {"matchLabels": {"app": "web"}}


@dataclass(frozen=True)
class Lost:
    """An object that loses a label, and what must outlive that."""

    what: str
    content: str
    resource: str


OWN = (
    Lost("routetable/edge-0", "{.metadata.uid} {.spec}", "routetables"),
    Lost("secret/edge-keys", "{.metadata.uid} {.data}", "secrets"),
    Lost("secret/edge-control", "{.metadata.uid} {.data}", "secrets"),
    Lost("service/edge-relay", "{.metadata.uid} {.spec}", "services"),
    Lost("networkpolicy/agents", "{.metadata.uid} {.spec}", "networkpolicies"),
)


@pytest.mark.parametrize("label", [MANAGED_BY, RELAY])
def test_what_loses_a_label_gets_it_back_and_nothing_else_happens(fleet: KwokFleet, label: str) -> None:
    with fleet.operator() as operator:
        fleet.apply(replicas=2)
        fleet.wait_converged(2)
        fleet.kubectl("wait", "voicerelay/edge", "transceiverpool/agents", "--for=condition=Ready", "--timeout=30s")
        quiet(fleet, operator, "before")
        pods, epoch = {pod.uid for pod in fleet.pods()}, key_epoch(fleet)
        for lost in OWN:
            before, value, written = seen(fleet, lost), label_of(fleet, lost, label), len(writes(fleet))
            fleet.kubectl("label", lost.what, f"{label}-")
            wait_labelled(fleet, operator, lost, label, value)
            quiet(fleet, operator, lost.what.replace("/", "-"))
            assert seen(fleet, lost) == before
            after = [(one.verb, one.resource, one.status) for one in writes(fleet)[written:]]
            assert len(after) <= 4, f"one attempt to make it, one label, no loop: {after}"
            assert ("patch", lost.resource, 200) in after
        assert ({pod.uid for pod in fleet.pods()}, key_epoch(fleet)) == (pods, epoch)
        assert "KeysRemade" not in reasons(fleet)
        assert said(fleet, "voicerelay/edge", "KeysSynced")[1] == "InStep"
    fleet.assert_nothing_twice()


def wait_said(fleet: KwokFleet, operator: OperatorProcess, what: str, condition: str, words: str) -> None:
    operator.wait_for(lambda: words in said(fleet, what, condition)[2], f"{condition} of {what} says: {words}")


def wait_labelled(fleet: KwokFleet, operator: OperatorProcess, lost: Lost, label: str, value: str) -> None:
    operator.wait_for(lambda: label_of(fleet, lost, label) == value, f"{lost.what} has its label")


def wait_paced(fleet: KwokFleet, operator: OperatorProcess, resource: str, name: str) -> None:
    """Until the operator lets seconds pass between two attempts; at a fleet's start it has rounds in a row."""

    def is_paced() -> bool:
        attempts = looks(fleet, resource, name)
        assert len(attempts) <= MOST_ATTEMPTS, "a loop"
        return len(attempts) > 1 and attempts[-1] - attempts[-2] >= timedelta(seconds=5)

    operator.wait_for(is_paced, f"{name} is tried again now and then", 90.0)


def quiet(fleet: KwokFleet, operator: OperatorProcess, name: str) -> None:
    """Until a round that an event brings about has nothing to do, twice."""
    before = operator.unchanged_rounds()
    fleet.kubectl("annotate", "transceiverpool/agents", f"example.com/{name}-1=1")
    operator.wait_for(lambda: operator.unchanged_rounds() > before, "a round had nothing to do")
    fleet.kubectl("annotate", "transceiverpool/agents", f"example.com/{name}-2=1")
    operator.wait_for(lambda: operator.unchanged_rounds() > before + 1, "nor had the next")


def writes(fleet: KwokFleet) -> list[Request]:
    return [one for one in requests(fleet) if one.verb in WRITES]


def seen(fleet: KwokFleet, lost: Lost) -> str:
    return fleet.kubectl("get", lost.what, "-o", f"jsonpath={lost.content}")


def label_of(fleet: KwokFleet, lost: Lost, label: str) -> str:
    return fleet.kubectl("get", lost.what, "-o", f"jsonpath={{.metadata.labels.{label.replace('.', chr(92) + '.')}}}")


def key_epoch(fleet: KwokFleet) -> str:
    return fleet.kubectl("get", "voicerelay/edge", "-o", "jsonpath={.status.keyEpoch}")


def reasons(fleet: KwokFleet) -> list[str]:
    return fleet.kubectl("get", "events.events.k8s.io", "-o", "jsonpath={.items[*].reason}").split()
