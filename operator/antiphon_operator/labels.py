"""The labels by which the objects of fleets are known: to those who write them, and to those who read them."""

from __future__ import annotations

from typing import Final

RELAY_LABEL: Final = "antiphon.dev/relay"
"""The VoiceRelay's name, on everything of its fleet."""
POOL_LABEL: Final = "antiphon.dev/pool"
COMPONENT_LABEL: Final = "app.kubernetes.io/component"
MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
OPERATOR: Final = "antiphon-operator"
"""Who manages them all."""
