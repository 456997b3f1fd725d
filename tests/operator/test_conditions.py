"""Conditions as metav1.Condition and kstatus want them, and status patches of what changed only."""

import pytest

from antiphon_crds.overlay import Json
from antiphon_operator.conditions import (
    Condition,
    Subject,
    Truth,
    fails,
    find,
    holds,
    merge_patch,
    moment,
    ready,
    status_patch,
    stored,
    timestamp,
    unknown,
    written,
)
from antiphon_operator.observed import Manifest

NOW = 1_795_226_400.0
SUBJECT = Subject("TransceiverPool", "voice", "agents", 3)


@pytest.mark.parametrize(
    ("required", "truth", "reason"),
    [
        pytest.param((), Truth.TRUE, "Serving", id="nothing is required"),
        pytest.param((holds("A", "Fine"), holds("B", "Fine")), Truth.TRUE, "Serving", id="all hold"),
        pytest.param((holds("A", "Fine"), fails("B", "Broken", "x")), Truth.FALSE, "Broken", id="one fails"),
        pytest.param((fails("A", "First", "x"), fails("B", "Second", "y")), Truth.FALSE, "First", id="two fail"),
        pytest.param((unknown("A", "Asked", "x"), holds("B", "Fine")), Truth.UNKNOWN, "Asked", id="one is not known"),
    ],
)
def test_ready_says_what_the_first_condition_that_does_not_hold_says(
    required: tuple[Condition, ...], truth: Truth, reason: str
) -> None:
    told = ready(required, "all well")
    assert (told.type, told.status, told.reason) == ("Ready", truth, reason)


def test_the_time_of_a_transition_is_kept_while_the_status_is_the_same() -> None:
    before: Manifest = {"conditions": written([holds("A", "One"), fails("B", "Two", "x")], {}, 1, NOW)}
    later = written([holds("A", "Other", "said anew"), holds("B", "Two")], before, 2, NOW + 60)
    assert [(one["type"], one["lastTransitionTime"]) for one in later if isinstance(one, dict)] == [
        ("A", timestamp(NOW)),
        ("B", timestamp(NOW + 60)),
    ]
    assert {**find({"conditions": later}, "A"), "lastTransitionTime": ""} == {
        "type": "A",
        "status": "True",
        "reason": "Other",
        "message": "said anew",
        "observedGeneration": 2,
        "lastTransitionTime": "",
    }


def test_a_condition_that_is_not_named_any_more_goes() -> None:
    before: Manifest = {"conditions": written([holds("Reconciling", "Scaling")], {}, 1, NOW)}
    assert written([], before, 1, NOW) == []


def test_a_status_that_did_not_change_is_not_written() -> None:
    status: Manifest = {"replicas": 3, "conditions": written([holds("A", "One")], {}, 1, NOW)}
    again: Manifest = {"replicas": 3, "conditions": written([holds("A", "One")], status, 1, NOW + 60)}
    assert status_patch(SUBJECT, status, again) == ()


@pytest.mark.parametrize(
    ("before", "after", "patch"),
    [
        pytest.param({}, {"a": 1}, {"a": 1}, id="a new field"),
        pytest.param({"a": 1, "b": 2}, {"a": 1, "b": 3}, {"b": 3}, id="a changed field"),
        pytest.param({"a": 1, "b": 2}, {"a": 1}, {"b": None}, id="a field that goes"),
        pytest.param({"a": {"x": 1, "y": 2}}, {"a": {"x": 1}}, {"a": {"y": None}}, id="a field within a field"),
        pytest.param({"a": [1, 2]}, {"a": [2]}, {"a": [2]}, id="a list is one value"),
        pytest.param({"a": {"x": [1]}}, {"a": {"x": [1]}}, {}, id="nothing"),
    ],
)
def test_a_patch_says_what_changed_and_nothing_else(before: Manifest, after: Manifest, patch: dict[str, Json]) -> None:
    assert merge_patch(before, after) == patch


def test_a_stored_condition_is_read_as_it_was_written() -> None:
    condition = fails("A", "Broken", "in words")
    assert stored({"conditions": written([condition], {}, 1, NOW)}, "A") == condition
    assert stored({}, "A") is None
    assert stored({"conditions": [{"type": "A", "status": "Perhaps", "reason": "R", "message": ""}]}, "A") is None


def test_times_are_whole_seconds_of_utc() -> None:
    assert timestamp(NOW + 0.9) == "2026-11-21T02:00:00Z"
    assert moment("2026-11-21T02:00:00Z") == NOW
    assert moment("yesterday") is None
    assert moment(None) is None
