"""The control API's JSON: requests read into values, values written as answers (docs/interfaces.md)."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import orjson

from antiphon_transceiver.backends import CallRequest
from antiphon_transceiver.backends.events import OUR_EXTENSION
from antiphon_transceiver.call import Milestone
from antiphon_transceiver.call_book import CallRecord
from antiphon_transceiver.capacity import Capacity
from antiphon_transceiver.media import UplinkMode
from antiphon_transceiver.takeover.exports import HandOver
from antiphon_transceiver.takeover.heir import TakenOver
from antiphon_wire.control import BackendState

_LONGEST_MODEL = 256
_DEEPEST_SESSION = 32
"""Objects and arrays in one another. A Realtime session has six, a tool's JSON Schema in it some more."""

_LONGEST_POD = 253
"""A name of Kubernetes."""
_MOST_ROUTES = 4096

Json = dict[str, object]


class RequestError(ValueError):
    """The request's body is not of the documented form; the message says where."""


@dataclass(frozen=True)
class NewCall:
    offer: str
    request: CallRequest


def parse_new_call(body: bytes) -> NewCall:
    """Reads `{"offer", "model", "session"}`; raises RequestError."""
    offer, document = _offer_and_more(body)
    model, session = document.get("model"), document.get("session")
    if model is not None and not (isinstance(model, str) and len(model) <= _LONGEST_MODEL):
        raise RequestError(f'"model" is not a text of at most {_LONGEST_MODEL} characters.')
    if session is not None and not isinstance(session, dict):
        raise RequestError('"session" is not an object.')
    request = CallRequest(model=model, session=_session_text(session), uplink_mode=_uplink_mode(session))
    return NewCall(offer, request)


def parse_later_offer(body: bytes) -> str:
    """Reads `{"offer"}`; raises RequestError."""
    offer, _ = _offer_and_more(body)
    return offer


@dataclass(frozen=True)
class TakeOverRequest:
    pod: str
    """That had the calls, and was fenced."""
    routes: tuple[int, ...]


def parse_take_over(body: bytes) -> TakeOverRequest:
    """Reads `{"pod", "routes"}`; raises RequestError."""
    document = _object(body)
    pod = document.get("pod")
    if not isinstance(pod, str) or not 0 < len(pod) <= _LONGEST_POD:
        raise RequestError(f'"pod" is not a text of 1 to {_LONGEST_POD} characters.')
    return TakeOverRequest(pod, _routes(document))


def parse_hand_over(body: bytes) -> frozenset[int]:
    """Reads `{"routes"}`; raises RequestError."""
    return frozenset(_routes(_object(body)))


def _routes(document: Json) -> tuple[int, ...]:
    routes = document.get("routes")
    if not isinstance(routes, list) or not 0 < len(routes) <= _MOST_ROUTES:
        raise RequestError(f'"routes" is not a list of 1 to {_MOST_ROUTES} route ids.')
    if not all(isinstance(route, int) and not isinstance(route, bool) and 0 <= route < 2**32 for route in routes):
        raise RequestError('"routes" holds something that is no route id.')
    return tuple(dict.fromkeys(routes))


def _object(body: bytes) -> Json:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        # Among it what only some readers take: half a surrogate pair, a number beyond a double's range.
        raise RequestError(f"The body is not JSON: {error.msg}.") from None
    if not isinstance(document, dict):
        raise RequestError("The body is not an object.")
    return document


def _offer_and_more(body: bytes) -> tuple[str, Json]:
    document = _object(body)
    offer = document.get("offer")
    if not isinstance(offer, str):
        raise RequestError('The body is not an object with the text "offer".')
    return offer, document


def _session_text(session: Json | None) -> str | None:
    if session is None:
        return None
    if _is_deeper(session, _DEEPEST_SESSION):
        raise RequestError(f'"session" is nested more than {_DEEPEST_SESSION} objects or arrays deep.')
    return orjson.dumps(session).decode()


def _uplink_mode(session: Json | None) -> UplinkMode | None:
    """Of `{"antiphon": {"uplink_mode": "…"}}`: our part of a session. Members that we do not know are nothing to us."""
    extension = None if session is None else session.get(OUR_EXTENSION)
    if extension is None:
        return None
    if not isinstance(extension, dict):
        raise RequestError(f'"{OUR_EXTENSION}" in the session is not an object.')
    asked = extension.get("uplink_mode")
    modes: dict[object, UplinkMode] = {mode.value: mode for mode in UplinkMode}
    if asked is not None and (not isinstance(asked, str) or asked not in modes):
        known = " and ".join(mode.value for mode in UplinkMode)
        raise RequestError(f'"uplink_mode" of "{OUR_EXTENSION}" in the session is none of {known}.')
    return modes.get(asked)


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


def renegotiated_body(record: CallRecord, answer: str, pod: str) -> Json:
    return {"call_id": record.call_id, "answer": answer, "route": record.route, "pod": pod}


def taken_over_body(taken: TakenOver, free: int) -> Json:
    failed = [{"call_id": call_id, "reason": why.value} for call_id, why in taken.failed.items()]
    return {"taken_over": taken.calls, "failed": failed, "free": free}


def handed_over_body(result: HandOver) -> Json:
    kept = [{"call_id": call_id, "reason": why.value} for call_id, why in result.kept.items()]
    return {"handed_over": result.handed_over, "kept": kept}


def call_body(record: CallRecord, pod: str) -> Json:
    return {
        "call_id": record.call_id,
        "pod": pod,
        "route": record.route,
        "state": record.state.value,
        "reason": record.reason.value if record.reason else None,
        "model": record.model,
        "age_s": round(record.age_s, 3),
        "taken_over_from": record.taken_over_from,
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
        "closed": None if capacity.closed is None else capacity.closed.value,
        "backend": backend.value,
    }
