"""How many calls this pod carries. The pod is the authority: a place is taken when the offer arrives."""

from dataclasses import dataclass
from enum import Enum

from antiphon_wire.control import ControlErrorCode


class Refusal(Enum):
    """Why no call is taken; the value is what the control API says of it."""

    NO_CAPACITY = ControlErrorCode.NO_CAPACITY
    DRAINING = ControlErrorCode.DRAINING
    NOT_READY = ControlErrorCode.NOT_READY


@dataclass
class Capacity:
    limit: int
    live: int = 0
    draining: bool = False

    @property
    def free(self) -> int:
        return 0 if self.draining else max(0, self.limit - self.live)

    def reserve(self) -> Refusal | None:
        """Takes a place for one call, or says why there is none."""
        if self.draining:
            return Refusal.DRAINING
        if self.live >= self.limit:
            return Refusal.NO_CAPACITY
        self.live += 1
        return None

    def release(self) -> None:
        self.live -= 1

    def drain(self) -> None:
        self.draining = True
