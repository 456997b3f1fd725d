"""The product as its user starts it: `antiphon up` in a process, on free ports, with a state folder of its own."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from free_ports import free_port

ROOT = Path(__file__).parent.parent.parent
READY_S = 60.0


@dataclass
class Product:
    """A running `antiphon up`."""

    process: asyncio.subprocess.Process
    url: str
    port: int
    state: Path
    lines: list[str] = field(default_factory=list)

    def pid(self, child: str) -> int:
        """The process id of one child (`relay`, `signaling`, `agent`, `t0`, …) now."""
        parent = self.process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return next(int(pid) for pid in children if name_of(int(pid)) == child)

    @contextmanager
    def silent(self, child: str) -> Iterator[None]:
        """A child says nothing; nor does the supervisor look, who would kill it for that."""
        pids = (self.process.pid, self.pid(child))
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in reversed(pids):
                os.kill(pid, signal.SIGCONT)

    @property
    def vip(self) -> str:
        """The address that every answer names, as the first lines say it."""
        relay = next(line for line in self.lines if "relay" in line and "udp" in line)
        return relay.split("udp", 1)[1].split()[0].rsplit(":", 1)[0]

    def url_of(self, child: str) -> str:
        run = json.loads((self.state / "run.json").read_text())
        return next(str(entry["url"]) for entry in run["children"] if entry["name"].split()[-1] == child)

    async def metric(self, child: str, name: str) -> float:
        """The sum of a metric's samples over the children whose name starts with `child`."""
        run = json.loads((self.state / "run.json").read_text())
        total = 0.0
        async with aiohttp.ClientSession() as session:
            for entry in run["children"]:
                if entry["name"].split()[-1].startswith(child):
                    async with session.get(f"{entry['url']}/metrics") as response:
                        total += sum_of(name, await response.text())
        return total

    def log(self, child: str) -> str:
        return (self.state / "logs" / f"{child}.log").read_text()


def name_of(pid: int) -> str:
    """Which child a process is: its pod's name, or the part it runs."""
    environment = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    pods = [entry.removeprefix("ANTIPHON_POD=") for entry in environment if entry.startswith("ANTIPHON_POD=")]
    arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    parts = [argument.removeprefix("antiphon_") for argument in arguments if argument.startswith("antiphon_")]
    return (pods or parts or ["agent"])[0]


def sum_of(name: str, exposition: str) -> float:
    rows = [line for line in exposition.splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
    return sum(float(row.rsplit(" ", 1)[1]) for row in rows)


@asynccontextmanager
async def running(
    state: Path, options: Sequence[str] = (), variables: Mapping[str, str] | None = None
) -> AsyncIterator[Product]:
    """Starts the product and waits until it says where to talk; stops it politely afterwards. `variables`: of its
    environment, besides ours."""
    http, udp = free_port(), free_port(socket.SOCK_DGRAM)
    command = [sys.executable, "-m", "antiphon_cli", "up", "--state-dir", str(state)]
    command += ["--http-port", str(http), "--port", str(udp), *options]
    environment = {**os.environ, **(variables or {})}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=environment
    )
    product = Product(process, f"http://127.0.0.1:{http}", udp, state)
    reader = asyncio.create_task(follow(product))
    try:
        await until(lambda: any(line.startswith("Talk:") for line in product.lines), READY_S, product)
        yield product
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        try:
            await asyncio.wait_for(process.wait(), 40)
        except TimeoutError:
            process.kill()
            raise
        finally:
            await reader


async def follow(product: Product) -> None:
    assert product.process.stdout is not None
    async for line in product.process.stdout:
        product.lines.append(line.decode().rstrip())


async def until(condition: Callable[[], bool], timeout_s: float, product: Product) -> None:
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not condition():
        if product.process.returncode is not None:
            raise AssertionError("antiphon up ended:\n" + "\n".join(product.lines))
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"not within {timeout_s} s:\n" + "\n".join(product.lines))
        await asyncio.sleep(0.02)
