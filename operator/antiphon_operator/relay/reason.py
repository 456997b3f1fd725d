"""The reasons of a VoiceRelay's conditions: a closed list, which docs and alerts may rely on."""

from __future__ import annotations

from enum import StrEnum


class AddressReason(StrEnum):
    """AddressAssigned."""

    CONFIGURED = "Configured"
    """spec.publicAddresses."""
    LOAD_BALANCER_READY = "LoadBalancerReady"
    ADDRESS_PENDING = "AddressPending"
    ADDRESS_REQUIRED = "AddressRequired"
    WRITE_REFUSED = "WriteRefused"


class ResolvedReason(StrEnum):
    """AddressResolved."""

    RESOLVED = "Resolved"
    NO_HOST_NAME = "NoHostName"
    LOOKUP_PENDING = "LookupPending"
    LOOKUP_FAILED = "LookupFailed"


class KeysReason(StrEnum):
    """KeysSynced."""

    IN_STEP = "InStep"
    ROTATION_HELD = "RotationHeld"
    REMADE = "Remade"
    WRITE_REFUSED = "WriteRefused"


class RoutesReason(StrEnum):
    """RoutesPublished."""

    UP_TO_DATE = "UpToDate"
    LAGGING = "Lagging"
    NO_POOLS = "NoPools"


class ProgressReason(StrEnum):
    """Reconciling and Stalled, where no other condition's reason says it."""

    ROLLING_OUT = "RollingOut"
    WRITE_REFUSED = "WriteRefused"
