"""A pod's answers are parsed once; whatever it sends, the parser's own error is the only one."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_signaling import pod_answers
from antiphon_signaling.pod_answers import PodAnswerError, PodRefusal
from antiphon_wire.control import ControlErrorCode, EndReason

CALL = {"pod": "t0", "state": "ended", "reason": "consent_lost", "age_s": 4, "stats": {"loss": 0.1}}


def test_a_report_of_an_ended_call_has_its_reason() -> None:
    report = pod_answers.call_report(json.dumps(CALL).encode())
    assert (report.state, report.reason, report.age_s) == ("ended", EndReason.CONSENT_LOST, 4)


def test_a_reason_that_is_not_in_the_list_counts_as_an_internal_error() -> None:
    report = pod_answers.call_report(json.dumps({**CALL, "reason": "moonlight"}).encode())
    assert report.reason is EndReason.INTERNAL_ERROR


def test_a_draining_pod_has_no_room_whatever_it_counts() -> None:
    assert pod_answers.free_calls(b'{"free": 9, "draining": true}') == 0
    assert pod_answers.free_calls(b'{"free": 9, "draining": false}') == 9


def test_a_refusal_keeps_the_pods_code_and_sentence() -> None:
    body = b'{"error": {"code": "offer_without_opus", "message": "add opus"}, "free": 3}'
    assert pod_answers.refusal(body) == PodRefusal(ControlErrorCode.OFFER_WITHOUT_OPUS, "add opus")


MEMBERS = st.sampled_from(["error", "code", "free", "draining", "stats", "timings_ms"])
PARSERS = [pod_answers.created, pod_answers.refusal, pod_answers.call_report, pod_answers.free_calls]


@pytest.mark.parametrize("parse", PARSERS)
@given(
    body=st.binary(max_size=50)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: st.dictionaries(MEMBERS, inner),
        max_leaves=6,
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_body_is_an_answer_or_the_parsers_own_error(parse: Callable[[bytes], object], body: bytes) -> None:
    try:
        parse(body)
    except PodAnswerError:
        return
