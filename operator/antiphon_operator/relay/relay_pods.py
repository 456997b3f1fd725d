"""The relays as the route table names them."""

from __future__ import annotations

from antiphon_operator.observed import Fleet
from antiphon_operator.relay.port import Port
from antiphon_operator.relay.workers import workers_per_pod
from antiphon_wire import Relay

_ENDED = ("Succeeded", "Failed")


def fleet_relays(fleet: Fleet) -> tuple[Relay, ...]:
    """Every relay pod that has an address and has not ended, ready or not.

    A transceiver must know a relay before it serves, and as long as it drains.
    """
    now = workers_per_pod(fleet.relay.spec)
    return tuple(
        Relay(pod.name, f"[{pod.ip}]:{Port.HOP}" if ":" in pod.ip else f"{pod.ip}:{Port.HOP}", pod.workers or now)
        for pod in sorted(fleet.relay_pods, key=lambda pod: pod.name)
        if pod.ip is not None and pod.phase not in _ENDED
    )
