"""An object as the API server gives it, read field by field. Pure.

The server has checked it against a schema that may be older or newer than this program, so what is absent or of
another type is its default here, never an error.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime


class Document:
    def __init__(self, value: object) -> None:
        self._values: Mapping[object, object] = value if isinstance(value, Mapping) else {}

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def section(self, name: str) -> Document:
        return Document(self._values.get(name))

    def sections(self, name: str) -> tuple[Document, ...]:
        return tuple(Document(item) for item in self._list(name))

    def text(self, name: str) -> str:
        """Empty where there is none. An int-or-string is told as text."""
        value = self._values.get(name)
        if isinstance(value, str):
            return value
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(item for item in self._list(name) if isinstance(item, str))

    def integer(self, name: str) -> int | None:
        value = self._values.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def count(self, name: str) -> int:
        return self.integer(name) or 0

    def flag(self, name: str) -> bool:
        return self._values.get(name) is True

    def moment(self, name: str) -> float | None:
        """An RFC 3339 time as unix seconds."""
        try:
            moment = datetime.fromisoformat(self.text(name))
        except ValueError:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()

    def pairs(self, name: str) -> dict[str, str]:
        """Labels or annotations."""
        value = self._values.get(name)
        items = value.items() if isinstance(value, Mapping) else ()
        return {key: text for key, text in items if isinstance(key, str) and isinstance(text, str)}

    def digest(self) -> str:
        """The same for equal content, whatever the order of its keys."""
        return hashlib.sha256(json.dumps(self._values, sort_keys=True, default=str).encode()).hexdigest()[:12]

    def _list(self, name: str) -> list[object]:
        value = self._values.get(name)
        return value if isinstance(value, list) else []
