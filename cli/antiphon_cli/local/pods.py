"""The transceivers of a local run and their routes: who owns which block, and what happens when one dies."""

from __future__ import annotations

import time
from collections.abc import Callable

from antiphon_cli.local.plan import LocalPlan, TransceiverPlan
from antiphon_wire import MINT_SLACK_S, Block, BlockState


class Pods:
    """Every change publishes the table at once, or, where that failed, with the next step. No block is used twice."""

    def __init__(self, plan: LocalPlan, publish: Callable[[str], None]) -> None:
        self._publish = publish
        self._routes = plan.first_routes()
        self._kept_s = plan.longest_call_s + MINT_SLACK_S
        self._blocks: dict[str, Block] = {}
        self._live: dict[str, int] = {}
        for pod in plan.transceivers:
            # In the table before they start: the first caller must not be faster than the table's readers.
            self._routes = self._routes.with_block(self._assign(pod))
        self._published: int | None = None
        self._publish_changes()

    def first_route(self, pod: TransceiverPlan) -> int:
        """The pod's block; a new one when its last one was lost, which the table says before."""
        self._publish_changes()
        block = self._blocks.get(pod.name)
        return (block or self._assign(pod)).first

    def ready(self, pod: TransceiverPlan) -> None:
        block = self._blocks[pod.name]
        if block not in self._routes.blocks:
            self._routes = self._routes.with_block(block)
        self._publish_changes()

    def ended(self, pod: TransceiverPlan) -> str | None:
        """Its block is lost at once; the answer says how many calls went with it, as far as it was known."""
        block = self._blocks.pop(pod.name, None)
        if block is not None and block in self._routes.blocks:
            self._routes = self._routes.with_lost(block.first, time.time(), self._kept_s)
        live = self._live.pop(pod.name, 0)
        self._publish_changes()
        return f"{live} {'call' if live == 1 else 'calls'} lost"

    def counted(self, pod: TransceiverPlan, live: int) -> None:
        self._live[pod.name] = live

    def _publish_changes(self) -> None:
        if self._published != self._routes.generation:
            self._publish(self._routes.to_json())
            self._published = self._routes.generation

    def _assign(self, pod: TransceiverPlan) -> Block:
        block = Block(
            first=self._routes.unused_block(),
            pod=pod.name,
            pool=pod.pool.metadata.name,
            state=BlockState.ACTIVE,
            hop=pod.address,
            control=pod.address,
        )
        self._blocks[pod.name] = block
        return block
