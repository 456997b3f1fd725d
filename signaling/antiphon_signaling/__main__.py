"""`python -m antiphon_signaling`: reads the settings, binds, serves until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys

from antiphon_signaling.accept_failures import AcceptFailures
from antiphon_signaling.app import running_app
from antiphon_signaling.ending import Ending
from antiphon_signaling.http_server import http_server
from antiphon_signaling.metrics import Metrics
from antiphon_signaling.settings import Settings
from antiphon_wire.control import read_control_token
from antiphon_wire.environment import SettingError
from antiphon_wire.logs import configure_logs

logger = logging.getLogger(__name__)


def main() -> int:
    try:
        settings = Settings.from_env(os.environ)
        token = read_control_token(settings.control_token_file)
        listener = _bind(settings)
    except SettingError as error:
        print(error, file=sys.stderr)  # noqa: T201 - before there is a log
        return 2
    configure_logs("signaling", settings.log_level)
    asyncio.run(_serve(settings, token, listener))
    logger.info("stopped")
    return 0


async def _serve(settings: Settings, token: str, listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(AcceptFailures(loop.time))
    ending = Ending()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.tell)
    metrics = Metrics()
    async with running_app(settings, token, metrics, ending) as app:
        server = http_server(app, settings, metrics)
        scheme = "https" if settings.tls else "http"
        host, port = listener.getsockname()[:2]
        logger.info("listening", extra={"fields": {"url": f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"}})
        stopping = asyncio.create_task(ending.stop(server, settings.drain_s))
        await server.serve(sockets=[listener])
        stopping.cancel()


def _bind(settings: Settings) -> socket.socket:
    address = settings.http_address
    listener = socket.socket(address.family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address.host, address.port))
    except OSError as error:
        listener.close()
        problem = f"cannot be bound: {error.strerror} ({address})"
        raise SettingError("ANTIPHON_HTTP_ADDRESS", problem, "127.0.0.1:8080") from None
    return listener


if __name__ == "__main__":
    sys.exit(main())
