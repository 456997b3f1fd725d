"""The schemas, read without an API server: all that they use is known here, and the typed values agree with them."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from antiphon_crds.documents import KINDS, Schema, documents, schema
from antiphon_crds.metadata import Metadata
from antiphon_crds.overlay import Json
from antiphon_crds.resource import ResourceError
from antiphon_crds.structure import KEYWORDS, filled
from antiphon_crds.transceiver_pool import Backend, BackendType, FreeCapacity, TransceiverPool, TransceiverPoolSpec
from antiphon_crds.voice_relay import VoiceRelay, VoiceRelaySpec

PARSED = ("VoiceRelay", "TransceiverPool")


def nodes(node: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    if "items" in node:
        yield from nodes(node["items"], f"{path}[]")


def relay(spec: Json, **metadata: Json) -> VoiceRelay:
    stated = {"name": "edge", **metadata}
    return VoiceRelay.parse(
        {"apiVersion": "antiphon.dev/v1alpha1", "kind": "VoiceRelay", "metadata": stated, "spec": spec}
    )


def pool(spec: dict[str, Json]) -> TransceiverPool:
    spec = {"relayRef": {"name": "edge"}, "backend": {"type": "Echo"}, **spec}
    return TransceiverPool.parse(
        {"apiVersion": "antiphon.dev/v1alpha1", "kind": "TransceiverPool", "metadata": {"name": "agents"}, "spec": spec}
    )


def test_there_is_a_definition_of_each_kind() -> None:
    assert [definition["metadata"] for definition in documents()] == [
        {"name": f"{kind.lower()}s.antiphon.dev"} for kind in KINDS
    ]


@pytest.mark.parametrize("kind", PARSED)
def test_the_schema_uses_no_keyword_that_the_parser_does_not_know(kind: str) -> None:
    for path, node in nodes(schema(kind)["properties"]["spec"]):
        assert set(node) <= KEYWORDS, path


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_described(kind: str) -> None:
    for path, node in nodes(schema(kind)):
        if not path.endswith("[]") and path != ".metadata":
            assert node.get("description"), path


@pytest.mark.parametrize("kind", PARSED)
def test_every_number_of_the_spec_is_bounded_on_both_sides(kind: str) -> None:
    for path, node in nodes(schema(kind)["properties"]["spec"]):
        if node.get("type") == "integer":
            assert {"minimum", "maximum"} <= set(node), path


@pytest.mark.parametrize("kind", PARSED)
def test_every_list_of_the_spec_says_how_its_items_are_told_apart(kind: str) -> None:
    for path, node in nodes(schema(kind)["properties"]["spec"]):
        if node.get("type") == "array":
            assert node["x-kubernetes-list-type"] in ("map", "set"), path


def test_both_kinds_take_the_same_pod_template() -> None:
    relay_spec, pool_spec = (schema(kind)["properties"]["spec"]["properties"] for kind in PARSED)
    assert relay_spec["template"] == pool_spec["template"] == relay_spec["signaling"]["properties"]["template"]


def test_both_kinds_have_the_same_conditions_and_say_the_same_before_any_operator() -> None:
    relay_status, pool_status = (schema(kind)["properties"]["status"] for kind in PARSED)
    assert relay_status["properties"]["conditions"] == pool_status["properties"]["conditions"]
    assert relay_status["default"] == pool_status["default"]


def test_an_empty_spec_is_a_relay_with_the_defaults_of_its_type() -> None:
    assert relay({}) == VoiceRelay(Metadata("edge"), VoiceRelaySpec())


def test_a_pool_that_says_nothing_more_has_the_defaults_of_its_type() -> None:
    assert pool({}).spec == TransceiverPoolSpec("edge", Backend(BackendType.ECHO))


def test_free_capacity_has_the_defaults_of_its_type() -> None:
    mode: dict[str, Json] = {"mode": "FreeCapacity"}
    assert pool({"scaling": mode}) == pool({"scaling": {**mode, "freeCapacity": {}}})
    assert pool({"scaling": {**mode, "freeCapacity": {}}}).spec.scaling.free_capacity == FreeCapacity()


def test_nothing_written_after_a_colon_is_the_default() -> None:
    assert relay({"clusterID": None, "exposure": {"port": None}, "publicAddresses": None}).spec == VoiceRelaySpec()


def test_defaults_are_not_shared_between_resources() -> None:
    first = filled({}, schema("VoiceRelay")["properties"]["spec"])
    assert isinstance(first, dict)
    exposure = first["exposure"]
    assert isinstance(exposure, dict)
    exposure["port"] = 1
    assert relay({}).spec.exposure.port == 3478


def test_what_a_pod_template_says_is_kept_as_it_is() -> None:
    template: dict[str, Json] = {"spec": {"anything": {"at": [None, "all"]}, "containers": [{"name": "a", "x": None}]}}
    assert relay({"template": template}).spec.template.template == template


def test_metadata_of_the_api_server_is_read() -> None:
    read = relay(
        {},
        namespace="voice",
        uid="u",
        generation=3,
        creationTimestamp="2026-11-21T06:00:00Z",
        annotations={"b": "2", "a": "1"},
        managedFields=[],
    ).metadata
    assert read == Metadata("edge", "voice", "u", 3, 1795240800.0, (("a", "1"), ("b", "2")))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"kind": "VoiceRely"}, "kind: must be 'VoiceRelay', not 'VoiceRely'"),
        ({"apiVersion": "antiphon.dev/v9"}, "apiVersion: must be 'antiphon.dev/v1alpha1', not 'antiphon.dev/v9'"),
        ({"metadata": {}}, "metadata.name: Required value"),
        ({"metadata": None}, "metadata.name: Required value"),
        ({"metadata": {"name": "edge", "creationTimestamp": "noon"}}, "metadata: Invalid isoformat string: 'noon'"),
        ({"metadata": {"name": "edge", "annotations": {"a": 1}}}, "metadata: 1 is not of type str"),
        ({"spce": {}}, 'unknown field "spce"; known there: apiVersion, kind, metadata, spec'),
    ],
)
def test_what_is_around_the_spec_is_checked_too(change: Mapping[str, Any], problem: str) -> None:
    good: dict[str, Json] = {"apiVersion": "antiphon.dev/v1alpha1", "kind": "VoiceRelay", "spec": {}}
    good["metadata"] = {"name": "edge"}
    with pytest.raises(ResourceError) as error:
        VoiceRelay.parse({**good, **change})
    (said,) = error.value.problems
    assert said.startswith(problem)
