"""The two Secrets: made once, kept, made good where they were lost; and what is said of it."""

import base64
import json
from dataclasses import replace

import pytest

from antiphon_crds.overlay import Json
from antiphon_operator.actions import Create, Plan, Replace
from antiphon_operator.observed import FOREIGN, ChildKey, Refusal
from antiphon_wire import KeyRing
from antiphon_wire.control import SHORTEST_TOKEN
from voice_relays import NOW, Site, at, decoded, settled, voice_relay, written

DAY_S = 86_400
KEYS = ChildKey("Secret", "edge-keys")
TOKEN = ChildKey("Secret", "edge-control")
ASK = "antiphon.dev/rotate-keys"
NEXT = "antiphon.dev/next-rotation"


def ring_of(site: Site) -> list[dict[str, str]]:
    keys = json.loads(decoded(site.child("Secret", "edge-keys"), "keys.json"))["keys"]
    assert isinstance(keys, list)
    return keys


def store(site: Site, name: str, file: str, content: str | bytes) -> None:
    raw = content.encode() if isinstance(content, str) else content
    data: dict[str, Json] = {file: base64.b64encode(raw).decode()}
    site.change("Secret", name, data=data)


def reasons(plan: Plan) -> list[str]:
    return [event.reason for event in plan.events]


def test_the_first_key_mints_at_once() -> None:
    site = settled()
    ring = KeyRing.from_json(decoded(site.child("Secret", "edge-keys"), "keys.json"))
    ((_, _, mint_from, mint_until, _),) = ring.specs()
    assert mint_from <= NOW < mint_until
    assert site.condition("KeysSynced")["reason"] == "InStep"
    assert site.fleet.relay_status["keyEpoch"] == 1


def test_the_next_key_is_published_a_lead_before_the_period_ends() -> None:
    site = settled("{keys: {rotationPeriodSeconds: 3600, publishLeadSeconds: 300}}")
    due = NOW - 60 + 3600 - 300
    quiet = site.round(due - 1)
    assert written(quiet.children).keys() == set()
    assert quiet.requeue_after_s == 1
    turn = site.round(due)
    assert written(turn.children).keys() == {KEYS}
    assert reasons(turn) == ["KeyRotated"]
    assert [key["id"] for key in ring_of(site)] == ["A", "B"]
    assert ring_of(site)[1]["mint_from"] == "2026-11-21T02:59:00Z"
    assert at(site.child("Secret", "edge-keys"), "metadata", "annotations", NEXT) == "2026-11-21T03:54:00Z"
    assert site.fleet.relay_status["keyEpoch"] == 2


def test_an_annotation_asks_for_a_rotation_now() -> None:
    site = settled()
    site.respec("{}", annotations={ASK: "2026-11-21"})
    assert reasons(site.round()) == ["KeyRotated"]
    assert len(ring_of(site)) == 2
    assert site.settle() == []
    site.respec("{}", annotations={ASK: "again"})
    site.settle()
    assert len(ring_of(site)) == 3


def test_a_wish_from_before_the_first_key_is_granted_by_it() -> None:
    site = Site.of(voice_relay("{}", annotations={ASK: "now"}))
    site.settle()
    assert len(ring_of(site)) == 1


def test_a_secret_is_replaced_only_as_it_was_read() -> None:
    site = Site.of(voice_relay())
    made = {KEYS, TOKEN}
    assert written(action for action in site.round().children if isinstance(action, Create)).keys() == made
    version = at(site.child("Secret", "edge-keys"), "metadata", "resourceVersion")
    site.respec("{}", annotations={ASK: "now"})
    (change,) = [action for action in site.round().children if isinstance(action, Replace)]
    assert at(change.manifest, "metadata", "resourceVersion") == version


def test_others_labels_and_annotations_stay() -> None:
    site = settled()
    metadata = at(site.child("Secret", "edge-keys"), "metadata")
    assert isinstance(metadata, dict)
    labels, annotations = metadata["labels"], metadata["annotations"]
    assert isinstance(labels, dict)
    assert isinstance(annotations, dict)
    theirs: dict[str, Json] = {
        **metadata,
        "labels": {**labels, "team": "voice"},
        "annotations": {**annotations, "x": "y"},
    }
    site.change("Secret", "edge-keys", metadata=theirs)
    assert site.round().children == ()
    site.respec("{}", annotations={ASK: "now"})
    site.settle()
    assert at(site.child("Secret", "edge-keys"), "metadata", "labels", "team") == "voice"
    assert at(site.child("Secret", "edge-keys"), "metadata", "annotations", "x") == "y"


def test_a_deleted_ring_is_made_anew_and_that_is_said() -> None:
    site = settled()
    lost = ring_of(site)[0]["secret"]
    site.lose("Secret", "edge-keys")
    events = site.settle(NOW + 100)
    assert [(event.type, event.reason) for event in events] == [("Warning", "KeysRemade")]
    (key,) = ring_of(site)
    assert key["secret"] != lost
    assert key["id"] == "B"
    assert (site.condition("KeysSynced")["status"], site.condition("KeysSynced")["reason"]) == ("True", "Remade")
    assert "made anew at 2026-11-21T02:01:40Z" in str(site.condition("KeysSynced")["message"])
    assert site.fleet.relay_status["keyEpoch"] == 2


def test_a_loss_is_forgotten_when_its_calls_are_over() -> None:
    site = settled("{keys: {rotationPeriodSeconds: 31536000}}")
    site.lose("Secret", "edge-keys")
    site.settle()
    later = NOW + DAY_S + 540
    assert site.round(later - 1).requeue_after_s == 1
    site.settle(later)
    assert site.condition("KeysSynced")["reason"] == "InStep"


def test_what_can_be_kept_of_a_damaged_ring_is_kept() -> None:
    site = settled()
    site.respec("{}", annotations={ASK: "now"})
    site.settle()
    first, second = ring_of(site)
    store(site, "edge-keys", "keys.json", json.dumps({"keys": [{**first, "secret": "c2hvcnQ="}, second, second, 7]}))
    events = site.settle(NOW + 10)
    assert [event.reason for event in events] == ["KeysRemade"]
    assert [key["secret"] for key in ring_of(site)] == [second["secret"]]
    # It waited for its time; none other is left, so it begins.
    ring = KeyRing.from_json(decoded(site.child("Secret", "edge-keys"), "keys.json"))
    assert [mint_from <= NOW + 10 for _, _, mint_from, _, _ in ring.specs()] == [True]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="an empty file"),
        pytest.param("{", id="no JSON"),
        pytest.param("[]", id="JSON of another shape"),
        pytest.param('{"keys": {}}', id="keys that are no list"),
        pytest.param('{"keys": []}', id="no keys"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param("[" * 100_000, id="a nest too deep to read"),
    ],
)
def test_a_ring_that_nobody_can_read_is_made_anew(content: str | bytes) -> None:
    site = settled()
    store(site, "edge-keys", "keys.json", content)
    assert [event.reason for event in site.settle()] == ["KeysRemade"]
    assert [key["id"] for key in ring_of(site)] == ["B"]


def test_data_that_is_not_base64_is_damage_too() -> None:
    site = settled()
    site.change("Secret", "edge-keys", data={"keys.json": "*"})
    site.change("Secret", "edge-control", data={"token": "*"})
    assert written(site.round().children).keys() == {KEYS, TOKEN}


def test_too_fast_a_rotation_is_held_and_said() -> None:
    site = settled("{keys: {rotationPeriodSeconds: 60, publishLeadSeconds: 15}}")
    now = NOW
    for _ in range(40):
        now += 60
        site.settle(now)
    assert len(ring_of(site)) == 31
    assert site.condition("KeysSynced")["status"] == "True"
    assert site.condition("KeysSynced")["reason"] == "RotationHeld"
    assert "`keys.rotationPeriodSeconds`" in str(site.condition("KeysSynced")["message"])


def test_the_token_is_made_once() -> None:
    site = settled()
    token = decoded(site.child("Secret", "edge-control"), "token")
    assert len(token) >= SHORTEST_TOKEN
    site.settle(NOW + 40 * DAY_S)
    assert decoded(site.child("Secret", "edge-control"), "token") == token


def test_a_token_that_somebody_else_chose_is_kept_as_it_is() -> None:
    site = settled()
    store(site, "edge-control", "token", "0123456789abcdef0123456789abcdef\n")
    assert site.round().children == ()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="empty"),
        pytest.param("short", id="too short to be secret"),
        pytest.param("a b" * 20, id="with spaces"),
        pytest.param("ü" * 40, id="not ASCII"),
        pytest.param("a" * 40 + "\n" + "b" * 40, id="of two lines"),
    ],
)
def test_what_readers_refuse_as_a_token_is_made_anew(content: str) -> None:
    site = settled()
    store(site, "edge-control", "token", content)
    assert written(site.round().children).keys() == {TOKEN}
    assert len(decoded(site.child("Secret", "edge-control"), "token")) == 64


def test_no_secret_is_said_anywhere() -> None:
    site = settled()
    site.respec("{}", annotations={ASK: "now"})
    plan = site.round()
    secrets = [key["secret"] for key in ring_of(site)] + [decoded(site.child("Secret", "edge-control"), "token")]
    said = repr((plan.events, plan.statuses, site.fleet.relay_status))
    metadata = repr([child["metadata"] for child in site.fleet.children.values()])
    for secret in secrets:
        assert secret not in said + metadata


@pytest.mark.parametrize("status", [FOREIGN, 403])
def test_a_key_ring_that_cannot_be_stored_is_no_news_of_keys(status: int) -> None:
    """Its epoch would grow with every try, and each would tell of a loss."""
    site = settled()
    site.lose("Secret", "edge-keys")
    site.fleet = replace(site.fleet, refusals=(Refusal("Secret", "edge-keys", status, "no"),))
    plans = [site.round() for _ in range(3)]
    assert [written(plan.children).keys() for plan in plans] == [{KEYS}] * 3, "it is tried again"
    assert [reasons(plan) for plan in plans] == [[], [], []]
    assert [len(plan.statuses) for plan in plans] == [1, 0, 0]
    assert site.fleet.relay_status["keyEpoch"] == 1
    site.fleet = replace(site.fleet, refusals=())
    assert reasons(site.round()) == ["KeysRemade"]
    assert site.fleet.relay_status["keyEpoch"] == 2


def test_a_first_key_ring_that_cannot_be_stored_was_never_lost() -> None:
    site = Site.of(voice_relay())
    site.fleet = replace(site.fleet, refusals=(Refusal("Secret", "edge-keys", FOREIGN, "it is another's"),))
    site.round()
    assert site.fleet.relay_status["keyEpoch"] == 0
    site.fleet = replace(site.fleet, refusals=())
    assert [event.reason for event in site.settle()] == []
    assert site.condition("KeysSynced")["reason"] == "InStep"


def test_a_rotation_that_is_refused_is_not_told() -> None:
    site = settled()
    site.respec("{}", annotations={ASK: "now"})
    site.fleet = replace(site.fleet, refusals=(Refusal("Secret", "edge-keys", 403, "no"),))
    assert reasons(site.round()) == []
    assert (site.fleet.relay_status["keyEpoch"], len(ring_of(site))) == (1, 1)


def refused_site(ring: str | None = None) -> Site:
    """Its key ring may not be written. `ring`: what somebody wrote in its place."""
    site = settled()
    if ring is not None:
        store(site, "edge-keys", "keys.json", ring)
    site.fleet = replace(site.fleet, refusals=(Refusal("Secret", "edge-keys", 403, "forbidden"),))
    return site


def keys_synced(site: Site) -> tuple[Json, Json, Json]:
    said = site.condition("KeysSynced")
    return said["status"], said["reason"], said["message"]


REFUSED = "the API server refuses Secret edge-keys: forbidden"


def test_keys_that_are_not_stored_are_not_told_of() -> None:
    site = refused_site()
    due = NOW + 2 * DAY_S
    plan = site.round(due)
    assert keys_synced(site) == ("True", "InStep", f"1 key; the next one cannot be stored: {REFUSED}")
    assert site.condition("Stalled")["message"] == REFUSED
    assert (len(ring_of(site)), site.fleet.relay_status["keyEpoch"]) == (1, 1)
    assert plan.requeue_after_s != 0, "a moment that is past would make rounds without end"
    site.fleet = replace(site.fleet, refusals=())
    site.settle(due)
    assert str(keys_synced(site)[2]).startswith("2 keys; the next one is made at")


def test_a_refused_write_that_is_not_of_a_key_leaves_the_ring_in_step() -> None:
    site = refused_site()
    before = keys_synced(site)
    site.round()
    assert keys_synced(site) == before


def test_stored_keys_that_cannot_mint_any_more_are_no_keys() -> None:
    site = refused_site()
    site.round(NOW + 40 * DAY_S)
    assert keys_synced(site) == ("False", "WriteRefused", REFUSED)
    assert site.condition("Ready")["status"] == "False"


def test_a_damaged_ring_that_cannot_be_made_good_is_not_said_to_be_made_anew() -> None:
    site = refused_site("{")
    assert reasons(site.round()) == []
    assert keys_synced(site) == ("False", "WriteRefused", REFUSED)
