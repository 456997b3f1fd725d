"""Blocks of route ids: how one is drawn, and the one name that its pod, or its table, can have."""

from __future__ import annotations

import random
import re
from collections.abc import Collection
from typing import Final

from antiphon_wire import BLOCK_SIZE

MOST_BLOCKS: Final = 65_536
"""What a reader takes of one table; wire/src/route_table.rs has the same bound."""
_DRAWN_BITS: Final = 29
"""With the three bits within a block these are a route id's 32."""
_NAME: Final = re.compile(r"(?P<pool>.+)-(?P<first>[0-9a-f]{8})")


def draw(taken: Collection[int], count: int, rng: random.Random) -> list[int]:
    """That many first route ids which nobody has; never 0. Fewer where that would be more blocks than a table takes."""
    drawn: set[int] = set()
    for _ in range(min(count, MOST_BLOCKS - len(taken))):
        first = 0
        while first == 0 or first in taken or first in drawn:
            first = rng.getrandbits(_DRAWN_BITS) * BLOCK_SIZE
        drawn.add(first)
    return sorted(drawn)


def is_block(first: int) -> bool:
    return 0 < first <= 2**32 - BLOCK_SIZE and first % BLOCK_SIZE == 0


def pod_name(pool: str, first: int) -> str:
    return f"{pool}-{first:08x}"


def pool_of(pod: str) -> str | None:
    """The pool that a pod of that name belongs to; None: it is not a name that we give."""
    found = _NAME.fullmatch(pod)
    return found["pool"] if found else None


def table_name(relay: str, shard: int) -> str:
    return f"{relay}-{shard}"


def shard_of(table: str, relay: str) -> int | None:
    """Which table of the fleet has that name; None: it is not a name that we give."""
    suffix = table.removeprefix(f"{relay}-")
    if not (suffix.isascii() and suffix.isdecimal()):
        return None
    return int(suffix) if table == table_name(relay, int(suffix)) else None
