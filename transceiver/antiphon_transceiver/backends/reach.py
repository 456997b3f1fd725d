"""What a connection that failed says about the backend. Pure."""

from __future__ import annotations

import aiohttp

from antiphon_wire.control import BackendState


class KeyUnreadableError(OSError):
    """The file with the backend's key."""


def state_after(error: Exception, *, model_named: bool) -> BackendState:
    match error:
        case KeyUnreadableError():
            return BackendState.UNAUTHORIZED
        case aiohttp.ClientConnectorCertificateError():
            return BackendState.CERTIFICATE_INVALID
        case aiohttp.WSServerHandshakeError(status=401 | 403):
            return BackendState.UNAUTHORIZED
        case aiohttp.WSServerHandshakeError(status=400) if not model_named:
            # It is there and takes the key; what it misses, a call has.
            return BackendState.REACHABLE
        case _:
            return BackendState.UNREACHABLE
