"""What was read of the cluster, or why it was not: a missing right must not look like an empty cluster. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, NoReturn, TypeVar

T = TypeVar("T")


class RefusalReason(StrEnum):
    FORBIDDEN = "Forbidden"
    NOT_FOUND = "NotFound"
    UNREACHABLE = "Unreachable"
    FAILED = "Failed"


class NotReadError(Exception):
    """Something could not be read; the message is one sentence."""

    def __init__(self, reason: RefusalReason, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


@dataclass(frozen=True)
class Known(Generic[T]):
    value: T

    def known(self) -> T:
        return self.value


@dataclass(frozen=True)
class Refused:
    reason: RefusalReason
    sentence: str

    def known(self) -> NoReturn:
        """Whoever asks for it cannot go on; who can, looks first."""
        raise NotReadError(self.reason, self.sentence)


Reading = Known[T] | Refused


def items(reading: Reading[tuple[T, ...]]) -> tuple[T, ...]:
    """Nothing where it could not be read: for those who say elsewhere that it was not."""
    return reading.value if isinstance(reading, Known) else ()
