"""The cheap look at an offer."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_signaling.errors import ErrorCode, RefusedError
from antiphon_signaling.offer import MAX_SDP_BYTES, MAX_SESSION_BYTES, Offer, largest_body, offer_of


def code_of(sdp: bytes, session: bytes | None = None) -> ErrorCode | None:
    try:
        offer_of(sdp, session, model=None)
    except RefusedError as refused:
        return ErrorCode(refused.refusal.code)
    return None


def test_an_sdp_and_its_session_become_an_offer() -> None:
    session = b'{"type": "realtime", "model": "owl", "instructions": "be brief"}'
    offer = offer_of(b"v=0\r\n", session, model="parrot")
    assert offer == Offer("v=0\r\n", "owl", json.loads(session))
    assert offer_of(b"v=0\r\n", b"{}", model="parrot").model == "parrot"
    assert offer_of(b"v=0\r\n", None, model="").model is None


def test_the_refusal_says_what_the_body_starts_with() -> None:
    with pytest.raises(RefusedError) as refused:
        offer_of(b'{"sdp": "v=0"}', None, model=None)
    assert refused.value.refusal.message == (
        "The body starts with '{'. Send the SDP text with Content-Type application/sdp, "
        "or multipart with parts sdp and session."
    )


@pytest.mark.parametrize(
    ("sdp", "session", "code"),
    [
        (b"", None, ErrorCode.OFFER_NOT_SDP),
        (b"hello", None, ErrorCode.OFFER_NOT_SDP),
        (b"v=0\r\n\xff\xfe", None, ErrorCode.OFFER_NOT_SDP),
        (b"v=0" + b"a" * MAX_SDP_BYTES, None, ErrorCode.OFFER_TOO_LARGE),
        (b"v=0", b'{"a": "%s"}' % (b"a" * MAX_SESSION_BYTES), ErrorCode.OFFER_TOO_LARGE),
        (b"v=0", b"", ErrorCode.SESSION_NOT_JSON),
        (b"v=0", b"[]", ErrorCode.SESSION_NOT_JSON),
        (b"v=0", b'{"model": 7}', ErrorCode.SESSION_NOT_JSON),
        (b"v=0", b'{"speed": NaN}', ErrorCode.SESSION_NOT_JSON),
        (b"v=0", b'{"speed": 1e999}', ErrorCode.SESSION_NOT_JSON),
        (b"v=0", b'{"speed": 1%s}' % (b"0" * 400), ErrorCode.SESSION_NOT_JSON),
        (b"v=0", b'{"voice": "\\ud800"}', ErrorCode.SESSION_NOT_JSON),
        (b"v=0", b'{"\\udfff": 1}', ErrorCode.SESSION_NOT_JSON),
        (b"v=0", '{"voice": "ash"}'.encode("utf-16"), ErrorCode.SESSION_NOT_JSON),
        (b"v=0", b'{"a":' * 32 + b"1" + b"}" * 32, None),
        (b"v=0", b'{"a":' * 33 + b"1" + b"}" * 33, ErrorCode.SESSION_NOT_JSON),
        (b"v=0", b'{"a":' + b"[" * 32 + b"]" * 32 + b"}", ErrorCode.SESSION_NOT_JSON),
        (b"v=0", b'{"a":' * 12_000, ErrorCode.SESSION_NOT_JSON),
    ],
)
def test_what_is_no_offer_is_refused_with_its_code(sdp: bytes, session: bytes | None, code: ErrorCode | None) -> None:
    assert code_of(sdp, session) is code


def test_a_session_may_fill_its_64_kib() -> None:
    session = json.dumps({"instructions": ""}).encode()
    filled = session.replace(b'""', b'"%s"' % (b"a" * (MAX_SESSION_BYTES - len(session))))
    assert len(filled) == MAX_SESSION_BYTES
    assert code_of(b"v=0", filled) is None


@given(st.binary(max_size=200), st.none() | st.binary(max_size=200))
def test_any_bytes_are_either_an_offer_or_refused(sdp: bytes, session: bytes | None) -> None:
    assert code_of(sdp, session) in (
        None,
        ErrorCode.OFFER_NOT_SDP,
        ErrorCode.SESSION_NOT_JSON,
    )


@pytest.mark.parametrize("media_type", ["", "application/json", "text/plain"])
def test_other_media_types_are_refused(media_type: str) -> None:
    with pytest.raises(RefusedError) as refused:
        largest_body(media_type)
    assert refused.value.refusal.code is ErrorCode.UNSUPPORTED_MEDIA_TYPE
