"""A relay, a transceiver and signaling as processes on loopback, which read a cluster's RouteTables."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from antiphon_wire import KeyRing
from free_ports import free_ports
from route_tables import RELAY, RouteTables, block
from transceiver_caller import Caller

FIRST_ROUTE = 0x1000
TOKEN = "control-token-of-the-tests-" + "0" * 16
PATIENCE_S = 60.0


@dataclass
class Part:
    """One process, which may be started again."""

    name: str
    port: int
    variables: Mapping[str, str]
    lines: list[str] = field(default_factory=list)
    _process: asyncio.subprocess.Process | None = None
    _reader: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self.lines.clear()
        command = (sys.executable, "-m", f"antiphon_{self.name}")
        environment = {**os.environ, **self.variables}
        self._process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=asyncio.subprocess.PIPE)
        self._reader = asyncio.create_task(self._read(self._process))

    async def stop(self, number: signal.Signals = signal.SIGKILL) -> int:
        assert self._process is not None
        assert self._reader is not None
        with suppress(ProcessLookupError):
            self._process.send_signal(number)
        async with asyncio.timeout(PATIENCE_S):
            code = await self._process.wait()
            await self._reader
        return code

    def tell(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def says(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.get(self.url + path) as reply:
            return reply.status, (await reply.text()).strip()

    async def until_says(self, path: str, status: int, text: str = "") -> None:
        deadline = time.monotonic() + PATIENCE_S
        said: object = None
        while said is None or said[0] != status or text not in said[1]:  # type: ignore[index]
            assert time.monotonic() < deadline, f"{self.name} says {said} at {path}, not {status} {text}: {self.lines}"
            with suppress(aiohttp.ClientConnectionError):
                said = await self.says(path)
            await asyncio.sleep(0.02)

    async def ready(self) -> None:
        await self.until_says("/readyz", 200)

    async def metric(self, sample: str) -> float:
        _, text = await self.says("/metrics")
        rows = [line.rsplit(" ", 1) for line in text.splitlines()]
        return sum(float(value) for name, value in rows if name == f"antiphon_{self.name}_{sample}")

    async def until_metric(self, sample: str, holds: Callable[[float], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        value = None
        while value is None or not holds(value):
            assert time.monotonic() < deadline, f"{self.name}'s {sample} is {value}"
            await asyncio.sleep(0.02)
            with suppress(aiohttp.ClientConnectionError):
                value = await self.metric(sample)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            self.lines.append(line.decode().rstrip())


class Fleet:
    def __init__(self, folder: Path, tables: RouteTables, kubeconfig: Path) -> None:
        self.tables = tables
        self.udp, self.hop_of_relay, self.hop_of_pod = free_ports(3, socket.SOCK_DGRAM)
        http_ports = iter(free_ports(3))
        (folder / "keys.json").write_text(KeyRing.generate_json(int(time.time())))
        (folder / "token").write_text(TOKEN)
        shared = {
            "ANTIPHON_ROUTE_TABLES": f"{tables.namespace}/{RELAY}",
            "KUBECONFIG": str(kubeconfig),
            "ANTIPHON_KEYS_FILE": str(folder / "keys.json"),
            "ANTIPHON_CONTROL_TOKEN_FILE": str(folder / "token"),
        }

        def part(name: str, **variables: str) -> Part:
            port = next(http_ports)
            cache = {"ANTIPHON_ROUTES_CACHE": str(folder / f"{name}-routes.json")}
            return Part(name, port, {**shared, **cache, "ANTIPHON_HTTP_ADDRESS": f"127.0.0.1:{port}", **variables})

        self.relay = part(
            "relay",
            ANTIPHON_LISTEN=f"127.0.0.1:{self.udp}",
            ANTIPHON_HOP_ADDRESS=f"127.0.0.1:{self.hop_of_relay}",
            ANTIPHON_WORKERS="1",
        )
        self.transceiver = part(
            "transceiver",
            ANTIPHON_POD="agents-00001000",
            ANTIPHON_ROUTES=str(FIRST_ROUTE),
            ANTIPHON_HOP_ADDRESS=f"127.0.0.1:{self.hop_of_pod}",
        )
        self.signaling = part("signaling")

    @property
    def parts(self) -> tuple[Part, ...]:
        return (self.relay, self.transceiver, self.signaling)

    @property
    def own_relay(self) -> dict[str, Any]:
        return {"name": "edge-relay-0", "hop": f"127.0.0.1:{self.hop_of_relay}", "workers": 1}

    @property
    def own_block(self) -> dict[str, Any]:
        hop, control = f"127.0.0.1:{self.hop_of_pod}", f"127.0.0.1:{self.transceiver.port}"
        return block(FIRST_ROUTE, "agents-00001000", hop, control)

    async def publish(self, *more: Mapping[str, Any], **fleet: Any) -> int:
        """Writes the table, with more blocks than the fleet's own."""
        whole = {"relays": [self.own_relay], "vip": [f"127.0.0.1:{self.udp}"], **fleet}
        return await asyncio.to_thread(self.tables.write, [self.own_block, *more], **whole)

    async def ready(self) -> None:
        for part in self.parts:
            await part.ready()

    @asynccontextmanager
    async def call(self) -> AsyncIterator[Caller]:
        """A caller whose call is up, through signaling and the relay."""
        caller = Caller(("127.0.0.1", self.udp))
        await caller.open()
        try:
            headers = {"content-type": "application/sdp"}
            async with aiohttp.ClientSession() as session:
                url = f"{self.signaling.url}/v1/realtime/calls"
                async with session.post(url, data=caller.offer(), headers=headers) as reply:
                    assert reply.status == 201, await reply.text()
                    caller.take(await reply.text())
            await caller.check()
            assert await caller.secure() == "connected"
            yield caller
        finally:
            await caller.close()

    async def hears_itself(self, caller: Caller) -> None:
        """The echo of what the caller says now."""
        heard, deadline = len(caller.heard), time.monotonic() + PATIENCE_S
        await caller.check()
        while len(caller.heard) <= heard + 10_000:
            assert time.monotonic() < deadline, "nothing is heard"
            await caller.speak(0.2, hertz=440)


@asynccontextmanager
async def loopback_fleet(folder: Path, tables: RouteTables, kubeconfig: Path) -> AsyncIterator[Fleet]:
    fleet = Fleet(folder, tables, kubeconfig)
    started: list[Part] = []
    try:
        for part in fleet.parts:
            await part.start()
            started.append(part)
        yield fleet
    finally:
        for part in started:
            await part.stop()
