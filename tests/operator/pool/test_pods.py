"""The pod of a pool."""

from dataclasses import replace

import pytest
import yaml

from antiphon_crds.overlay import Json
from antiphon_operator.observed import Images, Manifest
from antiphon_operator.pool.pods import PodTemplate, pod_template
from antiphon_operator.relay.families import IPV6, Families
from transceiver_pools import ECHO, fleet, reservation, transceiver_pool
from voice_relays import at

REALTIME = """
relayRef: {name: edge}
backend:
  type: Realtime
  realtime:
    url: "wss://api.example.com/v1/realtime"
    connectTimeoutSeconds: 7
    apiKeySecretRef: {name: provider, key: api-key}
sessionsPerPod: 40
session: {maxDurationSeconds: 1800}
drain: {deadlineSeconds: 900}
"""


def template(spec: str = ECHO, families: Families | None = None, **metadata: Json) -> PodTemplate:
    return pod_template(fleet(), transceiver_pool(spec, **metadata), families or Families())


def made(spec: str = ECHO, families: Families | None = None) -> Manifest:
    return template(spec, families).pod(reservation(1))


def variables(pod: Manifest) -> dict[str, Json]:
    listed = at(pod, "spec", "containers", "transceiver", "env")
    assert isinstance(listed, list)
    return {str(one["name"]): one.get("value", one.get("valueFrom")) for one in listed if isinstance(one, dict)}


def test_what_it_is_called_and_whose_it_is() -> None:
    pod = made()
    assert at(pod, "metadata") == {
        "name": "agents-01000008",
        "namespace": "voice",
        "labels": {
            "app.kubernetes.io/name": "antiphon",
            "app.kubernetes.io/component": "transceiver",
            "app.kubernetes.io/instance": "agents",
            "app.kubernetes.io/managed-by": "antiphon-operator",
            "antiphon.dev/relay": "edge",
            "antiphon.dev/pool": "agents",
            "antiphon.dev/revision": template().revision,
        },
        "annotations": {
            "antiphon.dev/routes": "16777224",
            "cluster-autoscaler.kubernetes.io/safe-to-evict": "true",
        },
        "ownerReferences": [
            {
                "apiVersion": "antiphon.dev/v1alpha1",
                "kind": "TransceiverPool",
                "name": "agents",
                "uid": "p1",
                "controller": True,
            }
        ],
    }


def test_its_variables_with_a_realtime_backend() -> None:
    assert variables(made(REALTIME)) == {
        "ANTIPHON_POD": {"fieldRef": {"fieldPath": "metadata.name"}},
        "ANTIPHON_POD_IP": {"fieldRef": {"fieldPath": "status.podIP"}},
        "ANTIPHON_ROUTES": {"fieldRef": {"fieldPath": "metadata.annotations['antiphon.dev/routes']"}},
        "ANTIPHON_HOP_ADDRESS": "$(ANTIPHON_POD_IP):7200",
        "ANTIPHON_HTTP_ADDRESS": "0.0.0.0:7300",
        "ANTIPHON_KEYS_FILE": "/etc/antiphon/keys/keys.json",
        "ANTIPHON_ROUTE_TABLES": "voice/edge",
        "ANTIPHON_ROUTES_CACHE": "/var/cache/antiphon/routes.json",
        "ANTIPHON_CONTROL_TOKEN_FILE": "/etc/antiphon/control/token",
        "ANTIPHON_CAPACITY": "40",
        "ANTIPHON_LONGEST_CALL_S": "1800",
        "ANTIPHON_DRAIN_DEADLINE_S": "900",
        "ANTIPHON_BACKEND": "realtime",
        "ANTIPHON_BACKEND_URL": "wss://api.example.com/v1/realtime",
        "ANTIPHON_BACKEND_CONNECT_TIMEOUT_S": "7",
        "ANTIPHON_BACKEND_KEY_FILE": "/etc/antiphon/backend/key",
    }


def test_an_echo_needs_no_backend() -> None:
    found = {name: value for name, value in variables(made()).items() if "BACKEND" in name}
    assert found == {"ANTIPHON_BACKEND": "echo"}


def test_its_address_in_a_cluster_of_ipv6() -> None:
    found = variables(made(families=Families((IPV6,))))
    assert found["ANTIPHON_HOP_ADDRESS"] == "[$(ANTIPHON_POD_IP)]:7200"
    assert found["ANTIPHON_HTTP_ADDRESS"] == "[::]:7300"


def test_the_backends_key_is_a_file_of_the_secret_that_the_pool_names() -> None:
    volume = at(made(REALTIME), "spec", "volumes", "backend")
    assert volume == {
        "name": "backend",
        "secret": {"secretName": "provider", "defaultMode": 0o440, "items": [{"key": "api-key", "path": "key"}]},
    }


def test_it_is_restricted() -> None:
    pod = made()
    assert at(pod, "spec", "securityContext", "runAsNonRoot") is True
    assert at(pod, "spec", "securityContext", "seccompProfile") == {"type": "RuntimeDefault"}
    assert at(pod, "spec", "containers", "transceiver", "securityContext") == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


@pytest.mark.parametrize(
    "template_spec",
    [
        pytest.param("{}", id="no template"),
        pytest.param(
            "{restartPolicy: Always, readinessGates: [], terminationGracePeriodSeconds: 1}", id="a template that would"
        ),
    ],
)
def test_it_is_never_restarted_waits_for_its_routes_and_drains_to_the_deadline(template_spec: str) -> None:
    spec = yaml.safe_load(REALTIME) | {"template": {"spec": yaml.safe_load(template_spec)}}
    found = at(made(yaml.safe_dump(spec)), "spec")
    assert isinstance(found, dict)
    assert found["restartPolicy"] == "Never"
    assert found["readinessGates"] == [{"conditionType": "antiphon.dev/routes-published"}]
    assert found["terminationGracePeriodSeconds"] == 930


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(ECHO[:-1] + ", sessionsPerPod: 7}", id="its capacity"),
        pytest.param(ECHO[:-1] + ", drain: {deadlineSeconds: 7}}", id="its drain deadline"),
        pytest.param(ECHO[:-1] + ", template: {metadata: {labels: {team: voice}}}}", id="a label of the template"),
        pytest.param(ECHO[:-1] + ", template: {spec: {priorityClassName: high}}}", id="a field of the template"),
        pytest.param(REALTIME, id="its backend"),
    ],
)
def test_what_changes_the_pod_changes_the_revision(changed: str) -> None:
    assert template(changed).revision != template().revision


def test_the_image_changes_the_revision() -> None:
    other = replace(fleet(), images=Images("relay:1", "transceiver:2", "signaling:1"))
    assert pod_template(other, transceiver_pool(), Families()).revision != template().revision


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(ECHO[:-1] + ", replicas: 7}", id="the number"),
        pytest.param(ECHO[:-1] + ", models: [parrot]}", id="the models"),
        pytest.param(ECHO[:-1] + ", update: {maxSurge: 7}}", id="how updates go"),
        pytest.param(ECHO[:-1] + ", scaling: {mode: External}}", id="who scales"),
    ],
)
def test_what_leaves_the_pod_as_it_is_leaves_the_revision(changed: str) -> None:
    assert template(changed).revision == template().revision
    assert template(uid="another").revision == template().revision
