"""Two random choices by free capacity, and what the caller is told when nobody took the call."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_signaling.capacity import CapacityBook
from antiphon_signaling.errors import ErrorCode, RefusedError
from antiphon_signaling.placement import Candidate, Outcome, exhausted, meaning, order, pool_for
from antiphon_wire import Pool
from antiphon_wire.control import ControlErrorCode

POOLS = (Pool("agents", ("parrot", "owl"), default=True), Pool("slow", ("tortoise",), default=False))


def candidates(*free: int) -> list[Candidate]:
    return [Candidate(f"t{i}", f"192.0.2.{i}:7300", room) for i, room in enumerate(free)]


@given(st.lists(st.integers(-1, 60), max_size=20), st.integers())
def test_every_pod_is_tried_exactly_once_and_those_with_room_first(free: list[int], seed: int) -> None:
    tried = list(order(candidates(*free), random.Random(seed)))
    assert Counter(tried) == Counter(candidates(*free))
    hopeful = [candidate.free > 0 for candidate in tried]
    assert hopeful == sorted(hopeful, reverse=True)


@given(st.integers())
def test_of_two_pods_the_one_with_more_room_is_first(seed: int) -> None:
    assert [c.pod for c in order(candidates(3, 7), random.Random(seed))] == ["t1", "t0"]


def test_a_burst_spreads_over_all_but_the_fullest_pod() -> None:
    rng = random.Random(7)
    first = Counter(next(order(candidates(10, 20, 30, 40), rng)).pod for _ in range(6000))
    # The best of two drawn from four: the emptiest wins 3 of 6 pairs, the next 2, the next 1, the fullest none.
    assert first["t0"] == 0
    assert [round(first[f"t{i}"] / 1000) for i in (1, 2, 3)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("outcomes", "code", "retry_after_s", "says"),
    [
        ([], ErrorCode.NO_TRANSCEIVER, 2, "has no pod"),
        ([Outcome.UNREACHABLE], ErrorCode.NO_TRANSCEIVER, 2, "has 1 pod, none of which answers"),
        ([Outcome.DRAINING, Outcome.UNREACHABLE], ErrorCode.DRAINING, 2, "are being replaced"),
        ([Outcome.FULL, Outcome.DRAINING, Outcome.UNREACHABLE], ErrorCode.NO_CAPACITY, 4, "(2 pods asked)"),
        ([Outcome.FAULTY, Outcome.FULL], ErrorCode.NO_CAPACITY, 4, "(2 pods asked)"),
        ([Outcome.FAULTY, Outcome.DRAINING, Outcome.NOT_READY], ErrorCode.DRAINING, 2, "are being replaced"),
        ([Outcome.NOT_READY, Outcome.FAULTY], ErrorCode.NO_TRANSCEIVER, 2, "has 2 pods, none of which is ready"),
        ([Outcome.FAULTY, Outcome.UNREACHABLE], ErrorCode.TRANSCEIVER_FAILED, None, "that signaling understands"),
    ],
)
def test_the_refusal_names_what_is_wrong_with_the_pool(
    outcomes: list[Outcome], code: ErrorCode, retry_after_s: int | None, says: str
) -> None:
    refusal = exhausted("agents", outcomes)
    assert (refusal.code, refusal.retry_after_s) == (code, retry_after_s)
    assert says in refusal.message


def test_every_refusal_of_a_pod_means_something_and_the_callers_faults_keep_their_code() -> None:
    for code in ControlErrorCode:
        meant = meaning(code)
        about_the_call = code.startswith("offer_") or code is ControlErrorCode.BACKEND_UNREACHABLE
        assert (isinstance(meant, ErrorCode) and meant.value == code.value) == about_the_call, code
        assert isinstance(meant, Outcome) != about_the_call, code


@pytest.mark.parametrize(("model", "pool"), [(None, "agents"), ("owl", "agents"), ("tortoise", "slow")])
def test_a_model_names_its_pool_and_none_names_the_default(model: str | None, pool: str) -> None:
    assert pool_for(POOLS, model).name == pool


@pytest.mark.parametrize(
    ("pools", "model", "says"),
    [(POOLS, "dodo", "'dodo'. Models here: owl, parrot, tortoise."), (POOLS[1:], None, "no pool is the default")],
)
def test_an_unknown_model_is_refused_with_the_known_ones(pools: tuple[Pool, ...], model: str | None, says: str) -> None:
    with pytest.raises(RefusedError) as refused:
        pool_for(pools, model)
    assert refused.value.refusal.code is ErrorCode.MODEL_NOT_FOUND
    assert says in refused.value.refusal.message


def test_the_book_forgets_pods_that_left_the_table() -> None:
    book = CapacityBook()
    book.heard("t0", 5)
    book.unreachable("t1")
    assert (book.free("t0"), book.free("t1"), book.free("never asked")) == (5, -1, 1)
    book.keep_only({"t1"})
    assert (book.free("t0"), book.free("t1")) == (1, -1)


def test_an_offer_that_is_not_answered_yet_takes_a_place_of_those_that_the_pod_said() -> None:
    book = CapacityBook()
    book.heard("t0", 5)
    with book.offering("t0"), book.offering("t0"), book.offering("never asked"):
        assert (book.free("t0"), book.free("never asked")) == (3, 0)
    assert (book.free("t0"), book.free("never asked")) == (5, 1)
    book.unreachable("t1")
    with book.offering("t1"):
        assert book.free("t1") == -1
