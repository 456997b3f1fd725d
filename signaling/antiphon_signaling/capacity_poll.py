"""Asks every active pod for its free calls, once a second, all at once."""

from __future__ import annotations

import asyncio

from antiphon_signaling.capacity import FREE_UNREACHABLE, CapacityBook
from antiphon_signaling.control_client import ControlClient, PodFaultyError, PodUnreachableError
from antiphon_signaling.metrics import Metrics
from antiphon_signaling.placement import active_blocks
from antiphon_signaling.routes import Routes
from antiphon_wire import Block

EVERY_S = 1.0


async def poll_capacity(routes: Routes, book: CapacityBook, pods: ControlClient, metrics: Metrics) -> None:
    while True:
        if not routes.lacking:
            blocks = active_blocks(routes.table)
            book.keep_only({block.pod for block in blocks})
            await asyncio.gather(*(_ask(block, book, pods) for block in blocks))
            _publish(blocks, book, metrics)
        await asyncio.sleep(EVERY_S)


async def _ask(block: Block, book: CapacityBook, pods: ControlClient) -> None:
    try:
        book.heard(block.pod, await pods.free_calls(block.control))
    except (PodUnreachableError, PodFaultyError):
        book.unreachable(block.pod)


def _publish(blocks: list[Block], book: CapacityBook, metrics: Metrics) -> None:
    free_by_pool = {block.pool: 0 for block in blocks}
    unreachable = 0
    for block in blocks:
        free = book.free(block.pod)
        free_by_pool[block.pool] += max(0, free)
        unreachable += free == FREE_UNREACHABLE
    metrics.capacity(free_by_pool, unreachable=unreachable)
