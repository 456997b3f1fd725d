"""The few events of the OpenAI Realtime protocol that a transceiver acts upon. Pure; the JSON stays in this file.

The general names and those of the beta are both understood.
"""

from __future__ import annotations

import binascii
from base64 import b64encode
from dataclasses import dataclass
from typing import Any

import orjson

OUR_EXTENSION = "antiphon"
"""Of a session: what it says to the transceiver and not to the backend."""

_OURS = frozenset({"input_audio_format", "output_audio_format", OUR_EXTENSION})

OUR_EVENT_PREFIX = "antiphon_"
"""Of the event ids of what the transceiver says by itself: errors about those are not the client's."""


class EventError(ValueError):
    """The text is not an event."""


@dataclass(frozen=True, slots=True)
class AudioDelta:
    item_id: str
    response_id: str
    """Empty with servers that leave it out."""
    content_index: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class AudioDone:
    item_id: str


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    pass


@dataclass(frozen=True, slots=True)
class SessionDescribed:
    created: bool
    interrupts: bool
    """Speech of the caller ends the response under way."""


@dataclass(frozen=True, slots=True)
class ErrorReported:
    about_us: bool
    message: str


@dataclass(frozen=True, slots=True)
class OtherEvent:
    """For the client alone."""


ServerEvent = AudioDelta | AudioDone | SpeechStarted | SessionDescribed | ErrorReported | OtherEvent


@dataclass(frozen=True, slots=True)
class ClientEvent:
    clears_output: bool
    text: str
    """As it is to go to the backend."""


def parse_server_event(text: str) -> ServerEvent:
    """Raises EventError only."""
    event = _object_of(text)
    match event["type"]:
        case "response.output_audio.delta" | "response.audio.delta":
            return _audio_delta(event)
        case "response.output_audio.done" | "response.audio.done":
            return AudioDone(_text(event, "item_id"))
        case "input_audio_buffer.speech_started":
            return SpeechStarted()
        case "session.created" | "session.updated":
            created = event["type"] == "session.created"
            return SessionDescribed(created, interrupts=_interrupts(event.get("session")))
        case "error":
            return _error(event)
        case _:
            return OtherEvent()


def parse_client_event(text: str) -> ClientEvent:
    """Raises EventError only. What is the transceiver's is left out of an update of the session."""
    event = _object_of(text)
    if event["type"] == "input_audio_buffer.append":
        # Nobody would measure it: a backend that is paid by the second would hear hours in a minute.
        raise EventError("in a WebRTC call the sound comes as media")
    if event["type"] == "session.update" and isinstance(event.get("session"), dict):
        text = _dumps({**event, "session": _for_backend(event["session"])})
    return ClientEvent(clears_output=event["type"] == "output_audio_buffer.clear", text=text)


def session_update(session: str) -> str:
    """The first word to a backend: the session that the client asked for when it made the call.

    Without its model, which is in the URL and cannot be changed by an update. Raises EventError.
    """
    try:
        wanted = orjson.loads(session)
    except orjson.JSONDecodeError as error:
        raise EventError("the session is not JSON") from error
    if not isinstance(wanted, dict):
        raise EventError("the session is not an object")
    asked = {name: value for name, value in _for_backend(wanted).items() if name != "model"}
    return _dumps({"type": "session.update", "session": asked})


def append_audio(pcm: bytes) -> str:
    # Base64 needs no escapes, and a JSON library would copy it once more.
    return f'{{"type":"input_audio_buffer.append","audio":"{b64encode(pcm).decode("ascii")}"}}'


def truncate_item(item_id: str, *, content_index: int, audio_end_ms: int, number: int) -> str:
    return _dumps(
        {
            "type": "conversation.item.truncate",
            "event_id": f"{OUR_EVENT_PREFIX}truncate_{number}",
            "item_id": item_id,
            "content_index": content_index,
            "audio_end_ms": audio_end_ms,
        }
    )


def output_cleared(*, number: int, response_id: str) -> str:
    event_id = f"{OUR_EVENT_PREFIX}cleared_{number}"
    return _dumps({"type": "output_audio_buffer.cleared", "event_id": event_id, "response_id": response_id})


def error_event(code: str, message: str, *, number: int) -> str:
    error = {"type": "server_error", "code": code, "message": message, "param": None, "event_id": None}
    return _dumps({"type": "error", "event_id": f"{OUR_EVENT_PREFIX}error_{number}", "error": error})


def _object_of(text: str) -> dict[str, Any]:
    try:
        event = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise EventError("not JSON") from error
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise EventError("not an object with a type")
    return event


def _audio_delta(event: dict[str, Any]) -> AudioDelta:
    try:
        pcm = binascii.a2b_base64(_text(event, "delta"), strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise EventError("the audio is not base64") from error
    content_index, response_id = event.get("content_index"), event.get("response_id")
    return AudioDelta(
        item_id=_text(event, "item_id"),
        response_id=response_id if isinstance(response_id, str) else "",
        content_index=content_index if isinstance(content_index, int) else 0,
        pcm=pcm,
    )


def _interrupts(session: object) -> bool:
    """The default of server VAD is to interrupt."""
    turns = _child(_child(_child(session, "audio"), "input"), "turn_detection") or _child(session, "turn_detection")
    return turns.get("interrupt_response") is not False


def _error(event: dict[str, Any]) -> ErrorReported:
    error = _child(event, "error")
    about, message = error.get("event_id"), error.get("message")
    return ErrorReported(
        about_us=isinstance(about, str) and about.startswith(OUR_EVENT_PREFIX),
        message=message if isinstance(message, str) else "",
    )


def _for_backend(session: dict[str, Any]) -> dict[str, Any]:
    """A browser's session may name any format, for in WebRTC it has no meaning; between us and the backend it has."""
    kept = {name: value for name, value in session.items() if name not in _OURS}
    if isinstance(kept.get("audio"), dict):
        kept["audio"] = {side: _without_format(value) for side, value in kept["audio"].items()}
    return kept


def _without_format(side: object) -> object:
    return {name: value for name, value in side.items() if name != "format"} if isinstance(side, dict) else side


def _child(document: object, name: str) -> dict[str, Any]:
    child = document.get(name) if isinstance(document, dict) else None
    return child if isinstance(child, dict) else {}


def _text(event: dict[str, Any], name: str) -> str:
    value = event.get(name)
    if not isinstance(value, str):
        raise EventError(f"{name} is not a text")
    return value


def _dumps(event: dict[str, Any]) -> str:
    try:
        return orjson.dumps(event).decode()
    except orjson.JSONEncodeError as error:
        # What orjson reads may be nested four times as deep as what it writes.
        raise EventError("nested too deep") from error
