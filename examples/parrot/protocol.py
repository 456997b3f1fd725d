"""The words of the OpenAI Realtime protocol (GA event names) that an agent of this size needs. No socket, no clock."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from speech import SAMPLE_RATE, Samples

Event = dict[str, Any]
"""A server event as it goes out; `event_id` is added when it is sent."""

MAX_MESSAGE_BYTES = 1 << 20


class RefusedError(Exception):
    """The client sent what this server cannot take; `event()` tells it so and the session goes on."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.param = code, message, param

    def event(self, client_event_id: str | None) -> Event:
        error = {"type": "invalid_request_error", "code": self.code, "message": self.message}
        return {"type": "error", "error": {**error, "param": self.param, "event_id": client_event_id}}


@dataclass(frozen=True)
class ClientEvent:
    type: str
    event_id: str | None
    fields: dict[str, Any]

    def text(self, name: str) -> str:
        value = self.fields.get(name)
        if not isinstance(value, str):
            raise RefusedError("invalid_value", f"'{name}' must be a string.", name)
        return value


def parse_client_event(message: str) -> ClientEvent:
    try:
        document = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise RefusedError("invalid_json", "The message is not JSON.") from error
    if not isinstance(document, dict) or not isinstance(document.get("type"), str):
        raise RefusedError("invalid_event", "An event is a JSON object with a 'type'.", "type")
    event_id = document.get("event_id")
    return ClientEvent(document["type"], event_id if isinstance(event_id, str) else None, document)


def decode_audio(text: str) -> Samples:
    try:
        pcm = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RefusedError("invalid_value", "'audio' must be base64.", "audio") from error
    if len(pcm) % 2:
        raise RefusedError("invalid_value", "'audio' must hold whole 16-bit samples.", "audio")
    return np.frombuffer(pcm, dtype="<i2").astype(np.int16)


def encode_audio(pcm: bytes) -> str:
    return base64.b64encode(pcm).decode("ascii")


@dataclass(frozen=True)
class Session:
    """What a client may set; the rest of its `session.update` is accepted and has no effect on a parrot."""

    id: str
    model: str
    detects_turns: bool = True
    silence_ms: int = 400
    interrupts: bool = True
    answers: bool = True

    def updated(self, wanted: object) -> Session:
        if not isinstance(wanted, dict):
            raise RefusedError("invalid_value", "'session' must be an object.", "session")
        check_formats(wanted)
        audio_input = _object(_object(wanted, "audio"), "input")
        if "turn_detection" not in audio_input:
            return self
        detection = audio_input["turn_detection"]
        if detection is None:
            return replace(self, detects_turns=False)
        if not isinstance(detection, dict):
            raise RefusedError("invalid_value", "'turn_detection' must be an object or null.", "turn_detection")
        return replace(
            self,
            detects_turns=True,
            silence_ms=_milliseconds(detection, "silence_duration_ms", self.silence_ms),
            interrupts=_flag(detection, "interrupt_response", self.interrupts),
            answers=_flag(detection, "create_response", self.answers),
        )

    def describe(self) -> Event:
        turns = {
            "type": "server_vad",
            "silence_duration_ms": self.silence_ms,
            "interrupt_response": self.interrupts,
            "create_response": self.answers,
        }
        pcm = {"type": "audio/pcm", "rate": SAMPLE_RATE}
        return {
            "type": "realtime",
            "object": "realtime.session",
            "id": self.id,
            "model": self.model,
            "output_modalities": ["audio"],
            "audio": {
                "input": {"format": pcm, "turn_detection": turns if self.detects_turns else None},
                "output": {"format": pcm, "voice": "parrot"},
            },
        }


@dataclass(frozen=True)
class Response:
    """One answer and the events that tell of it."""

    id: str
    item_id: str
    place: dict[str, Any] = field(default_factory=lambda: {"output_index": 0, "content_index": 0})

    def opening(self) -> list[Event]:
        ours = {"response_id": self.id, "output_index": 0}
        part = {"type": "audio", "transcript": ""}
        item = self._item("in_progress", [])
        return [
            {"type": "response.created", "response": self._response("in_progress", [], None)},
            {"type": "response.output_item.added", **ours, "item": item},
            {"type": "conversation.item.added", "previous_item_id": None, "item": item},
            {"type": "response.content_part.added", **ours, "content_index": 0, "item_id": self.item_id, "part": part},
        ]

    def audio(self, pcm: bytes) -> Event:
        ours = {"response_id": self.id, "item_id": self.item_id, **self.place}
        return {"type": "response.output_audio.delta", **ours, "delta": encode_audio(pcm)}

    def closing(self, status: str, reason: str | None) -> list[Event]:
        """`status` is completed, cancelled or failed; a reason goes with the latter two."""
        ours = {"response_id": self.id, "item_id": self.item_id, **self.place}
        part = {"type": "audio", "transcript": ""}
        item = self._item("completed" if status == "completed" else "incomplete", [{"type": "output_audio"}])
        details = None if reason is None else {"type": status, "reason": reason}
        return [
            {"type": "response.output_audio.done", **ours},
            {"type": "response.content_part.done", **ours, "part": part},
            {"type": "response.output_item.done", "response_id": self.id, "output_index": 0, "item": item},
            {"type": "conversation.item.done", "previous_item_id": None, "item": item},
            {"type": "response.done", "response": self._response(status, [item], details)},
        ]

    def _item(self, status: str, content: list[Event]) -> Event:
        kind = {"object": "realtime.item", "type": "message", "role": "assistant"}
        return {"id": self.item_id, **kind, "status": status, "content": content}

    def _response(self, status: str, output: list[Event], details: Event | None) -> Event:
        return {
            "id": self.id,
            "object": "realtime.response",
            "status": status,
            "status_details": details,
            "output": output,
        }


def user_item_events(item_id: str, previous_item_id: str | None) -> list[Event]:
    """The buffer became the caller's item of the conversation."""
    kind = {"object": "realtime.item", "type": "message", "role": "user", "status": "completed"}
    item = {"id": item_id, **kind, "content": [{"type": "input_audio", "transcript": None}]}
    about = {"previous_item_id": previous_item_id, "item": item}
    return [
        {"type": "input_audio_buffer.committed", "previous_item_id": previous_item_id, "item_id": item_id},
        {"type": "conversation.item.added", **about},
        {"type": "conversation.item.done", **about},
    ]


def check_formats(wanted: dict[str, Any]) -> None:
    for side in ("input", "output"):
        wanted_format = _object(_object(wanted, "audio"), side).get("format")
        if wanted_format is None:
            continue
        if not isinstance(wanted_format, dict) or wanted_format.get("type") != "audio/pcm":
            raise RefusedError(
                "invalid_value", "Only audio/pcm at 24000 Hz is spoken here.", f"session.audio.{side}.format"
            )


def _object(document: dict[str, Any], name: str) -> dict[str, Any]:
    value = document.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RefusedError("invalid_value", f"'{name}' must be an object.", name)
    return value


def _milliseconds(document: dict[str, Any], name: str, default: int) -> int:
    value = document.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 100 <= value <= 5000:
        raise RefusedError("invalid_value", f"'{name}' must be 100 to 5000.", name)
    return value


def _flag(document: dict[str, Any], name: str, default: bool) -> bool:  # noqa: FBT001 - read like _milliseconds
    value = document.get(name, default)
    if not isinstance(value, bool):
        raise RefusedError("invalid_value", f"'{name}' must be true or false.", name)
    return value
