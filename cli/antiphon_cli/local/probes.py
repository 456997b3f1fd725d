"""Asks children how they are: ready or not, and how many calls a transceiver has."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import aiohttp

from antiphon_cli.supervisor import Liveness

PROBE_TIMEOUT_S = 1.0


class Probes:
    """One HTTP client for all children. `certificate` is the self-signed one of `--lan`."""

    def __init__(self, *, token: str = "", certificate: Path | None = None) -> None:
        context = ssl.create_default_context(cafile=certificate) if certificate else True
        self._http = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=PROBE_TIMEOUT_S), connector=aiohttp.TCPConnector(ssl=context)
        )
        self._headers = {"Authorization": f"Bearer {token}"}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def is_ready(self, url: str) -> bool:
        """`http…` answers `/readyz` with 200; `tcp…` takes a connection."""
        parts = urlsplit(url)
        if parts.scheme == "tcp":
            return await accepts_connections(parts.hostname or "", parts.port or 0)
        try:
            async with self._http.get(f"{url}/readyz") as response:
                return response.ok
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def liveness(self, url: str) -> Liveness:
        """What `/livez` says."""
        try:
            async with self._http.get(f"{url}/livez") as response:
                return Liveness.ALIVE if response.ok else Liveness.DEAD
        except (aiohttp.ClientError, TimeoutError):
            return Liveness.SILENT

    async def live_calls(self, url: str) -> int | None:
        """None: it did not say."""
        try:
            async with self._http.get(f"{url}/v1/capacity", headers=self._headers) as response:
                live = (await response.json()).get("live") if response.ok else None
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None
        return live if isinstance(live, int) else None


async def accepts_connections(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
