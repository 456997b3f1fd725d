"""Blocks of route ids are drawn so that nobody has them, and give their pods the one name."""

import random

from hypothesis import given
from hypothesis import strategies as st

from antiphon_operator.routes.route_ids import MOST_BLOCKS, draw, is_block, pod_name, pool_of


class LoadedDice(random.Random):
    """Throws what it was given, then fair numbers."""

    def __init__(self, *throws: int) -> None:
        super().__init__(1)
        self._throws = list(throws)

    def getrandbits(self, k: int, /) -> int:
        return self._throws.pop(0) if self._throws else super().getrandbits(k)


@given(
    seed=st.integers(), taken=st.sets(st.integers(1, 2**29 - 1).map(lambda block: block * 8)), count=st.integers(0, 50)
)
def test_what_is_drawn_is_a_block_that_nobody_has(seed: int, taken: set[int], count: int) -> None:
    drawn = draw(taken, count, random.Random(seed))
    assert len(set(drawn)) == count
    assert not taken & set(drawn)
    assert all(is_block(first) for first in drawn)


def test_nought_a_taken_block_and_one_just_drawn_are_thrown_again() -> None:
    assert draw({8}, 2, LoadedDice(0, 1, 2, 2, 3)) == [16, 24]


def test_no_more_blocks_are_drawn_than_a_table_takes() -> None:
    taken = range(8, 8 * MOST_BLOCKS - 8, 8)
    assert len(draw(set(taken), 5, random.Random(1))) == MOST_BLOCKS - len(taken)


def test_a_pods_name_is_its_pool_and_its_block() -> None:
    assert pod_name("agents", 0x0A1B2C38) == "agents-0a1b2c38"
    assert pool_of("agents-0a1b2c38") == "agents"
    assert pool_of("my-agents-0a1b2c38") == "my-agents"
    assert pool_of("agents") is None
    assert pool_of("agents-0A1B2C38") is None
