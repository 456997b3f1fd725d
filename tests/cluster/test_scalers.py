"""Kubernetes' own autoscaler drives a pool through `scale` where the pool says so, and is refused where it does not."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kwok_fleet import KwokFleet, kwok_fleet
from metrics_api import MetricsApi, metrics_api
from operator_process import wait_for
from real_kubernetes.kwok import KwokCluster

pytestmark = pytest.mark.cluster

PAGE = Path(__file__).parent.parent.parent / "docs" / "autoscaling.md"
METRIC = "antiphon_transceiver_calls_live"
CALLS_PER_POD = 40
REFUSAL = "may not be changed while `scaling.mode` is 'FreeCapacity'"
# The autoscaler learns of new kinds every 30 s.
WITHIN_S = 90.0


@pytest.fixture
def fleet(kwok_cluster: KwokCluster, tmp_path: Path) -> Iterator[KwokFleet]:
    with kwok_fleet(kwok_cluster, tmp_path) as made, made.operator():
        yield made


@pytest.fixture
def calls(fleet: KwokFleet, tmp_path: Path) -> Iterator[MetricsApi]:
    """The pool's live calls, as the autoscaler is told them."""
    with metrics_api(fleet.kwok.control_plane, fleet.namespace, tmp_path, METRIC, "pool=agents") as api:
        yield api


def test_hpa_drives_scale_where_the_pool_is_scaled_from_outside(fleet: KwokFleet, calls: MetricsApi) -> None:
    calls.value = CALLS_PER_POD
    fleet.apply(replicas=1, scaling={"mode": "External"})
    fleet.wait_converged(1)
    said = {"replicas": 1, "selector": "antiphon.dev/pool=agents"}
    wait_for(lambda: scale_of(fleet)["status"] == said, "scale says 1", WITHIN_S)

    autoscale(fleet)
    calls.value = 2 * CALLS_PER_POD + 20
    fleet.wait_converged(3, WITHIN_S)
    wait_for(lambda: scale_of(fleet)["status"]["replicas"] == 3, "scale says 3", WITHIN_S)
    assert scale_of(fleet)["spec"] == {"replicas": 3}
    assert condition(fleet, "AbleToScale")["status"] == "True"

    calls.value = CALLS_PER_POD + 10
    fleet.wait_converged(2, WITHIN_S)
    calls.value = 0
    fleet.wait_converged(1, WITHIN_S)
    fleet.assert_nothing_twice()


def test_hpa_is_refused_with_our_sentence_where_the_operator_scales(fleet: KwokFleet, calls: MetricsApi) -> None:
    free = {"target": 1, "minReplicas": 2, "maxReplicas": 2}
    fleet.apply(replicas=1, scaling={"mode": "FreeCapacity", "freeCapacity": free})
    fleet.wait_converged(2)
    pods = {pod.uid for pod in fleet.pods()}

    autoscale(fleet)
    calls.value = 3 * CALLS_PER_POD
    wait_for(lambda: condition(fleet, "AbleToScale").get("reason") == "FailedUpdateScale", "HPA is refused", WITHIN_S)
    assert REFUSAL in condition(fleet, "AbleToScale")["message"]
    assert scale_of(fleet)["spec"] == {"replicas": 1}
    assert {pod.uid for pod in fleet.pods()} == pods


def autoscale(fleet: KwokFleet) -> None:
    """The page's HPA, which here goes down at once."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (example,) = [block for block in blocks if "kind: HorizontalPodAutoscaler" in block]
    autoscaler = yaml.safe_load(example)
    target = autoscaler["spec"]["metrics"][0]["external"]["target"]
    assert target == {"type": "AverageValue", "averageValue": str(CALLS_PER_POD)}
    autoscaler["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] = 0
    fleet.kwok.control_plane.cluster.apply(autoscaler, namespace=fleet.namespace)


def scale_of(fleet: KwokFleet) -> dict[str, Any]:
    path = f"/apis/antiphon.dev/v1alpha1/namespaces/{fleet.namespace}/transceiverpools/agents/scale"
    return dict(json.loads(fleet.kubectl("get", "--raw", path)))


def condition(fleet: KwokFleet, kind: str) -> dict[str, str]:
    """Of the HPA; empty before it has one."""
    (autoscaler,) = fleet.items("horizontalpodautoscalers")
    found = [one for one in autoscaler["status"].get("conditions", []) if one["type"] == kind]
    return dict(found[0]) if found else {}
