"""How many pods of a Deployment `kubectl drain` and its like may take at once: one."""

from __future__ import annotations

from antiphon_crds.overlay import Json
from antiphon_crds.voice_relay import VoiceRelay, WorkloadKind
from antiphon_operator.relay.child import Component, metadata, selector
from antiphon_operator.relay.names import FleetNames


def relay_budget(relay: VoiceRelay) -> dict[str, Json] | None:
    """None for a DaemonSet: its pods are not evicted."""
    if relay.spec.workload.kind is WorkloadKind.DAEMON_SET:
        return None
    return _budget(relay, FleetNames(relay.metadata.name).relay, Component.RELAY)


def signaling_budget(relay: VoiceRelay) -> dict[str, Json]:
    return _budget(relay, FleetNames(relay.metadata.name).signaling, Component.SIGNALING)


def _budget(relay: VoiceRelay, name: str, component: Component) -> dict[str, Json]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(relay, name, component),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": selector(relay, component)},
            # A pod that is broken anyway holds up no drain.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
