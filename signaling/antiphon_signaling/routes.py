"""The route table and the key ring in force; the last good ones stay when newer ones are bad."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from antiphon_signaling.errors import ErrorCode, Refusal, RefusedError
from antiphon_wire import Block, BlockState, CallId, KeyRing, RouteTable, TicketError
from antiphon_wire.watched_file import POLL_INTERVAL_S, WatchedFile

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Routes:
    def __init__(self, keys_file: Path, routes_file: Path) -> None:
        self._keys = _AwaitedFile(keys_file, KeyRing.from_json)
        self._tables = _AwaitedFile(routes_file, RouteTable.from_json, RouteTable.accepts)

    @property
    def lacking(self) -> list[str]:
        """What must be loaded before calls can be placed and their ids read."""
        lacking = ["route table"] if self._tables.current is None else []
        return lacking if self._keys.current is not None else [*lacking, "keys"]

    @property
    def refused(self) -> dict[str, int]:
        """How many changes of each file were held back."""
        return {"keys": self._keys.refused, "routes": self._tables.refused}

    @property
    def generation(self) -> int:
        return 0 if self._tables.current is None else self._tables.current.generation

    @property
    def table(self) -> RouteTable:
        table = self._tables.current
        if table is None:
            message = "No route table is loaded yet. Retry in 1 s."
            raise RefusedError(Refusal(ErrorCode.NO_TRANSCEIVER, message, retry_after_s=1))
        return table

    def owner(self, call_id: str) -> Block | None:
        """The block that serves the call; None: the id is authentic, and its pod is gone."""
        block = self.table.block_of(self._opened(call_id).route)
        return None if block is None or block.state is BlockState.LOST else block

    async def watch_keys(self) -> None:
        await self._keys.watch()

    async def watch_tables(self) -> None:
        await self._tables.watch()

    def _opened(self, call_id: str) -> CallId:
        ring = self._keys.current
        try:
            opened = None if ring is None else ring.open_call_id(call_id)
        except TicketError:
            opened = None
        if opened is None or opened.cluster_id != self.table.cluster_id:
            raise RefusedError(call_not_found())
        return opened


def call_not_found() -> Refusal:
    return Refusal(ErrorCode.CALL_NOT_FOUND, "No call has this id, or it ended more than an hour ago.", param="call_id")


class _AwaitedFile(Generic[T]):
    """A watched file that may not exist yet: parts are started in any order."""

    def __init__(
        self, path: Path, parse: Callable[[str], T], refuses: Callable[[T, T], str | None] | None = None
    ) -> None:
        self._path = path
        self._parse = parse
        self._refuses = refuses
        self._file: WatchedFile[T] | None = None
        self._complaint = ""

    @property
    def current(self) -> T | None:
        return None if self._file is None else self._file.current

    @property
    def refused(self) -> int:
        return 0 if self._file is None else self._file.refused

    async def watch(self) -> None:
        file = self._loaded()
        while file is None:
            await asyncio.sleep(POLL_INTERVAL_S)
            file = self._loaded()
        self._file = file
        logger.info("file loaded", extra={"fields": {"file": self._path}})
        async for _ in file.changes():
            logger.info("file changed", extra={"fields": {"file": self._path}})

    def _loaded(self) -> WatchedFile[T] | None:
        try:
            return WatchedFile(self._path, self._parse, self._refuses)
        except (OSError, ValueError) as error:
            complaint = str(error)
            if complaint != self._complaint:
                logger.warning("file not loaded yet", extra={"fields": {"file": self._path, "why": complaint}})
            self._complaint = complaint
            return None
