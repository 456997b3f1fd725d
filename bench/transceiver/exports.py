"""What it costs that calls can move: CPU of their exports and of their adoption, and the bytes of an export."""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

sys.path[:0] = [str(Path(__file__).parent.parent.parent / "tests" / "support")]

from moving_call import MovingCall, Owner

EVERY_S: Final = 3.0
CALLS_OF_A_POD: Final = 100
T = TypeVar("T")


async def established(count: int) -> list[tuple[MovingCall, Owner]]:
    """Calls with a channel and some sound behind them."""
    calls = []
    for _ in range(count):
        call = MovingCall()
        owner = await call.begin()
        call.client.speak(10)
        owner.play(0.2)
        owner.say("x" * 500)
        await call.until(partial(has_talked, call))
        calls.append((call, owner))
    return calls


def has_talked(call: MovingCall) -> bool:
    return bool(call.client.texts) and len(call.client.packets) >= 10


def cpu_us(spent: list[float], work: Callable[[], T]) -> T:
    """Of this thread: what the others do meanwhile is not counted."""
    begin = time.thread_time()
    done = work()
    spent.append((time.thread_time() - begin) * 1e6)
    return done


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args()
    calls = await established(options.calls)
    exporting: list[float] = []
    for _ in range(options.rounds):
        for call, owner in calls:
            export = cpu_us(exporting, owner.export)
            owner.held.settle(export, call.registry.replace(export))
    bytes_each = statistics.mean(len(call.registry.sealed) for call, _ in calls)
    adopting: list[float] = []
    for call, owner in calls:
        owner.stop()
        heir = call.owner("heir")
        inheritance = cpu_us(adopting, partial(call.inherit, call.registry.sealed, owner))
        claim = cpu_us(adopting, partial(call.claim, inheritance, heir))
        call.registry.replace(claim)
        cpu_us(adopting, inheritance.begin)
    each = statistics.mean(exporting)
    share = each * CALLS_OF_A_POD / EVERY_S / 1e6
    print(f"an export: {each:.0f} µs of CPU, {bytes_each:.0f} bytes")
    print(f"{CALLS_OF_A_POD} calls, each every {EVERY_S:g} s: {share:.2%} of a core")
    print(f"an adoption (open, claim, begin): {sum(adopting) / len(calls):.0f} µs")
    for call, _ in calls:
        await call.end()


if __name__ == "__main__":
    asyncio.run(main())
