"""The control API's JSON: requests read into values, values written as answers (docs/interfaces.md)."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import orjson

from antiphon_transceiver.backends import CallRequest
from antiphon_transceiver.call import Milestone
from antiphon_transceiver.call_book import CallRecord
from antiphon_transceiver.capacity import Capacity
from antiphon_wire.control import BackendState

_LONGEST_MODEL = 256
_DEEPEST_SESSION = 32
"""Objects and arrays in one another. A Realtime session has six, a tool's JSON Schema in it some more."""

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
    except orjson.JSONDecodeError as error:
        # Among it what only some readers take: half a surrogate pair, a number beyond a double's range.
        raise RequestError(f"The body is not JSON: {error.msg}.") from None
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
    if _is_deeper(session, _DEEPEST_SESSION):
        raise RequestError(f'"session" is nested more than {_DEEPEST_SESSION} objects or arrays deep.')
    return orjson.dumps(session).decode()


def _is_deeper(document: object, levels: int) -> bool:
    layer = [document]
    for _ in range(levels):
        layer = [child for parent in layer for child in _children(parent) if isinstance(child, dict | list)]
    return bool(layer)


def _children(parent: object) -> Iterable[object]:
    if isinstance(parent, dict):
        return parent.values()
    return parent if isinstance(parent, list) else ()


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
            "backend": asdict(record.backend),
        },
    }


def capacity_body(capacity: Capacity, pod: str, backend: BackendState) -> Json:
    return {
        "pod": pod,
        "capacity": capacity.limit,
        "live": capacity.live,
        "free": capacity.free,
        "draining": capacity.draining,
        "backend": backend.value,
    }
