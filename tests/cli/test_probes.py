"""What `antiphon up` asks its children, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from antiphon_cli.local.children import Children
from antiphon_cli.local.plan import InternalPorts, LocalPlan, TransceiverPlan, UpOptions
from antiphon_cli.local.pods import Pods
from antiphon_cli.local.probes import Probes
from antiphon_cli.local.run import count_calls
from antiphon_cli.local.state_dir import StateDir
from antiphon_cli.manifests import parse_manifests
from antiphon_cli.supervisor import Liveness

QUICKSTART = parse_manifests((Path(__file__).parents[2] / "examples" / "quickstart.yaml").read_text())
POOL = QUICKSTART.pools[0]
NOBODYS_PORT = 9


@asynccontextmanager
async def says(status: int) -> AsyncIterator[int]:
    """A part whose /livez has this status; its port."""

    async def livez(_request: web.Request) -> web.Response:
        return web.Response(status=status)

    application = web.Application()
    application.add_routes([web.get("/livez", livez)])
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(("status", "liveness"), [(200, Liveness.ALIVE), (503, Liveness.DEAD)])
async def test_a_part_is_as_alive_as_it_says(status: int, liveness: Liveness) -> None:
    async with says(status) as port, Probes() as probes:
        assert await probes.liveness(f"http://127.0.0.1:{port}") is liveness


async def test_nobody_there_and_nobody_who_answers_are_silent() -> None:
    async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        left.set()

    left = asyncio.Event()
    server = await asyncio.start_server(hangs, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with Probes() as probes:
        assert await probes.liveness(f"http://127.0.0.1:{port}") is Liveness.SILENT
        await left.wait()
        server.close()
        await server.wait_closed()
        assert await probes.liveness(f"http://127.0.0.1:{port}") is Liveness.SILENT


async def test_every_part_of_a_run_is_asked_whether_it_lives(tmp_path: Path) -> None:
    async with says(503) as signaling, says(503) as relay, says(503) as pod, Probes() as probes:
        plan = LocalPlan(
            manifests=QUICKSTART,
            options=UpOptions(http_port=signaling),
            vip="127.0.0.1",
            udp_port=NOBODYS_PORT,
            workers=1,
            ports=InternalPorts(NOBODYS_PORT, relay, NOBODYS_PORT, [pod]),
            agent=None,
            transceivers=(TransceiverPlan("t0", POOL, pod, None),),
        )
        state = StateDir(tmp_path)
        children = Children(plan, state, probes, {}, None).all(Pods(plan, state.publish_routes))
        found = {child.told.name: await child.plan.alive() for child in children}
        state.close()
    assert found == dict.fromkeys(("signaling", "relay", "transceiver t0"), Liveness.DEAD)


async def test_a_count_that_fails_is_not_the_last() -> None:
    said, answers = list[str](), iter([3])
    counted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def live_calls(_url: str) -> int:
        if not said:
            raise OSError("no route to host")
        return next(answers)

    def count(_pod: TransceiverPlan, live: int) -> None:
        counted.set_result(live)

    pod = TransceiverPlan("t0", POOL, NOBODYS_PORT, None)
    counting = asyncio.create_task(count_calls([pod], count, live_calls, said.append))
    async with asyncio.timeout(5):
        assert await counted == 3
    assert said == ["calls cannot be counted (OSError: no route to host); again in 0.1 s"]
    counting.cancel()
    await asyncio.gather(counting, return_exceptions=True)
