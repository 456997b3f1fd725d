"""When a relay that was told to stop is ready no more, and when it ends."""

from dataclasses import dataclass

HEARD_WITHIN_MS = 7000
"""A live client checks every 6 s at the latest (RFC 7675 §5.1: 5 s, plus a fifth)."""


@dataclass(frozen=True)
class Drain:
    """The rules of one ending.

    Failing readiness makes the load balancer move live flows to other relays. Where those can take over a flow that
    they have never seen, that loses nothing; where they cannot, moving is what hurts: the relay stays ready and waits.
    """

    drain_s: float
    grace_s: float
    takeover: bool
    """Another relay finds this one's flows in the flow cache."""

    @property
    def stays_ready(self) -> bool:
        return not self.takeover

    def is_over(self, elapsed_s: float, live_flows: int) -> bool:
        if self.takeover:
            return elapsed_s >= self.drain_s
        return live_flows == 0 or elapsed_s >= self.grace_s
