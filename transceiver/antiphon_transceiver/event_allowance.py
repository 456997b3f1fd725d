"""How many events of a client are worth any work. Pure: every moment is an argument, in seconds."""

EVENTS_PER_SECOND = 50.0
"""Each may be answered by an event several times its size, to wherever the call's address is."""
MOST_SENT_AT_ONCE = 200.0
"""A page that hands over a long conversation's history sends as many when it begins."""
LONGEST_STALL_S = 2.0
"""What was sent while packets were lost, or the call moved, comes together with what was sent before and after."""
MOST_AT_ONCE = MOST_SENT_AT_ONCE + LONGEST_STALL_S * EVENTS_PER_SECOND


class EventAllowance:
    """A token bucket."""

    def __init__(self) -> None:
        self._left = MOST_AT_ONCE
        self._as_of = 0.0

    def take(self, now: float) -> bool:
        """Whether there is one left."""
        earned = max(0.0, now - self._as_of) * EVENTS_PER_SECOND
        self._left, self._as_of = min(MOST_AT_ONCE, self._left + earned), max(self._as_of, now)
        if self._left < 1:
            return False
        self._left -= 1
        return True
