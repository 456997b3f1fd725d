"""What the objects of a fleet are called; docs/interfaces.md, "In a cluster", has the same table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FleetNames:
    voice_relay: str

    @property
    def relay(self) -> str:
        """Of the relays' Deployment or DaemonSet, UDP Service, PodDisruptionBudget and NetworkPolicy."""
        return f"{self.voice_relay}-relay"

    @property
    def signaling(self) -> str:
        """Of signaling's Deployment, Service, PodDisruptionBudget and NetworkPolicy."""
        return f"{self.voice_relay}-signaling"

    @property
    def keys(self) -> str:
        """Of the key ring's Secret."""
        return f"{self.voice_relay}-keys"

    @property
    def control(self) -> str:
        """Of the control token's Secret."""
        return f"{self.voice_relay}-control"

    @property
    def account(self) -> str:
        """Of all pods' ServiceAccount, Role and RoleBinding."""
        return f"{self.voice_relay}-fleet"

    @property
    def metrics(self) -> str:
        """Of the headless Service over all pods, and its ServiceMonitor."""
        return f"{self.voice_relay}-metrics"

    @property
    def all(self) -> frozenset[str]:
        """Of every child of the VoiceRelay."""
        return frozenset((self.relay, self.signaling, self.keys, self.control, self.account, self.metrics))
