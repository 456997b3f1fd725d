"""The control API's JSON: requests read into values, values written as answers (docs/interfaces.md)."""

from dataclasses import asdict, dataclass

import orjson

from antiphon_transceiver.backends import CallRequest
from antiphon_transceiver.call import Milestone
from antiphon_transceiver.calls import CallRecord
from antiphon_transceiver.capacity import Capacity

_LONGEST_MODEL = 256

Json = dict[str, object]


class RequestError(ValueError):
    """The request's body is not of the documented form; the message says where."""


@dataclass(frozen=True)
class NewCall:
    offer: str
    request: CallRequest


def parse_new_call(body: bytes) -> NewCall:
    """Reads `{"offer", "model", "session"}`; raises RequestError."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise RequestError("The body is not JSON.") from None
    if not isinstance(document, dict) or not isinstance(document.get("offer"), str):
        raise RequestError('The body is not an object with the text "offer".')
    model, session = document.get("model"), document.get("session")
    if model is not None and not (isinstance(model, str) and len(model) <= _LONGEST_MODEL):
        raise RequestError(f'"model" is not a text of at most {_LONGEST_MODEL} characters.')
    if session is not None and not isinstance(session, dict):
        raise RequestError('"session" is not an object.')
    return NewCall(document["offer"], CallRequest(model=model, session=_session_text(session)))


def _session_text(session: Json | None) -> str | None:
    if session is None:
        return None
    try:
        return orjson.dumps(session).decode()
    except orjson.JSONEncodeError:
        # orjson writes less deep nesting than it reads.
        raise RequestError('"session" is nested too deep.') from None


def created_body(record: CallRecord, answer: str, pod: str, free: int) -> Json:
    timings = {stage: round(record.milestones_ms.get(stage, 0.0), 3) for stage in (Milestone.BACKEND, Milestone.ANSWER)}
    return {
        "call_id": record.call_id,
        "answer": answer,
        "route": record.route,
        "pod": pod,
        "free": free,
        "timings_ms": {stage.value: ms for stage, ms in timings.items()},
    }


def call_body(record: CallRecord, pod: str) -> Json:
    return {
        "call_id": record.call_id,
        "pod": pod,
        "route": record.route,
        "state": record.state.value,
        "reason": record.reason.value if record.reason else None,
        "model": record.model,
        "age_s": round(record.age_s, 3),
        "stats": {
            "setup_ms": {milestone.value: round(ms, 3) for milestone, ms in record.milestones_ms.items()},
            "media": asdict(record.media),
            "events": asdict(record.events),
        },
    }


def capacity_body(capacity: Capacity, pod: str) -> Json:
    return {
        "pod": pod,
        "capacity": capacity.limit,
        "live": capacity.live,
        "free": capacity.free,
        "draining": capacity.draining,
    }
