"""The control API's request bodies: what is read from them, and that nothing else can happen."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.backends import CallRequest
from antiphon_transceiver.backends.events import session_update
from antiphon_transceiver.control_messages import (
    NewCall,
    RequestError,
    TakeOverRequest,
    parse_hand_over,
    parse_new_call,
    parse_take_over,
)
from antiphon_transceiver.media import UplinkMode


def test_a_session_goes_on_as_it_came() -> None:
    body = orjson.dumps({"offer": "v=0", "model": "parrot", "session": {"instructions": "Say it back."}})
    request = CallRequest(model="parrot", session='{"instructions":"Say it back."}')
    assert parse_new_call(body) == NewCall("v=0", request)


def test_model_and_session_may_be_absent_or_null() -> None:
    assert parse_new_call(b'{"offer": "v=0"}') == parse_new_call(b'{"offer": "v=0", "model": null, "session": null}')


@pytest.mark.parametrize(
    ("extension", "mode"),
    [
        (None, None),
        ({}, None),
        ({"uplink_mode": None}, None),
        ({"uplink_mode": "accuracy"}, UplinkMode.ACCURACY),
        ({"uplink_mode": "speed", "unknown": [1]}, UplinkMode.SPEED),
    ],
)
def test_the_session_may_say_how_the_call_is_to_be_heard(extension: object, mode: UplinkMode | None) -> None:
    body = orjson.dumps({"offer": "v=0", "session": {"instructions": "Be brief.", "antiphon": extension}})
    request = parse_new_call(body).request
    assert request.uplink_mode is mode
    assert request.session is not None
    assert orjson.loads(session_update(request.session))["session"] == {"instructions": "Be brief."}


def test_whose_routes_are_meant_is_read() -> None:
    assert parse_take_over(b'{"pod": "t0", "routes": [8, 9, 8]}') == TakeOverRequest("t0", (8, 9))
    assert parse_hand_over(b'{"routes": [4294967295, 0]}') == frozenset((0, 2**32 - 1))


@given(
    st.dictionaries(st.sampled_from(["pod", "routes"]), st.none() | st.text() | st.lists(st.integers() | st.booleans()))
)
def test_other_requests_for_routes_are_refused(document: dict[str, object]) -> None:
    body = orjson.dumps(document) if is_json(document) else b""
    for parse in (parse_take_over, parse_hand_over):
        try:
            read = parse(body)
        except RequestError:
            continue
        routes = read.routes if isinstance(read, TakeOverRequest) else read
        assert routes
        assert all(type(route) is int and 0 <= route < 2**32 for route in routes)


def is_json(document: dict[str, object]) -> bool:
    try:
        orjson.dumps(document)
    except TypeError:
        return False
    return True


@pytest.mark.parametrize("extension", ["accuracy", 1, [], {"uplink_mode": "haste"}, {"uplink_mode": ["speed"]}])
def test_what_asks_for_no_way_of_hearing_that_there_is_is_refused(extension: object) -> None:
    with pytest.raises(RequestError, match='"antiphon" in the session'):
        parse_new_call(orjson.dumps({"offer": "v=0", "session": {"antiphon": extension}}))


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
