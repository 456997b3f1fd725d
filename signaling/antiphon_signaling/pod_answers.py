"""What a transceiver's control API answers, parsed once at the edge (docs/interfaces.md, "Control API")."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from antiphon_wire.control import ControlErrorCode, EndReason


class PodAnswerError(ValueError):
    """A pod answered something that the control API does not know."""


@dataclass(frozen=True)
class Created:
    call_id: str
    answer: str
    pod: str
    free: int
    backend_ms: float
    answer_ms: float


@dataclass(frozen=True)
class PodRefusal:
    code: ControlErrorCode
    message: str


@dataclass(frozen=True)
class CallReport:
    state: str
    reason: EndReason | None
    """Set exactly when the call has ended."""
    pod: str
    age_s: float
    stats: Mapping[str, object]
    """Opaque here: passed on to the caller as the transceiver wrote it."""


def created(body: bytes) -> Created:
    fields = _Fields.of(body)
    timings = fields.fields("timings_ms")
    return Created(
        call_id=fields.text("call_id"),
        answer=fields.text("answer"),
        pod=fields.text("pod"),
        free=int(fields.number("free")),
        backend_ms=timings.number("backend"),
        answer_ms=timings.number("answer"),
    )


def later_answer(body: bytes) -> str:
    """The SDP that answers a later offer of a live call."""
    return _Fields.of(body).text("answer")


def refusal(body: bytes) -> PodRefusal:
    error = _Fields.of(body).fields("error")
    try:
        return PodRefusal(ControlErrorCode(error.text("code")), error.text("message"))
    except ValueError as unknown:
        raise PodAnswerError(str(unknown)) from None


def call_report(body: bytes) -> CallReport:
    fields = _Fields.of(body)
    state = fields.text("state")
    return CallReport(
        state=state,
        reason=_end_reason(fields) if state == "ended" else None,
        pod=fields.text("pod"),
        age_s=fields.number("age_s"),
        stats=fields.fields("stats").values,
    )


def free_calls(body: bytes) -> int:
    fields = _Fields.of(body)
    return 0 if fields.flag("draining") else int(fields.number("free"))


def _end_reason(fields: _Fields) -> EndReason:
    try:
        return EndReason(fields.text("reason"))
    except ValueError:
        return EndReason.INTERNAL_ERROR


@dataclass(frozen=True)
class _Fields:
    """A JSON object whose members are asked for by name and type."""

    values: Mapping[str, object]

    @classmethod
    def of(cls, body: bytes) -> _Fields:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise PodAnswerError(f"not JSON: {error}") from None
        if not isinstance(document, dict):
            raise PodAnswerError("not a JSON object")
        return cls(document)

    def text(self, name: str) -> str:
        value = self.values.get(name)
        if not isinstance(value, str):
            raise PodAnswerError(f"{name} is not a string")
        return value

    def number(self, name: str) -> float:
        value = self.values.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise PodAnswerError(f"{name} is not a number")
        return value

    def flag(self, name: str) -> bool:
        value = self.values.get(name)
        if not isinstance(value, bool):
            raise PodAnswerError(f"{name} is not true or false")
        return value

    def fields(self, name: str) -> _Fields:
        value = self.values.get(name)
        if not isinstance(value, dict):
            raise PodAnswerError(f"{name} is not an object")
        return _Fields(value)
