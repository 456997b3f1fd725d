"""A watch's answer is a line of JSON for each event: cut out of what arrives, and read. Pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from antiphon_wire.cluster.manifest import Manifest

LONGEST_LINE: Final = 8 << 20
"""Bytes. etcd takes an object of 1.5 MiB; JSON makes it longer, and a line holds one."""


class WatchLineError(ValueError):
    """What arrived is no watch."""


class EventKind(StrEnum):
    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"
    ERROR = "ERROR"


@dataclass(frozen=True)
class WatchEvent:
    kind: EventKind
    object: Manifest
    """Of an error: a Status."""


class WatchLines:
    """Joins chunks into lines and reads them; what it holds is bounded by the longest line."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> Iterator[WatchEvent]:
        """Raises WatchLineError."""
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            self._keep(end)
            line = bytes(self._rest)
            self._rest.clear()
            if line.strip():
                yield read_event(line)
        self._keep(rest)

    def _keep(self, part: bytes) -> None:
        if len(self._rest) + len(part) > self._longest:
            raise WatchLineError(f"a line of more than {self._longest} bytes")
        self._rest += part


def read_event(line: bytes) -> WatchEvent:
    """Raises WatchLineError."""
    try:
        event = json.loads(line)
        kind, manifest = EventKind(event["type"]), event["object"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise WatchLineError("a line that is no watch event") from None
    if not isinstance(manifest, dict):
        raise WatchLineError("an event without an object")
    return WatchEvent(kind, manifest)
