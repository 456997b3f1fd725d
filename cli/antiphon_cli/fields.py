"""Reads a parsed YAML document field by field and keeps a list of what is wrong with it, each with its path. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class Fields:
    """One mapping of a document. What was never asked for is unknown, and `unknown()` says so."""

    def __init__(self, value: object, path: str, problems: list[str]) -> None:
        self.path = path
        self._problems = problems
        self._asked: set[str] = set()
        if not isinstance(value, Mapping):
            problems.append(f"{path}: must be a mapping")
            value = {}
        self._values: Mapping[str, Any] = {str(key): item for key, item in value.items()}

    def __contains__(self, name: str) -> bool:
        self._asked.add(name)
        return self._values.get(name) is not None

    def section(self, name: str) -> Fields:
        """A mapping below this one; absent is empty."""
        return Fields(self._ask(name, {}), self._at(name), self._problems)

    def text(self, name: str, default: str) -> str:
        value = self._ask(name, default)
        if isinstance(value, str):
            return value
        self.wrong(name, "must be a string")
        return default

    def required_text(self, name: str, example: str) -> str:
        if name not in self:
            self.wrong(name, f"Required value: for example {example}")
            return ""
        return self.text(name, "")

    def integer(self, name: str, default: int, *, minimum: int, maximum: int) -> int:
        value = self._ask(name, default)
        if isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum:
            return value
        self.wrong(name, f"must be a whole number from {minimum} to {maximum}")
        return default

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        value = self._ask(name, default)
        if value in choices:
            return str(value)
        self.wrong(name, f"must be one of {', '.join(choices)}")
        return default

    def texts(self, name: str) -> tuple[str, ...]:
        values = self._ask(name, [])
        if not isinstance(values, list):
            self.wrong(name, "must be a list of strings")
            return ()
        for index, value in enumerate(values):
            if not isinstance(value, str):
                self.wrong(f"{name}[{index}]", "must be a string")
        return tuple(value for value in values if isinstance(value, str))

    def sections(self, name: str) -> list[Fields]:
        values = self._ask(name, [])
        if not isinstance(values, list):
            self.wrong(name, "must be a list")
            return []
        return [Fields(value, f"{self._at(name)}[{index}]", self._problems) for index, value in enumerate(values)]

    def present(self, *names: str) -> list[str]:
        """Paths of those of these fields that are set, whatever they hold."""
        return [self._at(name) for name in names if name in self]

    def wrong(self, name: str, message: str) -> None:
        self._problems.append(f"{self._at(name)}: {message}")

    def unknown(self) -> None:
        """Complain about every field that nothing asked for. Called last."""
        for name in self._values:
            if name not in self._asked:
                known = ", ".join(sorted(self._asked))
                self.wrong(name, f"unknown field. Known here: {known}")

    def _ask(self, name: str, default: object) -> object:
        self._asked.add(name)
        value = self._values.get(name)
        return default if value is None else value

    def _at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name
