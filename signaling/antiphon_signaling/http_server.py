"""The HTTP server's settings, in one place."""

from __future__ import annotations

import uvicorn
from fastapi import FastAPI

from antiphon_signaling.settings import TlsFiles

STOP_WITHIN_S = 10
"""For requests in flight when we are told to stop: a placement may take that long."""
KEEP_ALIVE_S = 75
"""A browser that read the page keeps its connection, so that the call's offer needs no new one."""


def http_server(app: FastAPI, tls: TlsFiles | None) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        log_level="warning",
        lifespan="off",
        ws="none",
        http="h11",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_WITHIN_S,
        ssl_certfile=tls.cert if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    return uvicorn.Server(config)
