"""A checked document's fields, each read with its type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from antiphon_crds.metadata import SecretKeyRef
from antiphon_crds.overlay import Json, PodOverlay

_T = TypeVar("_T")


@dataclass(frozen=True)
class Fields:
    """One object of a document that has the structure of its schema: what is asked for wrongly is an error of ours."""

    values: Mapping[str, Json]

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def integer(self, name: str) -> int:
        return _as(int, self.values[name])

    def optional_integer(self, name: str) -> int | None:
        return self.integer(name) if name in self else None

    def text(self, name: str) -> str:
        return _as(str, self.values[name])

    def optional_text(self, name: str) -> str | None:
        return self.text(name) if name in self else None

    def int_or_text(self, name: str) -> int | str:
        value = self.values[name]
        return value if isinstance(value, int) else _as(str, value)

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(_as(str, item) for item in _as(list, self.values.get(name, [])))

    def pairs(self, name: str) -> tuple[tuple[str, str], ...]:
        """A map of strings, in the order of its keys."""
        entries: dict[str, Json] = _as(dict, self.values.get(name, {}))
        return tuple(sorted((key, _as(str, item)) for key, item in entries.items()))

    def section(self, name: str) -> Fields:
        return Fields(_as(dict, self.values[name]))

    def sections(self, name: str) -> tuple[Fields, ...]:
        return tuple(Fields(_as(dict, item)) for item in _as(list, self.values.get(name, [])))

    def secret_key(self, name: str) -> SecretKeyRef | None:
        if name not in self:
            return None
        reference = self.section(name)
        return SecretKeyRef(reference.text("name"), reference.text("key"))

    def overlay(self, name: str) -> PodOverlay:
        return PodOverlay(_as(dict, self.values.get(name, {})))


def _as(wanted: type[_T], value: Json) -> _T:
    if not isinstance(value, wanted):
        raise TypeError(f"{value!r} is not of type {wanted.__name__}")
    return value
