"""A transceiver as it is deployed, a process told everything by its environment, with a small relay before it."""

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from antiphon_wire import KeyRing
from transceiver_relay import ClientRelay, Host, client_relay

FIRST_ROUTE = 0x1000
TOKEN = "control-token-of-the-tests-" + "0" * 16
PATIENCE_S = 10.0


@dataclass(frozen=True)
class Reply:
    status: int
    body: dict[str, Any]

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])


@dataclass
class Pod:
    process: asyncio.subprocess.Process
    relay: ClientRelay
    http: aiohttp.ClientSession
    keys_file: Path
    routes_file: Path
    url: str = ""
    lines: list[str] = field(default_factory=list)

    async def ask(self, method: str, path: str, body: object = None, *, token: str = TOKEN) -> Reply:
        headers = {"Authorization": f"Bearer {token}"}
        async with self.http.request(method, self.url + path, json=body, headers=headers) as response:
            return Reply(response.status, await response.json())

    async def answer(self, offer: str) -> str:
        """To this offer of a call."""
        reply = await self.ask("POST", "/v1/calls", {"offer": offer})
        assert reply.status == 201, reply.body
        return str(reply.body["answer"])

    async def text(self, path: str) -> tuple[int, str]:
        async with self.http.get(self.url + path) as response:
            return response.status, await response.text()

    async def call(self, call_id: str) -> dict[str, Any]:
        return (await self.ask("GET", f"/v1/calls/{call_id}")).body

    async def until(self, call_id: str, state: str) -> dict[str, Any]:
        """The call, once it is in `state`."""
        deadline = time.monotonic() + PATIENCE_S
        while (call := await self.call(call_id))["state"] != state:
            assert time.monotonic() < deadline, f"the call is {call['state']}, not {state}"
            await next_moment()
        return call

    async def metric(self, sample: str) -> float:
        """The value of one sample, named with its labels."""
        _, exposition = await self.text("/metrics")
        return sum(float(line.split(" ")[-1]) for line in exposition.splitlines() if line.startswith(f"{sample} "))

    async def until_media(self, call_id: str, figure: str, least: int) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while (value := (await self.call(call_id))["stats"]["media"][figure]) < least:
            assert time.monotonic() < deadline, f"{figure} is {value}"
            await next_moment()

    async def until_metric(self, sample: str, least: float) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while (value := await self.metric(sample)) < least:
            assert time.monotonic() < deadline, f"{sample} is {value}"
            await next_moment()

    def logged(self, message: str) -> list[str]:
        return [line for line in self.lines if message in line]

    async def until_logged(self, message: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not self.logged(message):
            assert time.monotonic() < deadline, self.lines
            await next_moment()

    async def stopped(self) -> int:
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()


async def next_moment() -> None:
    """Lets a few milliseconds pass between two looks at something that is about to happen."""
    passed = asyncio.Event()
    asyncio.get_running_loop().call_later(0.005, passed.set)
    await passed.wait()


@asynccontextmanager
async def running_pod(folder: Path, variables: Mapping[str, str] | None = None) -> AsyncIterator[Pod]:
    keys = KeyRing.generate_json(int(time.time()))
    async with client_relay(KeyRing.from_json(keys)) as relay, aiohttp.ClientSession() as http:
        (folder / "keys.json").write_text(keys)
        (folder / "token").write_text(TOKEN)
        write_routes(folder / "routes.json", relay, generation=1)
        process = await start(environment(folder, relay.vip) | dict(variables or {}))
        pod = Pod(process, relay, http, folder / "keys.json", folder / "routes.json")
        reading = asyncio.create_task(_read(pod))
        try:
            await _until_serving(pod)
            yield pod
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await reading


def write_routes(path: Path, *relays: ClientRelay, generation: int) -> None:
    block = {
        "first": FIRST_ROUTE,
        "pod": "t0",
        "pool": "agents",
        "state": "Active",
        "hop": "127.0.0.1:7200",
        "control": "127.0.0.1:7300",
    }
    document = {
        "clusterID": 3,
        "clusterName": "test",
        "generation": generation,
        "relays": [
            {"name": f"r{index}", "hop": "{}:{}".format(*relay.hop.address), "workers": 1}
            for index, relay in enumerate(relays)
        ],
        "blocks": [block],
        "pools": [{"name": "agents", "models": ["parrot"], "default": True}],
    }
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(document))
    temporary.replace(path)


async def start(variables: Mapping[str, str]) -> asyncio.subprocess.Process:
    whole = dict(os.environ) | {"PYTHONPATH": os.pathsep.join(sys.path)} | dict(variables)
    command = (sys.executable, "-m", "antiphon_transceiver")
    return await asyncio.create_subprocess_exec(*command, env=whole, stderr=asyncio.subprocess.PIPE)


def environment(folder: Path, vip: Host = ("192.0.2.2", 3478)) -> dict[str, str]:
    return {
        "ANTIPHON_POD": "t0",
        "ANTIPHON_ROUTES": str(FIRST_ROUTE),
        "ANTIPHON_HOP_ADDRESS": "127.0.0.1:0",
        "ANTIPHON_HTTP_ADDRESS": "127.0.0.1:0",
        "ANTIPHON_VIP": "{}:{}".format(*vip),
        "ANTIPHON_KEYS_FILE": str(folder / "keys.json"),
        "ANTIPHON_ROUTES_FILE": str(folder / "routes.json"),
        "ANTIPHON_CONTROL_TOKEN_FILE": str(folder / "token"),
        # What this machine carries is the matter of the tests that ask for it.
        "ANTIPHON_CAPACITY": "60",
        "ANTIPHON_CAPACITY_PROBE_S": "0",
        "ANTIPHON_OVERLOAD_PERIOD_S": "0",
    }


async def _read(pod: Pod) -> None:
    assert pod.process.stderr is not None
    async for line in pod.process.stderr:
        pod.lines.append(line.decode().rstrip())


async def _until_serving(pod: Pod) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not (serving := pod.logged(" serving ")):
        assert pod.process.returncode is None, pod.lines
        assert time.monotonic() < deadline, pod.lines
        await next_moment()
    match = re.search(r"http=\"?([0-9.:]+)\"? hop=\"?([0-9.]+):([0-9]+)", serving[0])
    assert match is not None, serving
    pod.url = f"http://{match[1]}"
    pod.relay.transceiver = (match[2], int(match[3]))
