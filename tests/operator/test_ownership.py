"""Whose an object is that has one of our names, what it is labelled with again, and what a person is told of it."""

import pytest

from antiphon_crds.overlay import Json
from antiphon_operator.ownership import foreign, is_of_fleet, is_ours, lost_labels, not_kept
from antiphon_operator.pool.pods import pod_template
from antiphon_operator.relay.children import wanted_children
from antiphon_operator.relay.families import Families
from transceiver_pools import block, pod, transceiver_pool
from voice_relays import fleet_of, voice_relay

LABELS: dict[str, Json] = {
    "app.kubernetes.io/name": "antiphon",
    "app.kubernetes.io/component": "fleet",
    "app.kubernetes.io/instance": "edge",
    "app.kubernetes.io/managed-by": "antiphon-operator",
    "antiphon.dev/relay": "edge",
}
EDGE: dict[str, Json] = {"apiVersion": "antiphon.dev/v1alpha1", "kind": "VoiceRelay", "name": "edge", "uid": "r1"}
ANOTHER: dict[str, Json] = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d1"}


def secret(labels: dict[str, Json], *owners: Json) -> dict[str, Json]:
    metadata: dict[str, Json] = {"name": "edge-keys", "namespace": "voice", "labels": labels}
    return {"kind": "Secret", "metadata": {**metadata, "ownerReferences": list(owners)}}


WANTED = secret(LABELS, EDGE)
TRANSCEIVER = pod_template(fleet_of(voice_relay()), transceiver_pool(), Families()).pod(block(pod(1)))


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        pytest.param(secret(LABELS, EDGE), True, id="as we made it"),
        pytest.param(secret({}, EDGE), True, id="without labels, but made for the VoiceRelay"),
        pytest.param(secret({"antiphon.dev/relay": "edge"}), True, id="given to the fleet"),
        pytest.param(secret({}, ANOTHER, EDGE), True, id="of two owners"),
        pytest.param(secret({}), False, id="nobody's"),
        pytest.param(secret({}, ANOTHER), False, id="another's"),
        pytest.param(secret({"antiphon.dev/relay": "west"}), False, id="of another fleet"),
        pytest.param(
            secret({"app.kubernetes.io/managed-by": "antiphon-operator"}), False, id="of some fleet, who knows which"
        ),
        pytest.param(secret({}, {**EDGE, "uid": "r0"}), False, id="of a VoiceRelay of that name which is gone"),
    ],
)
def test_whose_it_is(there: dict[str, Json], expected: bool) -> None:
    assert is_ours(there, WANTED) is expected


def test_a_label_makes_no_pod_ours() -> None:
    metadata = TRANSCEIVER["metadata"]
    assert isinstance(metadata, dict)
    assert is_ours(TRANSCEIVER, TRANSCEIVER)
    labelled = {**TRANSCEIVER, "metadata": {**metadata, "ownerReferences": []}}
    assert is_of_fleet(labelled, TRANSCEIVER)
    assert not is_ours(labelled, TRANSCEIVER)


def test_what_nobody_owns_is_nobody_s_by_having_no_owner() -> None:
    assert not is_ours(secret({}), secret(LABELS))


def test_labels_that_are_lost_come_back_and_others_stay() -> None:
    assert lost_labels(secret(LABELS), WANTED) == {}
    assert lost_labels(secret({}), WANTED) == LABELS
    theirs: dict[str, Json] = {**LABELS, "app.kubernetes.io/component": "mine", "team": "voice"}
    assert lost_labels(secret(theirs), WANTED) == {}
    managed: dict[str, Json] = {**LABELS, "app.kubernetes.io/managed-by": "Helm"}
    assert lost_labels(secret(managed), WANTED) == {"app.kubernetes.io/managed-by": "antiphon-operator"}


def test_nobody_knows_what_a_pod_without_labels_was_made_from() -> None:
    bare = {**TRANSCEIVER, "metadata": {}}
    assert "antiphon.dev/revision" not in lost_labels(bare, TRANSCEIVER)
    assert lost_labels(bare, TRANSCEIVER)["antiphon.dev/pool"] == "agents"


def test_labels_that_do_not_stay_are_named_in_one_order() -> None:
    sentences = {not_kept(labels) for labels in (["b", "a"], {"a": "1", "b": "2"})}
    (sentence,) = sentences
    assert "what the operator sees it by, a, b: " in sentence


@pytest.mark.parametrize(
    ("there", "whose", "is_free"),
    [
        pytest.param(secret({"team": "web"}), "it names no owner", True, id="nobody's"),
        pytest.param(
            secret({"app.kubernetes.io/managed-by": "Helm"}), "its label says that Helm manages it", True, id="Helm's"
        ),
        pytest.param(secret({}, ANOTHER), "it belongs to Deployment web", False, id="another's"),
        pytest.param(
            secret({"antiphon.dev/relay": "west"}), "its label says that it is of VoiceRelay west", False, id="west"
        ),
    ],
)
def test_what_is_there_whose_it_is_and_what_to_do(there: dict[str, Json], whose: str, *, is_free: bool) -> None:
    label = "; where it is to be the fleet's: kubectl -n voice label secret edge-keys antiphon.dev/relay=edge"
    assert foreign(there, WANTED) == (
        f"Secret edge-keys is there already and is not of VoiceRelay edge: {whose}. Nothing is written to it. "
        f"Delete or rename it, or give VoiceRelay edge another name{label if is_free else ''}"
    )


def test_of_a_pod_there_is_one_thing_to_do() -> None:
    name = "agents-01000008"
    assert foreign({"metadata": {"name": name}}, TRANSCEIVER) == (
        f"Pod {name} is there already and is not of TransceiverPool agents: it names no owner. Nothing is written to "
        "it. Delete it"
    )


def test_every_child_says_whose_it_is() -> None:
    children = wanted_children(fleet_of(voice_relay()))
    assert children
    assert all(is_ours(child, child) and is_of_fleet(child, child) for child in children)
