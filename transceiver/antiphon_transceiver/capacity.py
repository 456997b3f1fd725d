"""How many calls this pod carries. The pod is the authority: a place is taken when the offer arrives."""

from dataclasses import dataclass
from enum import Enum
from typing import Final, Self

from antiphon_transceiver.overload.admission import Sign
from antiphon_wire.control import ControlErrorCode

FEW: Final = 1 / 8
"""Of the places: so many calls, or fewer."""


class Refusal(Enum):
    """Why no call is taken; the value is what the control API says of it."""

    NO_CAPACITY = ControlErrorCode.NO_CAPACITY
    DRAINING = ControlErrorCode.DRAINING
    NOT_READY = ControlErrorCode.NOT_READY


class CallRefusedError(Exception):
    """The pod takes no call now."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass
class Capacity:
    limit: int
    measured: int | None = None
    """What the start found; None: it did not measure."""
    live: int = 0
    draining: bool = False
    closed: Sign | None = None
    """Why no call is taken although there may be places; live ones go on."""

    @classmethod
    def of(cls, most: int | None, measured: int | None) -> Self:
        """The smaller of what is allowed and what is possible, where each is known."""
        return cls(min((calls for calls in (most, measured) if calls is not None), default=0), measured)

    @property
    def free(self) -> int:
        return 0 if self.draining or self.closed is not None else max(0, self.limit - self.live)

    @property
    def has_many(self) -> bool:
        """So many that ending one can help the others: where a few miss their deadlines, others take the CPU."""
        return self.live > max(1, self.limit * FEW)

    def reserve(self) -> Refusal | None:
        """Takes a place for one call, or says why there is none."""
        if self.draining:
            return Refusal.DRAINING
        if self.closed is not None or self.live >= self.limit:
            return Refusal.NO_CAPACITY
        self.live += 1
        return None

    def release(self) -> None:
        self.live -= 1

    def drain(self) -> None:
        self.draining = True
