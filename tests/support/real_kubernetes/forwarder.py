"""Carries connections to a port of this machine's loopback to the same port inside a namespace.

A program of its own: it inherits the listening socket, made outside, and runs inside.
"""

import asyncio
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from real_kubernetes.daemon import Daemon, python_module
from real_kubernetes.place import Place

CHUNK = 1 << 16


@contextmanager
def forwarded(port: int, inside: Place, folder: Path) -> Iterator[Daemon]:
    with socket.create_server(("127.0.0.1", port)) as listening:
        number = listening.fileno()
        command = [*python_module("real_kubernetes.forwarder"), str(number), str(port)]
        forwarder = inside.daemon("forwarder", command, folder, sockets=(number,))
        forwarder.start()
        try:
            yield forwarder
        finally:
            forwarder.kill()


async def serve(listening: socket.socket, port: int) -> None:
    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            # Nobody listens inside: a reset, as the kernel would answer.
            writer.transport.abort()
            return
        await asyncio.gather(copy(reader, forth), copy(back, writer))

    server = await asyncio.start_server(carry, sock=listening)
    await server.serve_forever()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


if __name__ == "__main__":
    asyncio.run(serve(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])))
