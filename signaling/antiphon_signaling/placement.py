"""Which pod gets a call: two random choices by free capacity, pure."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from antiphon_signaling.capacity import CapacityBook
from antiphon_signaling.errors import ErrorCode, Refusal, RefusedError
from antiphon_wire import Block, BlockState, Pool, RouteTable
from antiphon_wire.control import ControlErrorCode

RETRY_FULL_S = 4
RETRY_ABSENT_S = 2


@dataclass(frozen=True)
class Candidate:
    """A pod that may take the call; `free` is the number of calls it last had room for."""

    pod: str
    control: str
    free: int


class Outcome(StrEnum):
    """How one try at one pod ended; the metric's label."""

    PLACED = "placed"
    FULL = "full"
    DRAINING = "draining"
    NOT_READY = "not_ready"
    FAULTY = "faulty"
    """It answered, but nothing that helps: another program, another version, another token."""
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    """The offer, by a pod that would have taken a better one."""


def meaning(code: ControlErrorCode, *, with_session: bool = False) -> Outcome | ErrorCode:
    """What a pod's refusal comes to: the next pod's turn, or, where no pod would do better, the caller's error."""
    if code is ControlErrorCode.REQUEST_MALFORMED and with_session:
        return ErrorCode.SESSION_NOT_JSON  # the one part of the request that signaling did not write itself
    return _MEANING[code]


def pool_for(pools: Sequence[Pool], model: str | None) -> Pool:
    for pool in pools:
        if pool.default if model is None else model in pool.models:
            return pool
    known = ", ".join(sorted({name for pool in pools for name in pool.models})) or "none"
    wanted = "No model is named and no pool is the default" if model is None else f"No pool serves model {model[:80]!r}"
    raise RefusedError(Refusal(ErrorCode.MODEL_NOT_FOUND, f"{wanted}. Models here: {known}.", param="model"))


def candidates(table: RouteTable, pool: str, book: CapacityBook) -> list[Candidate]:
    return [Candidate(block.pod, block.control, book.free(block.pod)) for block in active_blocks(table, pool)]


def active_blocks(table: RouteTable, pool: str | None = None) -> list[Block]:
    """The blocks that take new calls; `pool` None: of all pools."""
    return [b for b in table.blocks if b.state is BlockState.ACTIVE and pool in (None, b.pool)]


def order(candidates: Sequence[Candidate], rng: random.Random) -> Iterator[Candidate]:
    """Yields every candidate once, those with room first.

    Taking the better of two random pods spreads simultaneous offers almost as well as knowing every load exactly,
    and never sends a burst to the one pod that was emptiest a second ago.
    """
    for remaining in ([c for c in candidates if c.free > 0], [c for c in candidates if c.free <= 0]):
        while remaining:
            chosen = max(rng.sample(remaining, min(2, len(remaining))), key=lambda candidate: candidate.free)
            remaining.remove(chosen)
            yield chosen


def exhausted(pool: str, outcomes: Sequence[Outcome]) -> Refusal:
    """What to tell the caller when no pod took the call."""
    if Outcome.FULL in outcomes:
        asked = _pods(sum(outcome is not Outcome.UNREACHABLE for outcome in outcomes))
        message = f"No place is free in pool {pool} ({asked} asked). Retry in {RETRY_FULL_S} s, or add pods."
        return Refusal(ErrorCode.NO_CAPACITY, message, retry_after_s=RETRY_FULL_S)
    if Outcome.DRAINING in outcomes:
        message = f"The pods of pool {pool} are being replaced. Retry in {RETRY_ABSENT_S} s."
        return Refusal(ErrorCode.DRAINING, message, retry_after_s=RETRY_ABSENT_S)
    if Outcome.FAULTY in outcomes and Outcome.NOT_READY not in outcomes:
        message = f"No pod of pool {pool} gave an answer that signaling understands; signaling's log has why."
        return Refusal(ErrorCode.TRANSCEIVER_FAILED, message)
    remedy = f"Retry in {RETRY_ABSENT_S} s; see the transceivers' logs if it stays so."
    return Refusal(
        ErrorCode.NO_TRANSCEIVER, f"Pool {pool} {_absence(outcomes)}. {remedy}", retry_after_s=RETRY_ABSENT_S
    )


def _absence(outcomes: Sequence[Outcome]) -> str:
    if not outcomes:
        return "has no pod"
    state = "is ready" if Outcome.NOT_READY in outcomes else "answers"
    return f"has {_pods(len(outcomes))}, none of which {state}"


def _pods(count: int) -> str:
    return "1 pod" if count == 1 else f"{count} pods"


_MEANING: Mapping[ControlErrorCode, Outcome | ErrorCode] = {
    ControlErrorCode.OFFER_NOT_SDP: ErrorCode.OFFER_NOT_SDP,
    ControlErrorCode.OFFER_TOO_LARGE: ErrorCode.OFFER_TOO_LARGE,
    ControlErrorCode.OFFER_WITHOUT_AUDIO: ErrorCode.OFFER_WITHOUT_AUDIO,
    ControlErrorCode.OFFER_WITHOUT_FINGERPRINT: ErrorCode.OFFER_WITHOUT_FINGERPRINT,
    ControlErrorCode.OFFER_WITHOUT_ICE: ErrorCode.OFFER_WITHOUT_ICE,
    ControlErrorCode.OFFER_WITHOUT_OPUS: ErrorCode.OFFER_WITHOUT_OPUS,
    ControlErrorCode.OFFER_CHANGES_CALL: ErrorCode.OFFER_CHANGES_CALL,
    ControlErrorCode.BACKEND_UNREACHABLE: ErrorCode.BACKEND_UNREACHABLE,
    ControlErrorCode.NO_CAPACITY: Outcome.FULL,
    ControlErrorCode.DRAINING: Outcome.DRAINING,
    ControlErrorCode.NOT_READY: Outcome.NOT_READY,
    ControlErrorCode.REQUEST_MALFORMED: Outcome.FAULTY,
    ControlErrorCode.UNAUTHORIZED: Outcome.FAULTY,
    ControlErrorCode.CALL_UNKNOWN: Outcome.FAULTY,
    ControlErrorCode.RESTART_TOO_SOON: Outcome.FAULTY,
    ControlErrorCode.REGISTRY_UNAVAILABLE: Outcome.FAULTY,
    ControlErrorCode.INTERNAL_ERROR: Outcome.FAULTY,
}
