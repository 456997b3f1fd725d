"""Whom a caller talks to: an ordinary service behind one protocol."""

from antiphon_transceiver.backends.backend import (
    Backend,
    BackendEvents,
    BackendKind,
    BackendSettings,
    BackendStatistics,
    BackendUnreachable,
    CallRequest,
)
from antiphon_transceiver.backends.echo import EchoBackend
from antiphon_transceiver.backends.health import BackendHealth
from antiphon_transceiver.backends.probe import keep_probed
from antiphon_transceiver.backends.realtime import RealtimeBackend
from antiphon_wire.control import BackendState

__all__ = [
    "Backend",
    "BackendEvents",
    "BackendHealth",
    "BackendKind",
    "BackendSettings",
    "BackendStatistics",
    "BackendUnreachable",
    "CallRequest",
    "create_backend",
    "health_of",
    "keep_probed",
]


def create_backend(settings: BackendSettings, request: CallRequest, health: BackendHealth) -> Backend:
    """Raises ValueError if the request's session is no JSON object."""
    match settings.kind:
        case BackendKind.ECHO:
            return EchoBackend()
        case BackendKind.REALTIME:
            return RealtimeBackend(settings, request, health)


def health_of(settings: BackendSettings) -> BackendHealth:
    """Nothing known yet, but of a backend that is always there."""
    return BackendHealth(BackendState.REACHABLE if settings.kind is BackendKind.ECHO else BackendState.NOT_PROBED)
