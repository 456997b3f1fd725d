"""A watched file that may not exist yet: parts are started in any order."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from antiphon_wire.latest import Latest
from antiphon_wire.logs import log
from antiphon_wire.watched_file import POLL_INTERVAL_S, WatchedFile

T = TypeVar("T")


class AwaitedFile(Generic[T]):
    """`run` waits for the first good content and follows the file from then on; the rest is as WatchedFile has it."""

    def __init__(self, path: Path, parse: Callable[[str], T]) -> None:
        self.latest: Latest[T] = Latest()
        self._path = path
        self._parse = parse
        self._file: WatchedFile[T] | None = None
        self._complaint = ""

    @property
    def refused(self) -> int:
        """How many changes of the file were not taken."""
        return 0 if self._file is None else self._file.refused

    @property
    def in_date(self) -> bool:
        """Whether the value was what the file said when it was looked at last."""
        return self._file is not None and self._file.in_date

    def load(self) -> None:
        """Reads the file for whoever does not want to wait for it. Raises OSError or ValueError."""
        self._file = WatchedFile(self._path, self._parse)
        self.latest.set(self._file.current)

    async def run(self) -> None:
        while self._file is None:
            self._try_to_load()
            await asyncio.sleep(POLL_INTERVAL_S)
        async for value in self._file.changes():
            self.latest.set(value)

    def _try_to_load(self) -> None:
        try:
            self.load()
        except (OSError, ValueError) as error:
            if str(error) != self._complaint:
                log.warning("file not loaded yet", extra={"fields": {"file": self._path, "why": error}})
            self._complaint = str(error)
        else:
            log.info("file loaded", extra={"fields": {"file": self._path}})
