from __future__ import annotations

import json
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.backends.events import (
    AudioDelta,
    AudioDone,
    ErrorReported,
    EventError,
    OtherEvent,
    ServerEvent,
    SessionDescribed,
    SpeechStarted,
    append_audio,
    parse_client_event,
    parse_server_event,
    session_update,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KINDS = [
    "response.output_audio.delta",
    "response.audio.delta",
    "response.output_audio.done",
    "session.created",
    "session.updated",
    "error",
    "input_audio_buffer.speech_started",
    "something.else",
]
FIELDS = ["delta", "item_id", "response_id", "content_index", "session", "error", "other"]


@pytest.mark.parametrize(
    ("text", "event"),
    [
        (
            '{"type":"response.output_audio.delta","response_id":"r","item_id":"i","content_index":1,"delta":"AQI="}',
            AudioDelta("i", "r", 1, b"\1\2"),
        ),
        ('{"type":"response.audio.delta","item_id":"i","delta":""}', AudioDelta("i", "", 0, b"")),
        ('{"type":"response.output_audio.done","item_id":"i"}', AudioDone("i")),
        ('{"type":"response.audio.done","item_id":"i"}', AudioDone("i")),
        ('{"type":"input_audio_buffer.speech_started","audio_start_ms":7}', SpeechStarted()),
        ('{"type":"session.created","session":{}}', SessionDescribed(created=True, interrupts=True)),
        (
            '{"type":"session.updated","session":{"audio":{"input":{"turn_detection":{"interrupt_response":false}}}}}',
            SessionDescribed(created=False, interrupts=False),
        ),
        (
            '{"type":"session.updated","session":{"turn_detection":{"interrupt_response":false}}}',
            SessionDescribed(created=False, interrupts=False),
        ),
        (
            '{"type":"session.updated","session":{"audio":{"input":{"turn_detection":null}}}}',
            SessionDescribed(created=False, interrupts=True),
        ),
        (
            '{"type":"error","error":{"event_id":"antiphon_truncate_1","message":"no"}}',
            ErrorReported(about_us=True, message="no"),
        ),
        ('{"type":"error","error":{"event_id":null,"message":"no"}}', ErrorReported(about_us=False, message="no")),
        ('{"type":"response.done"}', OtherEvent()),
    ],
)
def test_the_events_that_are_acted_upon(text: str, event: ServerEvent) -> None:
    assert parse_server_event(text) == event


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"type":7}',
        '{"type":"response.output_audio.delta","item_id":"i","delta":"A"}',
        '{"type":"response.output_audio.delta","item_id":7,"delta":""}',
        '{"type":"response.output_audio.delta","item_id":"i","delta":"é"}',
        '{"type":"response.output_audio.done"}',
        "[" * 2000,
    ],
)
def test_what_is_no_event_is_refused(text: str) -> None:
    with pytest.raises(EventError):
        parse_server_event(text)


@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_any_fields_are_an_event_or_an_event_error(kind: str, fields: dict[str, object]) -> None:
    text = json.dumps({**fields, "type": kind})
    try:
        parse_server_event(text)
    except EventError:
        return


@given(st.text(max_size=50))
def test_any_text_is_an_event_or_an_event_error(text: str) -> None:
    for parse in (parse_server_event, parse_client_event, session_update):
        with pytest.raises(EventError):
            parse(text + "?")


@given(st.binary(max_size=100))
def test_sound_goes_as_base64(pcm: bytes) -> None:
    event = json.loads(append_audio(pcm))
    assert event["type"] == "input_audio_buffer.append"
    assert b64decode(event["audio"]) == pcm


def test_the_calls_session_goes_without_its_model_and_without_formats() -> None:
    session = {
        "type": "realtime",
        "model": "parrot",
        "instructions": "Be brief.",
        "input_audio_format": "g711_ulaw",
        "audio": {
            "input": {"format": {"type": "audio/pcmu"}, "turn_detection": {"type": "server_vad"}},
            "output": {"format": {"type": "audio/pcmu"}, "voice": "x"},
        },
    }
    assert json.loads(session_update(json.dumps(session))) == {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "instructions": "Be brief.",
            "audio": {"input": {"turn_detection": {"type": "server_vad"}}, "output": {"voice": "x"}},
        },
    }


@pytest.mark.parametrize("session", ["", "7", "[]", "{", '"text"'])
def test_a_session_that_is_no_object_is_refused(session: str) -> None:
    with pytest.raises(EventError):
        session_update(session)


def test_a_clients_update_keeps_all_but_what_is_ours() -> None:
    session = {"audio": {"input": {"format": 1, "x": 2}}, "antiphon": {"uplink_mode": "speed"}}
    update = {"type": "session.update", "event_id": "e1", "session": session}
    event = parse_client_event(json.dumps(update))
    assert json.loads(event.text) == {
        "type": "session.update",
        "event_id": "e1",
        "session": {"audio": {"input": {"x": 2}}},
    }


def test_other_events_of_a_client_go_as_they_are() -> None:
    text = '{ "type" : "response.create" , "new": [1, 2] }'
    assert parse_client_event(text).text == text
    assert not parse_client_event(text).clears_output
    assert parse_client_event('{"type":"output_audio_buffer.clear"}').clears_output


def test_sound_comes_as_media_and_not_as_events() -> None:
    with pytest.raises(EventError, match="as media"):
        parse_client_event(append_audio(bytes(960)))
