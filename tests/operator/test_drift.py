"""What counts as drift of an object, and what the API server does to every object anyway."""

import pytest

from antiphon_crds.overlay import Json
from antiphon_operator.actions import Apply
from antiphon_operator.drift import APPLIED, applied, digest, drifted, with_hash
from antiphon_operator.observed import Manifest

WANTED: Manifest = {
    "kind": "Service",
    "metadata": {"name": "edge", "labels": {"a": "1"}},
    "spec": {"ports": [{"port": 80}, {"port": 443}], "selector": {"app": "x"}},
}


def stored(**spec: Json) -> Manifest:
    """The object as the server keeps it, with defaults and what others added; then changed."""
    written = with_hash(WANTED)
    metadata, had = written["metadata"], written["spec"]
    assert isinstance(metadata, dict)
    assert isinstance(had, dict)
    defaults: dict[str, Json] = {"clusterIP": "10.0.0.1", "ports": [{"port": 80, "protocol": "TCP"}, {"port": 443}]}
    return {
        **written,
        "metadata": {**metadata, "uid": "u", "labels": {"a": "1", "others": "2"}},
        "spec": {**had, **defaults, **spec},
        "status": {"ready": True},
    }


def test_what_the_server_adds_is_no_drift() -> None:
    assert not drifted(WANTED, stored())
    assert applied(WANTED, stored()) == ()


def test_an_object_out_of_a_list_does_not_say_its_kind() -> None:
    assert not drifted(WANTED, {key: value for key, value in stored().items() if key != "kind"})


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"selector": {"app": "y"}}, id="a value was changed"),
        pytest.param({"selector": {}}, id="a key was removed"),
        pytest.param({"ports": [{"port": 80}]}, id="an item of a list was removed"),
        pytest.param({"ports": [{"port": 80}, {"port": 443}, {"port": 8443}]}, id="an item was added to a list"),
        pytest.param({"ports": [{"port": 443}, {"port": 80}]}, id="a list has another order"),
        pytest.param({"selector": "x"}, id="a mapping became something else"),
        pytest.param({"ports": [{"port": "80"}, {"port": 443}]}, id="a number became a text"),
    ],
)
def test_what_somebody_changed_is_drift(changed: dict[str, Json]) -> None:
    assert drifted(WANTED, stored(**changed))
    assert applied(WANTED, stored(**changed)) == (Apply(with_hash(WANTED)),)


def test_a_field_that_is_wanted_no_more_is_drift() -> None:
    less: Manifest = {**WANTED, "spec": {"ports": [{"port": 80}, {"port": 443}]}}
    assert drifted(less, stored())


def test_an_object_that_is_not_there_is_applied_with_its_hash() -> None:
    (action,) = applied(WANTED, None)
    assert isinstance(action, Apply)
    metadata = action.manifest["metadata"]
    assert isinstance(metadata, dict)
    annotations = metadata["annotations"]
    assert isinstance(annotations, dict)
    assert set(annotations) == {APPLIED}


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        pytest.param({"limits": {"cpu": "0.5"}}, {"limits": {"cpu": "500m"}}, id="half a CPU"),
        pytest.param({"limits": {"cpu": 2}}, {"limits": {"cpu": "2"}}, id="a number of CPUs"),
        pytest.param({"limits": {"memory": "1024Mi"}}, {"limits": {"memory": "1Gi"}}, id="memory"),
    ],
)
def test_quantities_may_be_spelt_otherwise(wanted: dict[str, Json], there: dict[str, Json]) -> None:
    assert not drifted({"spec": wanted, "metadata": {}}, {**with_hash({"spec": wanted, "metadata": {}}), "spec": there})


def test_a_text_that_looks_like_a_quantity_is_compared_as_it_is() -> None:
    wanted: Manifest = {"metadata": {}, "spec": {"version": "1.0"}}
    assert drifted(wanted, {**with_hash(wanted), "spec": {"version": "1"}})


@pytest.mark.parametrize("empty", [None, "", 0, False, [], {}])
def test_an_empty_value_that_the_server_drops_is_no_drift(empty: Json) -> None:
    wanted: Manifest = {"metadata": {}, "spec": {"field": empty}}
    assert not drifted(wanted, {**with_hash(wanted), "spec": {}})


def test_a_hash_is_the_same_when_it_is_made_again_and_whatever_the_order_of_keys() -> None:
    assert with_hash(with_hash(WANTED)) == with_hash(WANTED)
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"a": [1, 2]}) != digest({"a": [2, 1]})
