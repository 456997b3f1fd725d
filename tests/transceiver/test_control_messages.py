"""The control API's request bodies: what is read from them, and that nothing else can happen."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.backends import CallRequest
from antiphon_transceiver.backends.events import session_update
from antiphon_transceiver.control_messages import NewCall, RequestError, parse_new_call


def test_a_session_goes_on_as_it_came() -> None:
    body = orjson.dumps({"offer": "v=0", "model": "parrot", "session": {"instructions": "Say it back."}})
    request = CallRequest(model="parrot", session='{"instructions":"Say it back."}')
    assert parse_new_call(body) == NewCall("v=0", request)


def test_model_and_session_may_be_absent_or_null() -> None:
    assert parse_new_call(b'{"offer": "v=0"}') == parse_new_call(b'{"offer": "v=0", "model": null, "session": null}')


def nested(levels: int, opening: bytes, closing: bytes) -> bytes:
    return b'{"offer": "v=0", "session": {"a": ' + opening * (levels - 1) + b"1" + closing * (levels - 1) + b"}}"


@pytest.mark.parametrize(("opening", "closing"), [(b'{"a":', b"}"), (b"[", b"]")], ids=["objects", "arrays"])
def test_a_session_nested_beyond_reason_is_refused_and_a_deep_one_reaches_the_backend(
    opening: bytes, closing: bytes
) -> None:
    deep = parse_new_call(nested(32, opening, closing))
    assert deep.request.session is not None
    assert session_update(deep.request.session).startswith('{"type":"session.update"')
    for levels in (33, 252, 253, 254, 255, 500, 1000):
        with pytest.raises(RequestError, match=r'"session" is nested more than 32 objects or arrays deep\.'):
            parse_new_call(nested(levels, opening, closing))


@pytest.mark.parametrize("value", ['"\\ud800"', "1e999", "9" * 4000, "[" * 2000 + "]" * 2000, "NaN"])
def test_what_only_some_readers_take_for_json_is_the_callers_fault(value: str) -> None:
    with pytest.raises(RequestError, match="not JSON"):
        parse_new_call(f'{{"offer": "v=0", "session": {{"a": {value}}}}}'.encode())


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
