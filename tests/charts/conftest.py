"""A control plane for the chart alone: releases own cluster-wide objects, which other tests make too."""

import time
from collections.abc import Iterator

import pytest

from chart import DEFINITION_NAMES, NAMESPACE, Helm
from real_kubernetes.cluster import Cluster, KubectlError
from real_kubernetes.control_plane import control_plane
from real_kubernetes.run_folder import run_folder


@pytest.fixture(scope="session")
def chart_cluster() -> Iterator[Cluster]:
    """Without nodes: pods are admitted and stay Pending. Its namespace refuses what is not restricted."""
    with run_folder("chart") as folder, control_plane(folder) as plane:
        restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
        metadata = {"name": NAMESPACE, "labels": restricted}
        plane.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        yield plane.cluster


@pytest.fixture
def cluster(chart_cluster: Cluster) -> Iterator[Cluster]:
    """The same, with nothing of Antiphon in it afterwards."""
    yield chart_cluster
    helm = Helm(chart_cluster.kubeconfig)
    for release in helm("list", "-q", "-n", NAMESPACE).split():
        helm("uninstall", release, "-n", NAMESPACE)
    remove_definitions(chart_cluster)


def remove_definitions(cluster: Cluster) -> None:
    """A definition that is deleted before its objects can be listed is let go of minutes later only."""
    made = cluster.kubectl("get", "crd", "--ignore-not-found", "-o", "name", *DEFINITION_NAMES).split()
    for definition in made:
        cluster.wait(definition, "condition=Established")
        wait_until_listed(cluster, definition.partition("/")[2])
    cluster.kubectl("delete", "crd", "--ignore-not-found", *DEFINITION_NAMES, timeout_s=120)


def wait_until_listed(cluster: Cluster, kind: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            cluster.kubectl("get", kind, "-A")
        except KubectlError:
            assert time.monotonic() < deadline, f"{kind} are not served"
            time.sleep(0.2)
        else:
            return


@pytest.fixture
def helm(cluster: Cluster) -> Helm:
    return Helm(cluster.kubeconfig)
