"""A relay, signaling and transceivers as processes on loopback, which write their calls down in a Redis."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from antiphon_wire import KeyRing
from free_ports import free_ports
from loopback_fleet import TOKEN, Part
from redis_server import RedisServer, redis_server
from transceiver_caller import Caller, Channel

FIRST_ROUTE = 0x1000
BLOCK = 8
PATIENCE_S = 30.0


@dataclass
class Transceiver:
    name: str
    first_route: int
    hop: str
    part: Part
    state: str = "Active"

    @property
    def routes(self) -> list[int]:
        return list(range(self.first_route, self.first_route + BLOCK))


@dataclass
class Talk:
    """A caller whose call is up, with its events channel."""

    call_id: str
    route: int
    caller: Caller
    channel: Channel

    def say(self, **event: object) -> None:
        self.channel.channel.send(json.dumps({"type": "test.event", **event}))

    async def next_event(self) -> dict[str, Any]:
        while (event := json.loads(await self.channel.next_message()))["type"] != "echo":
            pass
        return dict(event)

    async def is_echoed(self, number: int) -> None:
        """An event goes to the agent and back; what is still under way before it is passed over."""
        self.say(number=number)
        while (await self.next_event()).get("number") != number:
            pass

    async def hears_itself(self) -> None:
        """The echo of what the caller says now."""
        heard, deadline = len(self.caller.heard), time.monotonic() + PATIENCE_S
        while len(self.caller.heard) <= heard + 20_000:
            assert time.monotonic() < deadline, "nothing is heard"
            await self.caller.speak(0.2, hertz=440)


async def at_once() -> None:
    """Nothing is waited for."""


@dataclass
class TakeoverFleet:
    folder: Path
    redis: RedisServer
    relay: Part
    signaling: Part
    pods: list[Transceiver]
    udp: int
    relay_hop: int
    http: aiohttp.ClientSession
    generation: int = 0
    moved: dict[int, Transceiver] = field(default_factory=dict)

    def write_table(self) -> None:
        self.generation += 1
        blocks = [
            {
                "first": pod.first_route,
                "pod": pod.name,
                "pool": "agents",
                "state": pod.state,
                "hop": pod.hop,
                "control": f"127.0.0.1:{pod.part.port}",
                "moved": [{"route": r, "hop": heir.hop} for r, heir in self.moved.items() if r in pod.routes],
            }
            for pod in self.pods
        ]
        document = {
            "clusterID": 3,
            "clusterName": "takeovers",
            "generation": self.generation,
            "relays": [{"name": "r0", "hop": f"127.0.0.1:{self.relay_hop}", "workers": 1}],
            "blocks": blocks,
            "pools": [{"name": "agents", "models": ["parrot"], "default": True}],
        }
        fresh = self.folder / "routes.new"
        fresh.write_text(json.dumps(document))
        fresh.replace(self.folder / "routes.json")

    async def move(self, routes: Sequence[int], heir: Transceiver) -> None:
        """Fences whoever had them: returns when the relay has the table that says so."""
        self.moved |= dict.fromkeys(routes, heir)
        self.write_table()
        await self.relay.until_metric("route_table_generation", lambda seen: seen == self.generation)

    async def ask(self, pod: Transceiver, method: str, path: str, body: object = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with self.http.request(method, pod.part.url + path, json=body, headers=headers) as reply:
            return {"status": reply.status, **await reply.json()}

    async def take_over(self, heir: Transceiver, pod: Transceiver, routes: Sequence[int]) -> dict[str, Any]:
        return await self.ask(heir, "POST", "/v1/takeovers", {"pod": pod.name, "routes": list(routes)})

    async def hand_over(self, pod: Transceiver, routes: Sequence[int]) -> dict[str, Any]:
        return await self.ask(pod, "POST", "/v1/handovers", {"routes": list(routes)})

    async def crash(self, pod: Transceiver, routes: Sequence[int], heir: Transceiver) -> dict[str, Any]:
        """The pod is killed, and its heir asked to go on with the calls on these routes; its answer."""
        await pod.part.stop()
        pod.state = "Lost"
        await self.move(routes, heir)
        return await self.take_over(heir, pod, routes)

    async def answer(self, pod: Transceiver, offer: str) -> str:
        """To this offer of a call."""
        created = await self.ask(pod, "POST", "/v1/calls", {"offer": offer})
        assert created["status"] == 201, created
        return str(created["answer"])

    async def public(self, call_id: str) -> tuple[int, dict[str, Any]]:
        """What signaling says of the call."""
        async with self.http.get(f"{self.signaling.url}/v1/realtime/calls/{call_id}") as reply:
            return reply.status, await reply.json()

    async def until_public(self, call_id: str, status: int, code: str | None = None) -> dict[str, Any]:
        """What it says once it says so: it reads the table when it likes."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            said, body = await self.public(call_id)
            if (said, body.get("error", {}).get("code")) == (status, code):
                return body
            assert time.monotonic() < deadline, (said, body)

    async def calls(self, pod: Transceiver) -> dict[str, dict[str, Any]]:
        listed = await self.ask(pod, "GET", "/v1/calls")
        return {call["call_id"]: call for call in listed["calls"]}

    @asynccontextmanager
    async def talk(
        self, pod: Transceiver, *, session: object = None, before_channel: Callable[[], Awaitable[None]] = at_once
    ) -> AsyncIterator[Talk]:
        """`before_channel` is waited for before the events channel is opened; SCTP has begun."""
        caller = Caller(("127.0.0.1", self.udp))
        await caller.open()
        try:
            offer = {"offer": caller.offer(), "model": "parrot", "session": session}
            created = await self.ask(pod, "POST", "/v1/calls", offer)
            assert created["status"] == 201, created
            caller.take(created["answer"])
            await caller.check()
            assert await caller.secure() == "connected"
            await caller.associate()
            await before_channel()
            channel = caller.another_channel("oai-events")
            await channel.until("open")
            yield Talk(created["call_id"], created["route"], caller, channel)
        finally:
            await caller.close()

    async def until_stored(self, pod: Transceiver, count: int) -> None:
        """Until as many exports are in the registry."""
        await pod.part.until_metric("exports_stored_total", lambda stored: stored >= count)


@asynccontextmanager
async def takeover_fleet(
    folder: Path,
    agent_url: str,
    *,
    pods: int = 2,
    variables: Mapping[str, str] | None = None,
    registry: Callable[[int], AbstractAsyncContextManager[str]] | None = None,
) -> AsyncIterator[TakeoverFleet]:
    """`registry`: by what URL all pods but the first reach the Redis at that port."""
    for name in ("keys.json", "export-keys.json"):
        (folder / name).write_text(KeyRing.generate_json(int(time.time())))
    (folder / "token").write_text(TOKEN)
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(redis_server())
        url = await stack.enter_async_context(registry(redis.port)) if registry is not None else redis.url
        http = await stack.enter_async_context(aiohttp.ClientSession())
        udp, relay_hop, *hops = free_ports(2 + pods, socket.SOCK_DGRAM)
        http_ports = iter(free_ports(2 + pods))
        shared = {
            "ANTIPHON_ROUTES_FILE": str(folder / "routes.json"),
            "ANTIPHON_KEYS_FILE": str(folder / "keys.json"),
            "ANTIPHON_CONTROL_TOKEN_FILE": str(folder / "token"),
        }

        def part(name: str, **own: str) -> Part:
            port = next(http_ports)
            return Part(name, port, {**shared, "ANTIPHON_HTTP_ADDRESS": f"127.0.0.1:{port}", **own})

        def transceiver(number: int, hop: int) -> Transceiver:
            first, address = FIRST_ROUTE + BLOCK * number, f"127.0.0.1:{hop}"
            own = {
                "ANTIPHON_POD": f"t{number}",
                "ANTIPHON_ROUTES": str(first),
                "ANTIPHON_HOP_ADDRESS": address,
                "ANTIPHON_VIP": f"127.0.0.1:{udp}",
                "ANTIPHON_BACKEND": "realtime",
                "ANTIPHON_BACKEND_URL": agent_url,
                "ANTIPHON_BACKEND_PROBE_S": "0",
                "ANTIPHON_CAPACITY": "200",
                "ANTIPHON_CAPACITY_PROBE_S": "0",
                "ANTIPHON_EXPORT_URL": url if number else redis.url,
                "ANTIPHON_EXPORT_KEYS_FILE": str(folder / "export-keys.json"),
            }
            return Transceiver(f"t{number}", first, address, part("transceiver", **(own | dict(variables or {}))))

        listen = {
            "ANTIPHON_LISTEN": f"127.0.0.1:{udp}",
            "ANTIPHON_HOP_ADDRESS": f"127.0.0.1:{relay_hop}",
            "ANTIPHON_WORKERS": "1",
            "ANTIPHON_NEW_FLOWS_PER_PREFIX": "1000",
        }
        fleet = TakeoverFleet(
            folder=folder,
            redis=redis,
            relay=part("relay", **listen),
            signaling=part("signaling"),
            pods=[transceiver(number, hop) for number, hop in enumerate(hops)],
            udp=udp,
            relay_hop=relay_hop,
            http=http,
        )
        fleet.write_table()
        for each in (fleet.relay, fleet.signaling, *(pod.part for pod in fleet.pods)):
            await each.start()
            stack.push_async_callback(each.stop)
        await asyncio.gather(*(each.ready() for each in (fleet.relay, *(pod.part for pod in fleet.pods))))
        await fleet.signaling.ready()
        yield fleet
