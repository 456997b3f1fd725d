"""A namespace on a cluster that knows our kinds, and what kubectl says there; a pytest plugin."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import yaml

from antiphon_crds.documents import KINDS, Schema, text
from antiphon_crds.overlay import Json
from antiphon_crds.structure import RULES
from real_kubernetes.cluster import Cluster, KubectlError

UNCHECKED = "some validation rules were not checked because the object was invalid"


SERVICE_MONITORS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: servicemonitors.monitoring.coreos.com}
spec:
  group: monitoring.coreos.com
  scope: Namespaced
  names: {kind: ServiceMonitor, plural: servicemonitors}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
"""The Prometheus operator's kind, as far as it matters here."""


def install_service_monitors(cluster: Cluster) -> None:
    cluster.kubectl("apply", "-f", "-", stdin=SERVICE_MONITORS)
    cluster.wait("crd/servicemonitors.monitoring.coreos.com", "condition=Established")


def install_kinds(cluster: Cluster) -> None:
    """They stay when the tests are over: the cluster may be somebody's, with resources of our kinds."""
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin="---\n".join(text(kind) for kind in KINDS))
    for kind in KINDS:
        cluster.wait(f"crd/{kind.lower()}s.antiphon.dev", "condition=Established")


@pytest.fixture(scope="session")
def cluster_with_kinds(api_cluster: Cluster) -> Cluster:
    install_kinds(api_cluster)
    return api_cluster


@dataclass(frozen=True)
class Namespace:
    cluster: Cluster
    name: str

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.cluster.kubectl("-n", self.name, *arguments, stdin=stdin)

    def create(self, *documents: object) -> None:
        self.kubectl("create", "-f", "-", stdin=yaml.safe_dump_all(documents))

    def patch(self, kind: str, name: str, spec: str) -> None:
        """Merges YAML into the spec."""
        body = yaml.safe_dump({"spec": yaml.safe_load(spec)})
        self.kubectl("patch", kind, name, "--type=merge", f"--patch={body}")

    def stored(self, kind: str, name: str) -> dict[str, Json]:
        found = yaml.safe_load(self.kubectl("get", kind, name, "-o", "yaml"))
        assert isinstance(found, dict)
        return found

    def delete(self, kind: str, name: str) -> None:
        self.kubectl("delete", kind, name)


def refusal_lines(error: KubectlError) -> list[str]:
    """What kubectl said was wrong, a line each, without the frame around it."""
    said = re.split(r"is invalid: |strict decoding error: ", str(error), maxsplit=1)[1]
    lines = [line.strip().removeprefix("* ").removeprefix("<nil>: ") for line in said.splitlines()]
    return [line for line in lines if line and UNCHECKED not in line]


def rules_of(node: Schema) -> Iterator[Schema]:
    yield from node.get(RULES, ())
    for child in (*node.get("properties", {}).values(), *([node["items"]] if "items" in node else [])):
        yield from rules_of(child)
