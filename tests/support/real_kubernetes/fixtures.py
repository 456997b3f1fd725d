"""Session-wide clusters, started by the first test that asks for one; a pytest plugin."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from real_kubernetes.cluster import Cluster
from real_kubernetes.control_plane import ControlPlane
from real_kubernetes.control_plane import control_plane as running_control_plane
from real_kubernetes.kwok import KwokCluster
from real_kubernetes.kwok import kwok_cluster as running_kwok_cluster
from real_kubernetes.place import HERE, Place
from real_kubernetes.programs import built_programs, image_store
from real_kubernetes.real_cluster import RealCluster
from real_kubernetes.real_cluster import real_cluster as running_real_cluster
from real_kubernetes.run_folder import run_folder

FOREIGN = "ANTIPHON_TEST_KUBECONFIG"
NOT_OURS = f"needs a cluster that the harness made, and {FOREIGN} names another"
NOT_BUILT = "the Kubernetes programs are not built (`make kubernetes` builds them)"
NODE_PROGRAMS = ("containerd", "runc", "buildah", "debootstrap", "nft", "conntrack", "ip", "unshare", "nsenter")
NODES = 2
START_S = {"cluster": 120, "kubelet": 900}
"""Added to what a test may take: the first one waits for its cluster, and for images that have to be built."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "cluster: needs the Kubernetes programs")
    config.addinivalue_line("markers", "kubelet: needs root, containerd, runc and images, for pods that run")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # What runs for clusters runs until the end: tests that need none are not to share the machine with it.
    items.sort(key=lambda item: [item.get_closest_marker(mark) is not None for mark in ("kubelet", "cluster")])
    for mark, lacking in (("cluster", lacking_for_cluster), ("kubelet", lacking_for_kubelet)):
        marked = [item for item in items if item.get_closest_marker(mark) is not None]
        reason = lacking() if marked else None
        for item in marked:
            if reason is not None:
                item.add_marker(pytest.mark.skip(reason=reason))
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(START_S[mark] + 60))


def lacking_for_cluster() -> str | None:
    usable = built_programs() is not None or (foreign_cluster() is not None and shutil.which("kubectl") is not None)
    return None if usable else NOT_BUILT


def lacking_for_kubelet() -> str | None:
    if foreign_cluster() is not None or lacking_for_cluster() is not None:
        return lacking_for_cluster()
    if os.geteuid() != 0:
        return "a node of our own needs root"
    missing = [name for name in NODE_PROGRAMS if shutil.which(name) is None]
    return f"{', '.join(missing)} not installed (`make machine` installs them)" if missing else None


def foreign_cluster() -> Cluster | None:
    named = os.environ.get(FOREIGN)
    return Cluster(Path(named)) if named else None


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """A control plane of our own, without nodes: it can be stopped, and its audit log read."""
    if foreign_cluster() is not None:
        pytest.skip(NOT_OURS)
    with run_folder("plane") as folder, running_control_plane(folder) as plane:
        yield plane


@pytest.fixture(scope="session")
def api_cluster(request: pytest.FixtureRequest) -> Cluster:
    """For what needs an API server and no pods: the cluster that the environment names, else `control_plane`'s."""
    named = foreign_cluster()
    if named is not None:
        return named
    plane = request.getfixturevalue("control_plane")
    assert isinstance(plane, ControlPlane)
    return plane.cluster


@pytest.fixture(scope="session")
def kwok_cluster() -> Iterator[KwokCluster]:
    """A control plane of its own with simulated nodes and pods."""
    if foreign_cluster() is not None:
        pytest.skip(NOT_OURS)
    with run_folder("kwok") as folder, running_kwok_cluster(folder) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def real_cluster() -> Iterator[RealCluster]:
    """Two nodes that run pods, the images in them, callers outside."""
    if foreign_cluster() is not None:
        pytest.skip(NOT_OURS)
    images = image_store()
    with run_folder("real") as folder, running_real_cluster(folder, images, NODES) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def pod_cluster(request: pytest.FixtureRequest) -> Cluster:
    """For what needs pods that run and no more: the cluster that the environment names, else `real_cluster`'s."""
    named = foreign_cluster()
    if named is not None:
        return named
    real = request.getfixturevalue("real_cluster")
    assert isinstance(real, RealCluster)
    return real.cluster


@pytest.fixture(scope="session")
def callers(request: pytest.FixtureRequest) -> Place:
    """Where programs run that call `pod_cluster` from outside."""
    if foreign_cluster() is not None:
        return HERE
    real = request.getfixturevalue("real_cluster")
    assert isinstance(real, RealCluster)
    return real.outside
