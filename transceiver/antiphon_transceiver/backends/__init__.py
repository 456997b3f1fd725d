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
from antiphon_transceiver.backends.realtime import RealtimeBackend

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
]


def create_backend(settings: BackendSettings, request: CallRequest, health: BackendHealth) -> Backend:
    """Raises ValueError if the request's session is no JSON object."""
    match settings.kind:
        case BackendKind.ECHO:
            return EchoBackend()
        case BackendKind.REALTIME:
            return RealtimeBackend(settings, request, health)
