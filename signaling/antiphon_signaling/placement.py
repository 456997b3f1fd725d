"""Which pod gets a call: two random choices by free capacity, pure."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from antiphon_signaling.capacity import CapacityBook
from antiphon_signaling.errors import ErrorCode, Refusal, RefusedError
from antiphon_wire import Block, BlockState, Pool, RouteTable

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
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    FAULTY = "faulty"


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
    reached = [outcome for outcome in outcomes if outcome is not Outcome.UNREACHABLE]
    if not reached:
        there = "has no pod" if not outcomes else f"has {_pods(len(outcomes))}, none of which answers"
        message = f"Pool {pool} {there}. Retry in {RETRY_ABSENT_S} s; see the transceivers' logs if it stays so."
        return Refusal(ErrorCode.NO_TRANSCEIVER, message, retry_after_s=RETRY_ABSENT_S)
    if all(outcome is Outcome.DRAINING for outcome in reached):
        message = f"All pods of pool {pool} are being replaced. Retry in {RETRY_ABSENT_S} s."
        return Refusal(ErrorCode.DRAINING, message, retry_after_s=RETRY_ABSENT_S)
    message = f"No place is free in pool {pool} ({_pods(len(reached))} asked). Retry in {RETRY_FULL_S} s, or add pods."
    return Refusal(ErrorCode.NO_CAPACITY, message, retry_after_s=RETRY_FULL_S)


def _pods(count: int) -> str:
    return "1 pod" if count == 1 else f"{count} pods"
