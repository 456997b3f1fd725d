"""A file that is replaced while we run: its last good value, and its changes."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

from antiphon_wire.logs import log

POLL_INTERVAL_S: Final = 0.1

T = TypeVar("T")


class WatchedFile(Generic[T]):
    """Reads `path` at once, and again when it changed.

    `parse` raises `ValueError` for a bad text. The first reading raises; later failures are logged, once each, and the
    last good value stays.
    """

    def __init__(self, path: Path, parse: Callable[[str], T]) -> None:
        self.current: T
        """The last good value."""
        self.refused = 0
        """How many changes of the file were not taken."""
        self._path = path
        self._parse = parse
        self._version = 0
        self._complaint: str | None = None
        self._seen: Signature | None = None
        self.current = parse(self._read())

    @property
    def in_date(self) -> bool:
        """Whether the value was what the file said when it was looked at last."""
        return self._complaint is None

    def look(self) -> bool:
        """Reads the file if it changed; says whether there is a new value."""
        try:
            if _signature(self._path.stat()) == self._seen:
                return False
            newer = self._parse(self._read())
        except OSError as error:
            return self._complain(error.strerror or type(error).__name__)
        except ValueError as error:
            self.refused += 1
            return self._complain(str(error))
        self.current = newer
        self._version += 1
        self._complaint = None
        return True

    async def changes(self) -> AsyncIterator[T]:
        """Every new value from now on; values that follow within one poll interval may be skipped."""
        version = self._version
        while True:
            self.look()
            if self._version != version:
                version = self._version
                yield self.current
            await asyncio.sleep(POLL_INTERVAL_S)

    def _read(self) -> str:
        with self._path.open(encoding="utf-8") as file:
            # Of the file that was opened: the path may name another one by now. And before it is decoded, which may
            # fail: a file is looked at once, good or bad.
            self._seen = _signature(os.fstat(file.fileno()))
            return file.read()

    def _complain(self, why: str) -> bool:
        if why != self._complaint:
            log.warning("file not taken, the last good one stays", extra={"fields": {"file": self._path, "why": why}})
        self._complaint = why
        return False


Signature = tuple[int, int, int]


def _signature(status: os.stat_result) -> Signature:
    return (status.st_ino, status.st_mtime_ns, status.st_size)
