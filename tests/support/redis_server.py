"""A real redis-server on a free port, with nothing on disk."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from free_ports import free_port


@dataclass
class RedisServer:
    port: int
    process: asyncio.subprocess.Process

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"


@asynccontextmanager
async def redis_server(port: int | None = None) -> AsyncIterator[RedisServer]:
    """`port`: where one was before, and is forgotten."""
    port = port or free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
        try:
            await accepts_connections(port)
            yield RedisServer(port, process)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def accepts_connections(port: int) -> None:
    deadline = asyncio.get_running_loop().time() + 10
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            assert asyncio.get_running_loop().time() < deadline, "redis-server does not listen"
            await asyncio.sleep(0.02)
        else:
            writer.close()
            await writer.wait_closed()
            return
