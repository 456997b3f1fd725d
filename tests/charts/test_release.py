"""A release's life on a real API server: install, upgrade, uninstall, and again."""

import json
import subprocess
from typing import Any

import pytest

from chart import CHART, DEFINITION_NAMES, NAMESPACE, RELEASE, ROOT, Helm, HelmError, objects, settings
from real_kubernetes.cluster import Cluster, KubectlError

pytestmark = pytest.mark.cluster

OPERATOR = f"system:serviceaccount:{NAMESPACE}:antiphon-operator"
VOICE: Any = {
    "apiVersion": "antiphon.dev/v1alpha1",
    "kind": "VoiceRelay",
    "metadata": {"name": "edge"},
    "spec": {},
}
MAY = {
    "see the VoiceRelays of any namespace": ("list", "voicerelays.antiphon.dev", "voice"),
    "say how a pool stands": ("patch", "transceiverpools.antiphon.dev/status", "voice"),
    "write the ledger": ("update", "routetables.antiphon.dev", "voice"),
    "make a transceiver's pod": ("create", "pods", "voice"),
    "open a readiness gate": ("patch", "pods/status", "voice"),
    "make a fleet's keys": ("create", "secrets", "voice"),
    "see which nodes are cordoned": ("watch", "nodes", ""),
    "take the Lease": ("update", "leases.coordination.k8s.io/antiphon-operator", NAMESPACE),
}
MAY_NOT = {
    "change what a person wrote": ("patch", "voicerelays.antiphon.dev", "voice"),
    "delete a VoiceRelay": ("delete", "voicerelays.antiphon.dev", "voice"),
    "run commands in pods": ("create", "pods/exec", "voice"),
    "cordon a node": ("patch", "nodes", ""),
    "change definitions": ("patch", "customresourcedefinitions.apiextensions.k8s.io", ""),
    "give itself a role in the whole cluster": ("create", "clusterrolebindings.rbac.authorization.k8s.io", ""),
    "take another program's Lease": ("update", "leases.coordination.k8s.io/scheduler", NAMESPACE),
    "speak for another account": ("impersonate", "serviceaccounts", "voice"),
}


def install(helm: Helm, *values: str) -> str:
    return helm("install", RELEASE, str(CHART), "-n", NAMESPACE, "--wait=hookOnly", *settings(values))


def can(cluster: Cluster, verb: str, resource: str, namespace: str) -> bool:
    """`resource` is resource[.group][/subresource], or of a Lease resource.group/name."""
    where = ["-n", namespace] if namespace else []
    head, slash, tail = resource.partition("/")
    part = ["--subresource", tail] if slash and not head.startswith("leases") else []
    thing = resource if not part else head
    try:
        said = cluster.kubectl("auth", "can-i", verb, thing, *part, *where, "--as", OPERATOR)
    except KubectlError as refusal:
        # It exits with 1 to say no.
        return "no" not in str(refusal) and "yes" in str(refusal)
    return said.strip() == "yes"


def test_an_installed_chart_says_what_to_do_next(cluster: Cluster, helm: Helm) -> None:
    notes = install(helm)
    assert "ServiceMonitor: not made" in notes
    for command in ("kubectl apply", "kubectl get antiphon", "helm test antiphon", "antiphon call http"):
        assert command in notes
    assert cluster.jsonpath("deployment", "antiphon-operator", ".spec.replicas", NAMESPACE) == "2"
    cluster.apply(VOICE)
    listed = cluster.kubectl("get", "antiphon")
    assert "WaitingForOperator" in listed


def test_uninstalling_leaves_the_resources_and_installing_again_takes_them_up(cluster: Cluster, helm: Helm) -> None:
    install(helm)
    cluster.apply(VOICE)
    uid = cluster.jsonpath("voicerelay", "edge", ".metadata.uid")
    helm("uninstall", RELEASE, "-n", NAMESPACE)
    assert cluster.kubectl("get", "deployment,pdb,role,rolebinding", "-n", NAMESPACE) == ""
    assert cluster.jsonpath("voicerelay", "edge", ".metadata.uid") == uid
    install(helm)
    assert cluster.jsonpath("voicerelay", "edge", ".metadata.uid") == uid


def test_an_upgrade_changes_the_definitions_and_keeps_the_resources(
    cluster: Cluster, helm: Helm, tmp_path: Any
) -> None:
    older = tmp_path / "antiphon"
    subprocess.run(["cp", "-rL", str(CHART), str(older)], check=True)
    definition = older / "definitions" / "voicerelay.yaml"
    definition.write_text(definition.read_text().replace("shortNames: [vrelay]", "shortNames: [oldrelay]"))
    helm("install", RELEASE, str(older), "-n", NAMESPACE, "--wait=hookOnly")
    cluster.apply(VOICE)
    uid = cluster.jsonpath("voicerelay", "edge", ".metadata.uid")
    helm("upgrade", RELEASE, str(CHART), "-n", NAMESPACE, "--wait=hookOnly", "--set", "operator.replicas=1")
    assert cluster.jsonpath("crd", DEFINITION_NAMES[0], ".spec.names.shortNames[*]") == "vrelay"
    assert cluster.jsonpath("deployment", "antiphon-operator", ".spec.replicas", NAMESPACE) == "1"
    assert cluster.jsonpath("voicerelay", "edge", ".metadata.uid") == uid


def test_definitions_that_are_not_kept_go_with_the_release(cluster: Cluster, helm: Helm) -> None:
    install(helm, "crds.keep=false")
    helm("uninstall", RELEASE, "-n", NAMESPACE, "--wait")
    assert cluster.kubectl("get", "crd", "--ignore-not-found", *DEFINITION_NAMES) == ""


def test_pods_of_the_operator_are_let_into_a_restricted_namespace(cluster: Cluster, helm: Helm) -> None:
    install(helm)
    query = ["-n", NAMESPACE, "-l", "app.kubernetes.io/component=operator"]
    cluster.kubectl("wait", "pod", *query, "--for=create", "--timeout=30s")
    pods = json.loads(cluster.kubectl("get", "pods", *query, "-o", "json"))["items"]
    assert pods


def test_the_operator_may_do_its_work_and_nothing_else(cluster: Cluster, helm: Helm) -> None:
    install(helm)
    assert {row: can(cluster, *question) for row, question in MAY.items()} == dict.fromkeys(MAY, True)
    assert {row: can(cluster, *question) for row, question in MAY_NOT.items()} == dict.fromkeys(MAY_NOT, False)


def test_with_named_namespaces_it_may_work_in_those_alone(cluster: Cluster, helm: Helm) -> None:
    for namespace in ("voice", "other"):
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    install(helm, "watchNamespaces={voice}")
    assert can(cluster, "create", "pods", "voice")
    assert can(cluster, "list", "nodes", "")
    assert not can(cluster, "create", "pods", "other")
    assert not can(cluster, "list", "secrets", "other")
    assert not can(cluster, "list", "voicerelays.antiphon.dev", "")


def test_the_plain_manifest_gives_the_same_operator(cluster: Cluster) -> None:
    plain = ROOT / "deploy" / "antiphon.yaml"
    # The namespace and the definitions are the fixture's to remove.
    kept = ("Namespace", "CustomResourceDefinition")
    made = [item for item in objects(plain.read_text()) if item["kind"] not in kept]
    try:
        cluster.kubectl("apply", "-f", str(plain))
        cluster.wait(f"crd/{DEFINITION_NAMES[0]}", "condition=Established")
        assert cluster.jsonpath("deployment", "antiphon-operator", ".spec.replicas", NAMESPACE) == "2"
        assert can(cluster, "create", "pods", "voice")
    finally:
        listing = json.dumps({"apiVersion": "v1", "kind": "List", "items": made})
        cluster.kubectl("delete", "--ignore-not-found", "-n", NAMESPACE, "-f", "-", stdin=listing)


def test_helm_test_says_when_it_has_nothing_to_call(cluster: Cluster, helm: Helm) -> None:
    install(helm)
    hooks = helm("get", "hooks", RELEASE, "-n", NAMESPACE)
    assert "No call was made" in hooks
    helm("upgrade", RELEASE, str(CHART), "-n", NAMESPACE, "--wait=hookOnly", "--set", "test.voiceRelay=voice/edge")
    hooks = helm("get", "hooks", RELEASE, "-n", NAMESPACE)
    assert "No call was made" not in hooks
    assert '[python, -m, antiphon_cli, call, "http://edge-signaling.voice.svc"]' in hooks


def test_a_release_into_a_namespace_that_is_not_there_says_so(helm: Helm) -> None:
    with pytest.raises(HelmError, match='namespaces "nowhere" not found'):
        install(helm, "watchNamespaces={nowhere}")
