"""Reading JSON whose shape is known but not certain: what is absent or of another type reads as the default."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime


class Fields:
    """One JSON object."""

    def __init__(self, value: object) -> None:
        self._values: Mapping[object, object] = value if isinstance(value, Mapping) else {}

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def within(self, *names: str) -> Fields:
        """The object under these names, one below the other."""
        found = self
        for name in names:
            found = Fields(found._values.get(name))
        return found

    def items(self, name: str) -> Iterator[Fields]:
        """The objects of a list."""
        found = self._values.get(name)
        return (Fields(item) for item in (found if isinstance(found, list) else ()) if isinstance(item, Mapping))

    def texts(self, name: str) -> tuple[str, ...]:
        """The strings of a list."""
        found = self._values.get(name)
        return tuple(item for item in (found if isinstance(found, list) else ()) if isinstance(item, str))

    def named_texts(self) -> dict[str, str]:
        """All its strings, by their names: of labels, say."""
        return {name: value for name, value in self._values.items() if isinstance(name, str) and isinstance(value, str)}

    def text(self, name: str) -> str | None:
        found = self._values.get(name)
        return found if isinstance(found, str) and found else None

    def word(self, name: str, default: str = "") -> str:
        return self.text(name) or default

    def integer(self, name: str, default: int = 0) -> int:
        found = self._values.get(name)
        return found if isinstance(found, int) and not isinstance(found, bool) else default

    def flag(self, name: str) -> bool:
        return self._values.get(name) is True

    def moment(self, name: str) -> float | None:
        """An RFC 3339 time as Unix seconds."""
        found = self.text(name)
        try:
            moment = datetime.fromisoformat(found).timestamp() if found else math.nan
        except (ValueError, OverflowError):
            return None
        return None if math.isnan(moment) else moment
