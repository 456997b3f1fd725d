"""The route table and the key ring in force; the last good ones stay when newer ones are bad."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from antiphon_signaling.errors import ErrorCode, Refusal, RefusedError
from antiphon_wire import Block, BlockState, CallId, KeyRing, RouteTable, TicketError
from antiphon_wire.awaited_file import AwaitedFile
from antiphon_wire.environment import Address
from antiphon_wire.table_source import TableSource

logger = logging.getLogger(__name__)


class Routes:
    def __init__(self, keys_file: Path, tables: TableSource) -> None:
        self.tables = tables
        self._keys = AwaitedFile(keys_file, KeyRing.from_json)

    @property
    def lacking(self) -> list[str]:
        """What must be loaded before calls can be placed and their ids read."""
        lacking = ["route table"] if self.tables.current is None else []
        return lacking if self._keys.latest.value is not None else [*lacking, "keys"]

    @property
    def refused(self) -> dict[str, int]:
        """How many changes of each file were held back."""
        return {"keys": self._keys.refused, "routes": self.tables.refused}

    @property
    def generation(self) -> int:
        return 0 if self.tables.current is None else self.table.generation

    @property
    def vip(self) -> tuple[Address, ...]:
        return () if self.tables.current is None else self.tables.current.vip

    @property
    def table(self) -> RouteTable:
        current = self.tables.current
        if current is None:
            message = "No route table is loaded yet. Retry in 1 s."
            raise RefusedError(Refusal(ErrorCode.NO_TRANSCEIVER, message, retry_after_s=1))
        return current.routes

    def owner(self, call_id: str) -> Block | None:
        """The block of the pod that serves the call; None: the id is authentic, and its pod is gone."""
        block = self.table.server_of(self._opened(call_id).route)
        return None if block is None or block.state is BlockState.LOST else block

    def has_moved(self, call_id: str) -> bool:
        """Whether the pod that serves the call is another than the one that answered its offer."""
        route = self._opened(call_id).route
        return self.table.server_of(route) is not self.table.block_of(route)

    async def watch(self) -> None:
        """Never ends."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keys.run())
            group.create_task(self.tables.run())
            async for table in self.tables.changes():
                fields = {"generation": table.routes.generation, "blocks": len(table.routes.blocks)}
                logger.info("route table taken", extra={"fields": fields})

    def _opened(self, call_id: str) -> CallId:
        ring = self._keys.latest.value
        try:
            opened = None if ring is None else ring.open_call_id(call_id)
        except TicketError:
            opened = None
        if opened is None or opened.cluster_id != self.table.cluster_id:
            raise RefusedError(call_not_found())
        return opened


def call_not_found() -> Refusal:
    return Refusal(ErrorCode.CALL_NOT_FOUND, "No call has this id, or it ended more than an hour ago.", param="call_id")
