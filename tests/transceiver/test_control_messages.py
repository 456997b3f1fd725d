"""The control API's request bodies: what is read from them, and that nothing else can happen."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.backends import CallRequest
from antiphon_transceiver.control_messages import NewCall, RequestError, parse_new_call


def test_a_session_goes_on_as_it_came() -> None:
    body = orjson.dumps({"offer": "v=0", "model": "parrot", "session": {"instructions": "Say it back."}})
    request = CallRequest(model="parrot", session='{"instructions":"Say it back."}')
    assert parse_new_call(body) == NewCall("v=0", request)


def test_model_and_session_may_be_absent_or_null() -> None:
    assert parse_new_call(b'{"offer": "v=0"}') == parse_new_call(b'{"offer": "v=0", "model": null, "session": null}')


def test_a_session_nested_beyond_reason_is_refused() -> None:
    nested = b'{"a":' * 500 + b"1" + b"}" * 500
    with pytest.raises(RequestError, match="nested"):
        parse_new_call(b'{"offer": "v=0", "session": ' + nested + b"}")


json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.binary() | st.fixed_dictionaries({}, optional={"offer": json, "model": json, "session": json}))
def test_any_body_is_read_or_refused(body: object) -> None:
    try:
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
    except TypeError:
        return
    try:
        new_call = parse_new_call(raw)
    except RequestError:
        return
    assert isinstance(new_call.offer, str)
