"""A real API server takes good resources, fills in what they leave out, and guards their changes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from antiphon_crds.documents import Schema, schema
from antiphon_crds.overlay import Json
from antiphon_crds.transceiver_pool import TransceiverPool
from antiphon_crds.voice_relay import VoiceRelay
from custom_resources import Namespace, refusal_lines
from real_kubernetes.cluster import KubectlError

pytestmark = pytest.mark.cluster

EXAMPLES = Path(__file__).parents[2] / "examples"
QUICKSTART = EXAMPLES / "quickstart.yaml"
IMMUTABLE = (
    "spec.relayRef.name: Forbidden: is immutable: route ids belong to one VoiceRelay. Create a second pool and drain "
    "this one"
)
OF_THE_OPERATOR = (
    "spec.replicas: Forbidden: may not be changed while `scaling.mode` is 'FreeCapacity': the operator sets the number "
    "of pods. Set `scaling.freeCapacity.minReplicas`, or set `scaling.mode` to 'External' for HPA and KEDA or to "
    "'Fixed' for people"
)


@pytest.fixture
def pool(namespace: Namespace) -> Iterator[str]:
    spec = {"relayRef": {"name": "edge"}, "backend": {"type": "Echo"}}
    metadata = {"name": "changing"}
    namespace.create(
        {"apiVersion": "antiphon.dev/v1alpha1", "kind": "TransceiverPool", "metadata": metadata, "spec": spec}
    )
    yield "changing"
    namespace.delete("tpool", "changing")


def test_the_sample_that_sets_every_field_sets_every_field(every_field: dict[str, dict[str, Json]]) -> None:
    for kind, document in every_field.items():
        unset = list(unset_fields(schema(kind)["properties"]["spec"], [document["spec"]], "spec"))
        assert not unset, kind


def unset_fields(node: Schema, values: list[Json], path: str) -> Iterator[str]:
    """`values`: all that the sample says at this place."""
    if not values:
        yield path
    items = [item for value in values if isinstance(value, list) for item in value]
    if "items" in node:
        yield from unset_fields(node["items"], items, f"{path}[]")
    for name, child in node.get("properties", {}).items():
        stated = [value[name] for value in values if isinstance(value, dict) and name in value]
        yield from unset_fields(child, stated, f"{path}.{name}")


def test_what_is_stored_reads_as_the_file_does(namespace: Namespace, every_field: dict[str, dict[str, Json]]) -> None:
    relay, pool = every_field["VoiceRelay"], every_field["TransceiverPool"]
    namespace.create(relay, pool)
    assert VoiceRelay.parse(namespace.stored("vrelay", "whole")).spec == VoiceRelay.parse(relay).spec
    assert TransceiverPool.parse(namespace.stored("tpool", "whole")).spec == TransceiverPool.parse(pool).spec


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.yaml")), ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_the_examples_are_taken_and_read_as_the_files_do(namespace: Namespace, path: Path) -> None:
    namespace.kubectl("apply", "-f", str(path))
    files = {document["kind"]: document for document in yaml.safe_load_all(path.read_text())}
    edge, agents = namespace.stored("vrelay", "edge"), namespace.stored("tpool", "agents")
    assert VoiceRelay.parse(edge).spec == VoiceRelay.parse(files["VoiceRelay"]).spec
    assert TransceiverPool.parse(agents).spec == TransceiverPool.parse(files["TransceiverPool"]).spec
    metadata = VoiceRelay.parse(edge).metadata
    assert (metadata.name, metadata.namespace) == ("edge", namespace.name)
    assert metadata.generation >= 1
    assert metadata.uid
    assert metadata.created_at > 0


@pytest.mark.parametrize("resource", ["vrelay/edge", "tpool/agents"])
def test_a_resource_says_that_nobody_has_seen_it(namespace: Namespace, resource: str) -> None:
    namespace.kubectl("apply", "-f", str(QUICKSTART))
    kind, _, name = resource.partition("/")
    status = namespace.stored(kind, name)["status"]
    assert isinstance(status, dict)
    assert isinstance(status["conditions"], list)
    (ready,) = status["conditions"]
    assert isinstance(ready, dict)
    assert (status["observedGeneration"], ready["type"], ready["status"]) == (-1, "Ready", "Unknown")
    assert ready["reason"] == "WaitingForOperator"
    # The command of the message is one that kubectl takes.
    command = str(ready["message"]).partition("kubectl ")[2]
    namespace.cluster.kubectl(*command.split())
    with pytest.raises(KubectlError, match="timed out waiting for the condition"):
        namespace.kubectl("wait", "--for=condition=Ready", resource, "--timeout=1s")


def test_a_status_is_written_beside_the_spec(namespace: Namespace) -> None:
    namespace.kubectl("apply", "-f", str(QUICKSTART))
    ready = {"type": "Ready", "status": "True", "reason": "Serving", "message": "as wanted"}
    condition = {**ready, "observedGeneration": 1, "lastTransitionTime": "2026-11-21T06:00:00Z"}
    status = {"observedGeneration": 1, "replicas": 2, "selector": "antiphon.dev/pool=agents", "conditions": [condition]}
    body = yaml.safe_dump({"spec": {"replicas": 9}, "status": status})
    namespace.kubectl("patch", "tpool", "agents", "--subresource=status", "--type=merge", f"--patch={body}")
    namespace.kubectl("wait", "--for=condition=Ready", "tpool/agents", "--timeout=5s")
    stored = namespace.stored("tpool", "agents")
    assert stored["status"] == status
    assert TransceiverPool.parse(stored).spec.replicas == 2
    scale = yaml.safe_load(namespace.kubectl("get", "tpool", "agents", "--subresource=scale", "-o", "yaml"))
    assert (scale["spec"], scale["status"]) == (
        {"replicas": 2},
        {"replicas": 2, "selector": "antiphon.dev/pool=agents"},
    )


def test_a_pool_stays_with_its_relay(namespace: Namespace, pool: str) -> None:
    with pytest.raises(KubectlError) as error:
        namespace.patch("tpool", pool, "{relayRef: {name: other}}")
    assert refusal_lines(error.value) == [IMMUTABLE]


def test_a_relay_keeps_its_cluster_id(namespace: Namespace) -> None:
    metadata = {"name": "numbered"}
    relay = {
        "apiVersion": "antiphon.dev/v1alpha1",
        "kind": "VoiceRelay",
        "metadata": metadata,
        "spec": {"clusterID": 3},
    }
    namespace.create(relay)
    try:
        namespace.patch("vrelay", "numbered", "{limits: {flowIdleTimeoutSeconds: 40}}")
        with pytest.raises(KubectlError, match=r"spec\.clusterID: .*is immutable: it is in every ticket"):
            namespace.patch("vrelay", "numbered", "{clusterID: 4}")
    finally:
        namespace.delete("vrelay", "numbered")


def test_a_fixed_pool_is_scaled_by_kubectl(namespace: Namespace, pool: str) -> None:
    namespace.kubectl("scale", f"tpool/{pool}", "--replicas=5")
    assert TransceiverPool.parse(namespace.stored("tpool", pool)).spec.replicas == 5


def test_a_pool_that_the_operator_scales_is_not_scaled_by_others(namespace: Namespace, pool: str) -> None:
    namespace.patch("tpool", pool, "{replicas: 4, scaling: {mode: External}}")
    namespace.patch("tpool", pool, "{scaling: {mode: FreeCapacity}}")
    with pytest.raises(KubectlError) as error:
        namespace.kubectl("scale", f"tpool/{pool}", "--replicas=5")
    assert OF_THE_OPERATOR in str(error.value)
    with pytest.raises(KubectlError) as error:
        namespace.patch("tpool", pool, "{replicas: 1000}")
    assert refusal_lines(error.value) == [OF_THE_OPERATOR]
    namespace.patch("tpool", pool, "{sessionsPerPod: 30}")
    namespace.patch("tpool", pool, "{replicas: 5, scaling: {mode: Fixed}}")
    assert TransceiverPool.parse(namespace.stored("tpool", pool)).spec.replicas == 5
