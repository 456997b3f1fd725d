"""A relay in a process of its own, with the files it watches in a folder of its own."""

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from antiphon_wire import KeyRing, Minted, Ticket
from free_ports import free_port
from relay_pod import Pod

CLUSTER = 3
LONGEST_CALL_S = 3600
PATIENCE_S = 20.0
"""For what takes milliseconds on a machine that has nothing else to do."""


async def eventually(condition: Callable[[], bool], what: str, *, within_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        await asyncio.sleep(0.005)


@dataclass
class RelayRun:
    """One life of a relay's process."""

    process: asyncio.subprocess.Process
    http: str
    lines: list[str] = field(default_factory=list)

    @property
    def bound_unix_ms(self) -> int:
        return int(self.field_of("bound", "unix_ms"))

    def logged(self, message: str) -> bool:
        return any(f" relay {message}" in line for line in self.lines)

    def field_of(self, message: str, name: str) -> str:
        line = next(line for line in self.lines if f" relay {message}" in line)
        return next(word.removeprefix(f"{name}=") for word in line.split() if word.startswith(f"{name}="))

    async def metrics(self) -> dict[str, float]:
        """Every sample, as `name{labels}` without the part's prefix."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.http}/metrics") as response:
            rows = [line.rsplit(" ", 1) for line in (await response.text()).splitlines() if line[0] != "#"]
        return {name.removeprefix("antiphon_relay_"): float(value) for name, value in rows}

    async def drops(self) -> dict[str, int]:
        """Dropped packets by reason, those that are not zero."""
        name = 'dropped_packets_total{reason="'
        samples = await self.metrics()
        return {key[len(name) : -2]: int(value) for key, value in samples.items() if key.startswith(name) and value}

    async def status_of(self, path: str) -> int:
        async with aiohttp.ClientSession() as session, session.get(f"{self.http}{path}") as response:
            return response.status

    async def dropped(self, reason: str, count: int) -> None:
        """Waits until as many packets were dropped for that reason."""
        deadline = time.monotonic() + PATIENCE_S
        while (drops := await self.drops()).get(reason, 0) < count:
            assert time.monotonic() < deadline, f"{count} {reason} expected, got {drops}"
            await asyncio.sleep(0.01)

    async def metric_reaches(self, name: str, value: float) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while (samples := await self.metrics())[name] != value:
            assert time.monotonic() < deadline, f"{name} is {samples[name]}, not {value}"
            await asyncio.sleep(0.01)

    @property
    def resident_kib(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")))


class RelaySite:
    """The files, the ports, and what a test does with them. Ports stay the same from one life to the next."""

    def __init__(self, folder: Path, pods: list[Pod], *, workers: int = 1) -> None:
        self.pods = pods
        self.workers = workers
        self._folder = folder
        self._generation = 0
        self._nonce = 0
        keys = KeyRing.generate_json(int(time.time()))
        (folder / "keys.json").write_text(keys)
        self.ring = KeyRing.from_json(keys)
        self.port = free_udp_ports(1 + workers, "127.0.0.1")
        self.hop_port = self.port + 1
        self.http_port = free_port()
        self.publish()

    @property
    def address(self) -> tuple[str, int]:
        return ("127.0.0.1", self.port)

    def publish(self, *, states: dict[int, str] | None = None, moved: dict[int, str] | None = None) -> None:
        """Writes the next generation of the table: every pod's block, with what is said to be different."""
        blocks = [
            {
                "first": pod.route,
                "pod": f"t{pod.route}",
                "pool": "agents",
                "state": (states or {}).get(pod.route, "Active"),
                "hop": pod.address,
                "control": "127.0.0.1:7300",
                "moved": [{"route": route, "hop": hop} for route, hop in (moved or {}).items() if route == pod.route],
            }
            for pod in self.pods
        ]
        self._generation += 1
        relay = {"name": "relay-0", "hop": f"127.0.0.1:{self.hop_port}", "workers": self.workers}
        document = {
            "clusterID": CLUSTER,
            "clusterName": "tests",
            "generation": self._generation,
            "relays": [relay],
            "blocks": blocks,
        }
        fresh = self._folder / "routes.json.new"
        fresh.write_text(json.dumps(document))
        fresh.replace(self._folder / "routes.json")

    def mint(self, pod: Pod, *, cluster_id: int = CLUSTER, expires_in_s: int = LONGEST_CALL_S) -> Minted:
        self._nonce += 1
        now = int(time.time())
        ticket = Ticket(cluster_id=cluster_id, route=pod.route, expires_at=now + expires_in_s, nonce=self._nonce)
        return self.ring.mint(ticket, now=now)

    @asynccontextmanager
    async def relay(self, **variables: str) -> AsyncIterator[RelayRun]:
        """Starts the relay, waits until it is ready, and kills it at the end if it still runs."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "antiphon_relay",
            stderr=asyncio.subprocess.PIPE,
            env=self._environment() | variables,
        )
        run = RelayRun(process, f"http://127.0.0.1:{self.http_port}")
        reader = asyncio.create_task(follow(run))
        try:
            await eventually(lambda: run.logged("bound") or reader.done(), "the relay binds")
            assert run.logged("bound"), run.lines
            await answers(self.http_port)
            yield run
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await reader

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "ANTIPHON_KEYS_FILE": str(self._folder / "keys.json"),
            "ANTIPHON_ROUTES_FILE": str(self._folder / "routes.json"),
            "ANTIPHON_HTTP_ADDRESS": f"127.0.0.1:{self.http_port}",
            "ANTIPHON_LISTEN": f"127.0.0.1:{self.port},[::1]:{self.port}",
            "ANTIPHON_HOP_ADDRESS": f"127.0.0.1:{self.hop_port}",
            "ANTIPHON_WORKERS": str(self.workers),
        }


async def follow(run: RelayRun) -> None:
    assert run.process.stderr is not None
    async for line in run.process.stderr:
        run.lines.append(line.decode().rstrip())


async def answers(http_port: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", http_port)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "the relay's HTTP does not answer"
            await asyncio.sleep(0.005)
        else:
            writer.close()
            await writer.wait_closed()
            return


def free_udp_ports(count: int, host: str) -> int:
    """The first of as many neighbouring ports that nobody has."""
    while True:
        sockets: list[socket.socket] = []
        try:
            first = 0
            for offset in range(count):
                sockets.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                sockets[-1].bind((host, first + offset if first else 0))
                first = first or int(sockets[-1].getsockname()[1])
        except (OSError, OverflowError):
            continue
        else:
            return first
        finally:
            for each in sockets:
                each.close()
