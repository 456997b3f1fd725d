"""A namespace on a real API server that knows our kinds."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from antiphon_crds.overlay import Json
from custom_resources import Namespace
from real_kubernetes.cluster import Cluster

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def namespace(cluster_with_kinds: Cluster) -> Iterator[Namespace]:
    name = f"crds-{uuid4().hex[:8]}"
    cluster_with_kinds.kubectl("create", "namespace", name)
    try:
        yield Namespace(cluster_with_kinds, name)
    finally:
        cluster_with_kinds.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def every_field() -> dict[str, dict[str, Json]]:
    """By kind: resources that set each field that there is."""
    documents = yaml.safe_load_all((HERE / "every_field.yaml").read_text())
    return {document["kind"]: document for document in documents}
