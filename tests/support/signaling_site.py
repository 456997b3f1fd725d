"""The real signaling service in this process, on a free port, in front of fake pods."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from antiphon_signaling.app import running_app
from antiphon_signaling.ending import Ending
from antiphon_signaling.http_server import http_server
from antiphon_signaling.metrics import Metrics
from antiphon_signaling.settings import Settings
from antiphon_wire import KeyRing
from fake_pod import TOKEN, FakePod, listening

FIRST_ROUTE = 0x1000
SDP = {"content-type": "application/sdp"}


@dataclass
class Site:
    url: str
    http: httpx.AsyncClient
    pods: Sequence[FakePod]
    folder: Path
    generation: int = 1

    async def publish(
        self,
        states: Mapping[str, str],
        *,
        pools: Sequence[Mapping[str, object]] | None = None,
        moved: Mapping[str, str] | None = None,
    ) -> None:
        """Replaces the route table and waits until it is in force; pods that `states` does not name are not in it.

        `moved`: whose routes are served by whom.
        """
        self.generation += 1
        write_table(self.folder, self.generation, self.pods, states, pools, moved or {})
        async with asyncio.timeout(5):
            while await self.metric("antiphon_signaling_table_generation") != self.generation:
                continue

    async def metric(self, sample: str) -> float:
        text = (await self.http.get("/metrics")).text
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(sample))


def write_table(
    folder: Path,
    generation: int,
    pods: Sequence[FakePod],
    states: Mapping[str, str],
    pools: Sequence[Mapping[str, object]] | None = None,
    moved: Mapping[str, str] | None = None,
) -> None:
    hops = {p.name: f"127.0.0.1:{7200 + number}" for number, p in enumerate(pods)}
    heirs = {name: hops[heir] for name, heir in (moved or {}).items()}
    blocks = [
        {"first": p.first_route, "pod": p.name, "pool": "agents", "state": states[p.name]}
        | {"hop": hops[p.name], "control": p.control}
        | {"moved": [{"route": p.first_route, "hop": heirs[p.name]}] if p.name in heirs else []}
        for p in pods
        if p.name in states
    ]
    document = {
        "clusterID": 0,
        "clusterName": "test",
        "generation": generation,
        "relays": [],
        "blocks": blocks,
        "pools": pools or [{"name": "agents", "models": ["parrot"], "default": True}],
    }
    written = folder / "routes.new"
    written.write_text(json.dumps(document))
    written.replace(folder / "routes.json")


@asynccontextmanager
async def site(folder: Path, *capacities: int, kind: type[FakePod] = FakePod, **env: str) -> AsyncIterator[Site]:
    """One pod per capacity, named t0, t1, …; `env` overrides the service's variables."""
    keys = KeyRing.generate_json(int(time.time()))
    (folder / "keys.json").write_text(keys)
    ring = KeyRing.from_json(keys)
    async with AsyncExitStack() as stack:
        pods = [
            await stack.enter_async_context(listening(kind(f"t{i}", FIRST_ROUTE + 8 * i, ring, capacity)))
            for i, capacity in enumerate(capacities)
        ]
        write_table(folder, 1, pods, {pod.name: "Active" for pod in pods})
        settings = Settings.from_env(environment(folder, **env))
        metrics = Metrics()
        app = await stack.enter_async_context(running_app(settings, TOKEN, metrics, Ending()))
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        server = http_server(app, settings, metrics)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            async with httpx.AsyncClient(base_url=url, timeout=10, trust_env=False) as http:
                await until(lambda: server.started)
                yield Site(url, http, pods, folder)
        finally:
            server.should_exit = True
            await serving


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {
        "ANTIPHON_KEYS_FILE": str(folder / "keys.json"),
        "ANTIPHON_ROUTES_FILE": str(folder / "routes.json"),
        "ANTIPHON_CONTROL_TOKEN_FILE": str(folder / "token"),
        "ANTIPHON_HTTP_ADDRESS": "127.0.0.1:0",
        "ANTIPHON_VIP": "192.0.2.2:3478",
        **more,
    }


async def until(holds: Callable[[], bool], within_s: float = 5.0) -> None:
    deadline = asyncio.get_running_loop().time() + within_s
    while not holds():
        assert asyncio.get_running_loop().time() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.01)
