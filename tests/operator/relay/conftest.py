"""A namespace of the strictest Pod Security level on a real API server that knows our kinds."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from custom_resources import Namespace
from real_kubernetes.cluster import Cluster


@pytest.fixture
def restricted(cluster_with_kinds: Cluster) -> Iterator[Namespace]:
    name = f"relay-{uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    cluster_with_kinds.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    try:
        yield Namespace(cluster_with_kinds, name)
    finally:
        cluster_with_kinds.kubectl("delete", "namespace", name, "--wait=false")
