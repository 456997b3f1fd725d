"""What a transceiver answers to GET /v1/capacity."""

from __future__ import annotations

import json

from antiphon_operator.observed import PodLoad
from antiphon_operator.parsing.fields import Fields
from antiphon_wire.control import BackendState


def read_load(body: bytes, at: float) -> PodLoad | None:
    """None: no answer of this API."""
    try:
        answer = Fields(json.loads(body))
    except (ValueError, RecursionError):
        return None
    capacity, live = answer.integer("capacity", -1), answer.integer("live", -1)
    if capacity < 0 or live < 0:
        return None
    draining, closed = answer.flag("draining"), answer.text("closed") is not None
    return PodLoad(capacity, live, draining=draining, backend=_backend(answer), at=at, closed=closed)


def _backend(answer: Fields) -> BackendState:
    try:
        return BackendState(answer.word("backend"))
    except ValueError:
        # A transceiver of an older version does not say.
        return BackendState.NOT_PROBED
