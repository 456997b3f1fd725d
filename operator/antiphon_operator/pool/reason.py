"""The reasons of a TransceiverPool's conditions and of its events: closed lists, which docs and alerts may rely on."""

from __future__ import annotations

from enum import StrEnum


class RoutesReason(StrEnum):
    """RoutesPublished."""

    UP_TO_DATE = "UpToDate"
    LAGGING = "Lagging"
    RELAY_MISSING = "RelayMissing"
    ROUTE_IDS_EXHAUSTED = "RouteIDsExhausted"


class BackendReason(StrEnum):
    """BackendReachable."""

    REACHABLE = "Reachable"
    BACKEND_UNREACHABLE = "BackendUnreachable"
    BACKEND_UNAUTHORIZED = "BackendUnauthorized"
    CERTIFICATE_INVALID = "CertificateInvalid"
    NOT_PROBED = "NotProbed"


class CapacityReason(StrEnum):
    """CapacityAvailable."""

    AVAILABLE = "Available"
    BELOW_TARGET = "BelowTarget"
    FULL = "Full"
    NOT_KNOWN = "NotKnown"


class UpdatedReason(StrEnum):
    """Updated, and Reconciling."""

    COMPLETE = "Complete"
    ROLLING_OUT = "RollingOut"
    SCALING = "Scaling"


class DrainingReason(StrEnum):
    """Draining."""

    PODS_DRAINING = "PodsDraining"
    NONE_DRAINING = "NoneDraining"


class EventReason(StrEnum):
    POD_REPLACED = "PodReplaced"
    POD_DRAINING = "PodDraining"
    DRAIN_DEADLINE_REACHED = "DrainDeadlineReached"
    SCALED_UP = "ScaledUp"
    SCALED_DOWN = "ScaledDown"
    BACKEND_LOST = "BackendLost"
    BACKEND_BACK = "BackendBack"
