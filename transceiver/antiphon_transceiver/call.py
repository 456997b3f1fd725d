"""A call's life as values: its states, what moves it between them, and the one reason for which it ends."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Self

from antiphon_wire.control import EndReason


class CallState(Enum):
    NEW = "new"
    """Answered; no valid check yet."""
    CONNECTING = "connecting"
    """The first authenticated check came; DTLS is under way."""
    CONNECTED = "connected"
    """DTLS is done: media and events flow."""
    ENDED = "ended"


class CallEvent(Enum):
    CHECKED = "checked"
    SECURED = "secured"
    END = "end"


class Milestone(Enum):
    """What a call passes once; the value names its time in the statistics, in milliseconds from the offer."""

    BACKEND = "backend"
    ANSWER = "answer"
    CHECKED = "checked"
    SECURED = "dtls"
    FIRST_AUDIO_IN = "first_audio_in"
    FIRST_AUDIO_OUT = "first_audio_out"


TRANSITIONS: dict[tuple[CallState, CallEvent], CallState] = {
    (CallState.NEW, CallEvent.CHECKED): CallState.CONNECTING,
    (CallState.CONNECTING, CallEvent.SECURED): CallState.CONNECTED,
    (CallState.NEW, CallEvent.END): CallState.ENDED,
    (CallState.CONNECTING, CallEvent.END): CallState.ENDED,
    (CallState.CONNECTED, CallEvent.END): CallState.ENDED,
}


class ImpossibleTransitionError(Exception):
    """Our fault: an event that this state cannot see."""

    def __init__(self, state: CallState, event: CallEvent) -> None:
        super().__init__(f"a call that is {state.value} cannot see {event.value}")


@dataclass
class Call:
    """One call's state machine; `now` is the monotonic clock, in seconds."""

    offered_at: float
    state: CallState = CallState.NEW
    reason: EndReason | None = None
    ended_at: float | None = None
    milestones_ms: dict[Milestone, float] = field(default_factory=dict)

    def checked(self, now: float) -> None:
        self._move(CallEvent.CHECKED)
        self.reach(Milestone.CHECKED, now)

    def secured(self, now: float) -> None:
        self._move(CallEvent.SECURED)
        self.reach(Milestone.SECURED, now)

    @classmethod
    def taken_over(cls, offered_at: float) -> Self:
        """One that was connected at another pod; what it passed there is not this one's to tell."""
        return cls(offered_at, CallState.CONNECTED)

    def end(self, reason: EndReason, now: float) -> bool:
        """Ends the call, once: False when it had ended before, whose reason then stands."""
        if self.state is CallState.ENDED:
            return False
        self._move(CallEvent.END)
        self.reason = reason
        self.ended_at = now
        return True

    def reach(self, milestone: Milestone, now: float) -> bool:
        """Notes the milestone's time; False when it had been reached before."""
        if milestone in self.milestones_ms:
            return False
        self.milestones_ms[milestone] = (now - self.offered_at) * 1000
        return True

    def age_s(self, now: float) -> float:
        return (now if self.ended_at is None else self.ended_at) - self.offered_at

    def _move(self, event: CallEvent) -> None:
        state = TRANSITIONS.get((self.state, event))
        if state is None:
            raise ImpossibleTransitionError(self.state, event)
        self.state = state
