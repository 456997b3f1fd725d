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
        self._unreadable: str | None = None
        """Why it could not be read just now; what it says is as it was, if it comes back unchanged."""
        self._bad: str | None = None
        """What is wrong with what it says."""
        self._seen: Signature | None = None
        self.current = parse(self._read())

    @property
    def in_date(self) -> bool:
        """Whether the value was what the file said when it was looked at last."""
        return self._unreadable is None and self._bad is None

    def look(self) -> bool:
        """Reads the file if it changed; says whether there is a new value."""
        try:
            changed = _signature(self._path.stat()) != self._seen
            newer = self._parse(self._read()) if changed else self.current
        except OSError as error:
            self._unreadable = self._complained(error.strerror or type(error).__name__, self._unreadable)
            return False
        except ValueError as error:
            self.refused += 1
            self._unreadable, self._bad = None, self._complained(str(error), self._bad)
            return False
        self._unreadable = None
        if not changed:
            return False
        self.current, self._bad = newer, None
        self._version += 1
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
        with self._path.open("rb") as file:
            # Of the file that was opened: the path may name another one by now.
            signature = _signature(os.fstat(file.fileno()))
            content = file.read()
        # Before it is decoded, which may fail: what could be read is looked at once, good or bad.
        self._seen = signature
        return content.decode()

    def _complained(self, why: str, before: str | None) -> str:
        if why != before:
            log.warning("file not taken, the last good one stays", extra={"fields": {"file": self._path, "why": why}})
        return why


Signature = tuple[int, int, int]


def _signature(status: os.stat_result) -> Signature:
    return (status.st_ino, status.st_mtime_ns, status.st_size)
