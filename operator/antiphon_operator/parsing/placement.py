"""Where a pod may be put: its tolerations, its node selector and its required node affinity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from antiphon_operator.parsing.fields import Fields

NAME_FIELD: Final = "metadata.name"
"""The one field that node selectors know."""


@dataclass(frozen=True)
class Taint:
    key: str
    value: str
    effect: str


@dataclass(frozen=True)
class Toleration:
    key: str
    """Empty: every key."""
    value: str
    effect: str
    """Empty: every effect."""
    exists: bool
    """Whatever the value."""

    def covers(self, taint: Taint) -> bool:
        return (
            self.key in ("", taint.key)
            and self.effect in ("", taint.effect)
            and (self.exists or self.value == taint.value)
        )


@dataclass(frozen=True)
class Requirement:
    """Of a node's label, or of its name."""

    key: str
    operator: str
    values: tuple[str, ...]

    def is_met_by(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value in self.values
            case "NotIn":
                return value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
            case "Gt":
                return self._compared(value) > 0
            case "Lt":
                return self._compared(value) < 0
            case _:
                return False

    def _compared(self, value: str | None) -> int:
        """Of two whole numbers; 0 where they are none, which is neither more nor less."""
        try:
            number, bound = int(value or ""), int(self.values[0])
        except (ValueError, IndexError):
            return 0
        return (number > bound) - (number < bound)


@dataclass(frozen=True)
class Placement:
    tolerations: tuple[Toleration, ...] = ()
    selector: tuple[Requirement, ...] = ()
    affinity: tuple[tuple[Requirement, ...], ...] | None = None
    """Any of these sets has to be met; None: it asks for nothing."""

    def tolerates(self, taint: Taint) -> bool:
        return any(one.covers(taint) for one in self.tolerations)

    def wants(self, labels: Mapping[str, str]) -> bool:
        """Whether a node with these labels, its name among them, is one that it asks for."""
        if not all(one.is_met_by(labels) for one in self.selector):
            return False
        return self.affinity is None or any(all(one.is_met_by(labels) for one in term) for term in self.affinity)


def read_placement(spec: Fields) -> Placement:
    """Out of a pod's spec."""
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    affinity = spec.within("affinity", "nodeAffinity")
    selected = spec.within("nodeSelector").named_texts()
    return Placement(
        tolerations=tuple(_toleration(one) for one in spec.items("tolerations")),
        selector=tuple(Requirement(key, "In", (value,)) for key, value in selected.items()),
        affinity=tuple(_term(one) for one in affinity.within(required).items("nodeSelectorTerms"))
        if required in affinity
        else None,
    )


def _term(term: Fields) -> tuple[Requirement, ...]:
    asked = (*term.items("matchExpressions"), *term.items("matchFields"))
    # An empty term is met by no node.
    return tuple(_requirement(one) for one in asked) or (Requirement("", "", ()),)


def _requirement(one: Fields) -> Requirement:
    return Requirement(one.word("key"), one.word("operator"), one.texts("values"))


def _toleration(one: Fields) -> Toleration:
    exists = one.word("operator", "Equal") == "Exists"
    return Toleration(one.word("key"), one.word("value"), one.word("effect"), exists=exists)
