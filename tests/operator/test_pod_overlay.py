"""A resource's `template` over the operator's pod."""

import pytest

from antiphon_crds.overlay import Json, PodOverlay
from antiphon_operator.observed import Manifest
from antiphon_operator.pod_overlay import RESTRICTED_CONTAINER, RESTRICTED_POD, overlaid

TEMPLATE: Manifest = {
    "metadata": {"labels": {"antiphon.dev/pool": "agents", "app": "x"}, "annotations": {}},
    "spec": {
        "securityContext": dict(RESTRICTED_POD),
        "containers": [
            {
                "name": "transceiver",
                "image": "transceiver:1",
                "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}],
                "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}},
                "securityContext": dict(RESTRICTED_CONTAINER),
                "volumeMounts": [{"name": "keys", "mountPath": "/keys"}],
                "command": ["one", "two"],
            }
        ],
        "volumes": [{"name": "keys", "secret": {"secretName": "edge-keys"}}, {"name": "cache", "emptyDir": {}}],
        "topologySpreadConstraints": [{"maxSkew": 1}],
    },
}


def merged(overlay: Manifest) -> dict[str, Json]:
    return overlaid(TEMPLATE, PodOverlay(overlay))


def spec(overlay: dict[str, Json]) -> dict[str, Json]:
    """Of the pod with this spec over it."""
    found = merged({"spec": overlay})["spec"]
    assert isinstance(found, dict)
    return found


def container(overlay: dict[str, Json], name: str = "transceiver") -> dict[str, Json]:
    """Of the pod with this container over its own."""
    listed = spec({"containers": [{"name": name, **overlay}]})["containers"]
    assert isinstance(listed, list)
    return next(one for one in listed if isinstance(one, dict) and one["name"] == name)


def test_nothing_over_a_pod_leaves_it_as_it_is() -> None:
    assert merged({}) == TEMPLATE


@pytest.mark.parametrize(
    ("overlay", "field", "expected"),
    [
        pytest.param(
            {"resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}},
            "resources",
            {"requests": {"cpu": "1", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
            id="resources are merged key by key",
        ),
        pytest.param(
            {"resources": {"requests": None}}, "resources", {}, id="null takes away what the operator would set"
        ),
        pytest.param(
            {"env": [{"name": "B", "value": "2"}, {"name": "C", "value": "3"}]},
            "env",
            [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "C", "value": "3"}],
            id="a variable replaces the one of its name whole",
        ),
        pytest.param(
            {"volumeMounts": [{"name": "own", "mountPath": "/own"}]},
            "volumeMounts",
            [{"name": "keys", "mountPath": "/keys"}, {"name": "own", "mountPath": "/own"}],
            id="a mount is added to those that the part needs",
        ),
        pytest.param({"command": ["three"]}, "command", ["three"], id="another list is replaced"),
        pytest.param(
            {"securityContext": {"readOnlyRootFilesystem": False}},
            "securityContext",
            {**RESTRICTED_CONTAINER, "readOnlyRootFilesystem": False},
            id="what the overlay does not say of security stays restricted",
        ),
    ],
)
def test_a_container_is_merged_by_its_name(overlay: dict[str, Json], field: str, expected: Json) -> None:
    assert container(overlay)[field] == expected


def test_a_sidecar_is_restricted_unless_it_says_otherwise() -> None:
    assert container({"image": "proxy:1"}, "proxy")["securityContext"] == RESTRICTED_CONTAINER
    loose = container({"securityContext": {"readOnlyRootFilesystem": False}}, "proxy")["securityContext"]
    assert loose == {**RESTRICTED_CONTAINER, "readOnlyRootFilesystem": False}


def test_the_operators_container_stays_first() -> None:
    listed = spec({"containers": [{"name": "a-sidecar"}]})["containers"]
    assert isinstance(listed, list)
    assert [one["name"] for one in listed if isinstance(one, dict)] == ["transceiver", "a-sidecar"]


def test_a_volume_replaces_the_one_of_its_name_whole() -> None:
    volumes = spec({"volumes": [{"name": "cache", "ephemeral": {}}]})["volumes"]
    assert volumes == [{"name": "keys", "secret": {"secretName": "edge-keys"}}, {"name": "cache", "ephemeral": {}}]


def test_labels_are_added_and_those_by_which_pods_are_found_stay() -> None:
    found = merged({"metadata": {"labels": {"antiphon.dev/pool": "other", "team": "voice", "app": "y"}}})["metadata"]
    assert found == {"labels": {"antiphon.dev/pool": "agents", "team": "voice", "app": "y"}, "annotations": {}}


def test_fields_of_the_pod_are_merged_and_its_lists_replaced() -> None:
    found = spec({"securityContext": {"runAsUser": 1000}, "topologySpreadConstraints": [], "nodeSelector": {"a": "b"}})
    assert found["securityContext"] == {**RESTRICTED_POD, "runAsUser": 1000}
    assert found["topologySpreadConstraints"] == []
    assert found["nodeSelector"] == {"a": "b"}


@pytest.mark.parametrize(
    "overlay",
    [
        pytest.param({"metadata": {"finalizers": ["example.com/stay"]}}, id="what would keep the pod for ever"),
        pytest.param({"metadata": {"ownerReferences": []}}, id="whose it is"),
        pytest.param({"metadata": {"name": "mine", "generateName": "mine-", "namespace": "other"}}, id="its name"),
        pytest.param({"metadata": {"labels": {"antiphon.dev/busy": "true"}}}, id="a label that is not set yet"),
        pytest.param({"metadata": {"annotations": {"antiphon.dev/routes": "8"}}}, id="what it owns"),
        pytest.param({"metadata": {"labels": {"antiphon.dev/pool": None}}}, id="to take away what it is found by"),
        pytest.param({"metadata": None, "spec": None}, id="nothing in place of everything"),
        pytest.param({"apiVersion": "v2", "status": {"phase": "Failed"}}, id="what is no part of a template"),
    ],
)
def test_what_is_the_operators_cannot_be_laid_over(overlay: dict[str, Json]) -> None:
    assert merged(overlay) == TEMPLATE
