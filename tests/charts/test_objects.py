"""A real API server takes every object that the chart can make, and the pods in it are restricted."""

import json
from typing import Any

import pytest
import yaml

from chart import CHART, DEFINITIONS, NAMESPACE, ROOT, Helm, objects, one, template
from real_kubernetes.cluster import Cluster

pytestmark = pytest.mark.cluster

MONITORING = "monitoring.coreos.com/v1"
VALUES = {
    "nothing set": [],
    "one namespace": ["watchNamespaces={voice}"],
    "two namespaces, one of them its own": [f"watchNamespaces={{voice,{NAMESPACE}}}"],
    "no definitions": ["crds.install=false"],
    "definitions that go with the release": ["crds.keep=false"],
    "one operator": ["operator.replicas=1"],
    "images by digest from a registry with a password": [
        "images.registry=registry.example:5000",
        f"images.operator.digest=sha256:{'0' * 64}",
        "images.pullSecrets={registry}",
    ],
    "pods for chosen nodes": [
        "operator.nodeSelector.kubernetes\\.io/os=linux",
        "operator.tolerations[0].key=edge",
        "operator.tolerations[0].operator=Exists",
        "operator.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]"
        ".matchExpressions[0].key=edge",
        "operator.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]"
        ".matchExpressions[0].operator=Exists",
        "operator.priorityClassName=system-cluster-critical",
    ],
    "labels and annotations": [
        "operator.podLabels.team=voice",
        "operator.podAnnotations.team=voice",
        "serviceAccount.annotations.team=voice",
    ],
    "a limit on CPU": ["operator.resources.limits.cpu=1"],
    "no dashboards": ["monitoring.dashboards=false"],
    "a VoiceRelay to test": ["test.voiceRelay=voice/edge"],
}


def restricted(pod: Any, name: str) -> Any:
    """A pod of this template, in the namespace that lets in restricted pods only; its account is not there yet."""
    metadata = {**pod["metadata"], "name": name, "namespace": NAMESPACE}
    spec = {**pod["spec"], "serviceAccountName": "default", "automountServiceAccountToken": False}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def dry_run(cluster: Cluster, documents: list[Any]) -> str:
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})
    return cluster.kubectl("apply", "--dry-run=server", "-f", "-", stdin=listed)


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_an_api_server_takes_every_object(chart_cluster: Cluster, values: list[str]) -> None:
    if not chart_cluster.kubectl("get", "namespace", "voice", "--ignore-not-found"):
        chart_cluster.kubectl("create", "namespace", "voice")
    made = objects(template(*values))
    pods = [restricted(item["spec"]["template"], "of-a-deployment") for item in made if item["kind"] == "Deployment"]
    assert pods
    said = dry_run(chart_cluster, made + pods)
    assert said.count("(server dry run)") == len(made) + len(pods)


def test_the_namespace_of_these_tests_refuses_what_is_not_restricted(chart_cluster: Cluster) -> None:
    deployment = one("Deployment", "antiphon-operator", objects(template()))
    pod = restricted(deployment["spec"]["template"], "loose")
    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    with pytest.raises(RuntimeError, match='violates PodSecurity "restricted'):
        dry_run(chart_cluster, [pod])


def test_no_container_may_write_its_root_or_run_without_bounds() -> None:
    made = objects(template("test.voiceRelay=voice/edge"))
    pods = [item["spec"]["template"]["spec"] for item in made if item["kind"] == "Deployment"]
    pods += [item["spec"] for item in made if item["kind"] == "Pod"]
    containers = [container for pod in pods for container in pod["containers"]]
    assert len(containers) == 2
    for container in containers:
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("kind", ["voicerelay", "transceiverpool", "routetable"])
def test_a_definition_is_its_file_unchanged(kind: str) -> None:
    source = (DEFINITIONS / f"{kind}.yaml").read_text()
    assert (CHART / "definitions" / f"{kind}.yaml").read_text() == source
    assert source.strip() in template("crds.keep=false")
    kept = source.replace("\nmetadata:\n", "\nmetadata:\n  annotations:\n    helm.sh/resource-policy: keep\n")
    assert kept != source
    assert kept.strip() in template()


def test_a_package_holds_the_definitions_and_not_their_links(tmp_path: Any) -> None:
    Helm()("package", str(CHART), "--destination", str(tmp_path))
    packed = next(tmp_path.glob("*.tgz"))
    assert Helm()("template", "antiphon", str(packed), "-n", NAMESPACE) == template()


def test_the_objects_of_a_monitoring_stack_are_made_where_it_is() -> None:
    def kinds(*options: str, values: tuple[str, ...] = ()) -> set[str]:
        return {item["kind"] for item in objects(template(*values, options=options))}

    both = {"ServiceMonitor", "PrometheusRule"}
    offered = [f"--api-versions={MONITORING}/{kind}" for kind in both]
    assert not both & kinds()
    assert both < kinds(*offered)
    assert both & kinds(offered[0]) == {offered[0].rpartition("/")[2]}
    always = ("monitoring.serviceMonitor=Always", "monitoring.prometheusRule=Always")
    never = ("monitoring.serviceMonitor=Never", "monitoring.prometheusRule=Never")
    assert both < kinds(values=always)
    assert not both & kinds(*offered, values=never)


def test_the_rules_are_those_of_the_files_with_the_readers_own_runbooks() -> None:
    values = ["monitoring.prometheusRule=Always", "monitoring.runbookURL=https://docs.example/runbooks/"]
    made = one("PrometheusRule", "antiphon", objects(template(*values)))
    files = "\n".join(path.read_text() for path in sorted((CHART / "alerts").glob("*.yaml")))
    # Each file has a head of its own; what is left is one list.
    groups = yaml.safe_load("groups:\n" + files.replace("groups:\n", ""))
    written = json.dumps(groups["groups"]).replace("docs/runbooks/", "https://docs.example/runbooks/")
    assert made["spec"]["groups"] == json.loads(written)


def test_a_dashboard_is_for_grafana_to_find() -> None:
    made = [item for item in objects(template()) if item["kind"] == "ConfigMap"]
    assert {item["metadata"]["name"] for item in made} == {
        f"antiphon-dashboard-{name}" for name in ("calls", "relay", "pools")
    }
    for item in made:
        assert item["metadata"]["labels"]["grafana_dashboard"] == "1"
        (content,) = item["data"].values()
        assert json.loads(content)["panels"]


def test_the_example_is_taken_as_it_is(cluster: Cluster) -> None:
    definitions = [item for item in objects(template()) if item["kind"] == "CustomResourceDefinition"]
    cluster.apply(*definitions)
    for definition in definitions:
        cluster.wait(f"crd/{definition['metadata']['name']}", "condition=Established")
    example = (ROOT / "examples" / "kubernetes" / "voice.yaml").read_text()
    made = objects(example)
    pods = [restricted(item["spec"]["template"], "parrot") for item in made if item["kind"] == "Deployment"]
    for item in made:
        item["metadata"]["namespace"] = NAMESPACE
    assert dry_run(cluster, made + pods).count("(server dry run)") == 5
    assert len(example.splitlines()) <= 60
