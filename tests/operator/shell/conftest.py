"""A fleet of its own for each test, on one simulated cluster."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kwok_fleet import KwokFleet, kwok_fleet
from real_kubernetes.kwok import KwokCluster


@pytest.fixture
def fleet(kwok_cluster: KwokCluster, tmp_path: Path) -> Iterator[KwokFleet]:
    with kwok_fleet(kwok_cluster, tmp_path) as made:
        yield made
