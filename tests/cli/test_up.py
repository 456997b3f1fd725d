"""`antiphon up` and `antiphon call` as a user types them: real processes, real UDP, the parrot as the agent."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner

from antiphon_cli.__main__ import cli
from antiphon_cli.local.addresses import default_route_address
from antiphon_cli.voice.description import LocalDescription, offer, parse_answer
from free_ports import free_port

REPOSITORY = Path(__file__).parents[2]
LOOPBACK = "127.0.0.1"
ANTIPHON = (sys.executable, "-m", "antiphon_cli")


class Up:
    def __init__(self, process: asyncio.subprocess.Process, state: Path, url: str) -> None:
        self.process, self.state, self.url = process, state, url
        self.said: list[str] = []

    async def until(self, words: str) -> str:
        assert self.process.stdout is not None
        deadline = asyncio.get_running_loop().time() + 30
        while True:
            left_s = deadline - asyncio.get_running_loop().time()
            try:
                line = (await asyncio.wait_for(self.process.stdout.readline(), left_s)).decode()
            except TimeoutError:
                line = ""
            assert line, f"it did not say {words!r}: {self.said}"
            self.said.append(line.rstrip())
            if words in line:
                return line.rstrip()

    def transceivers(self) -> list[int]:
        """Pids, in the order of their names."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        lines = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
        return sorted(pid for pid, line in lines.items() if b"antiphon_transceiver" in line)

    def blocks(self) -> list[tuple[str, str]]:
        table = json.loads((self.state / "routes.json").read_text())
        return [(block["pod"], block["state"]) for block in table["blocks"]]


@asynccontextmanager
async def up(tmp_path: Path, *options: str) -> AsyncIterator[Up]:
    lan = "--lan" in options
    vip = default_route_address() if lan else LOOPBACK
    http, udp = free_port(socket.SOCK_STREAM, vip), free_port(socket.SOCK_DGRAM, vip)
    ports = ("--http-port", str(http), "--port", str(udp), *(() if lan else ("--vip", vip)), "--workers", "1")
    command = (*ANTIPHON, "up", "--state-dir", str(tmp_path), *ports, *options)
    process = await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE)
    try:
        running = Up(process, tmp_path, f"{'https' if lan else 'http'}://{vip}:{http}")
        await running.until("Ctrl-C")
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def run(*arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(*ANTIPHON, *arguments, stdout=asyncio.subprocess.PIPE)
    output, _ = await asyncio.wait_for(process.communicate(), 40)
    return process.returncode, output.decode()


async def call(url: str, *options: str) -> tuple[int | None, dict[str, Any]]:
    code, output = await run("call", url, "-o", "json", *options)
    document: dict[str, Any] = json.loads(output)
    return code, document


@pytest.mark.timeout(120)
async def test_up_serves_a_call_survives_deaths_and_stops_politely(tmp_path: Path) -> None:
    async with up(tmp_path) as running:
        assert any("agent " in line and "parrot.py" in line for line in running.said)
        code, report = await call(running.url)
        assert (code, report["outcome"]) == (0, "ok"), report
        # The parrot waits 400 ms of silence before it answers.
        assert 350 < report["turns"][0]["delay_ms"] < 2000
        assert "response.done" in report["events"]

        code, table = await run("status", "--state-dir", str(tmp_path))
        assert (code, table.count(" ready")) == (0, 5)

        victim = running.transceivers()[0]
        os.kill(victim, signal.SIGKILL)
        died = await running.until("ended (signal 9); ")
        name = died.split()[1]
        await running.until(f"transceiver {name} is back")
        assert sorted(running.blocks()) == sorted([(name, "Lost"), ("t0", "Active"), ("t1", "Active")])
        code, report = await call(running.url)
        assert (code, report["outcome"]) == (0, "ok"), report

        running.process.send_signal(signal.SIGTERM)
        await running.until("Stopped.")
        assert await asyncio.wait_for(running.process.wait(), 5) == 0
    code, table = await run("status", "--state-dir", str(tmp_path))
    assert (code, "nothing runs" in table) == (1, True)


@pytest.mark.timeout(120)
async def test_lan_mode_serves_https_on_the_machines_address_to_who_accepts_its_certificate(tmp_path: Path) -> None:
    async with up(tmp_path, "--lan", "--transceivers", "1") as running:
        assert any(line.startswith(f"Talk:   {running.url} ") for line in running.said), running.said
        assert any(
            line.startswith("Check: ") and line.endswith(f" call {running.url} --insecure") for line in running.said
        )
        assert f" status --state-dir {tmp_path}` shows this table again" in running.said[-1]

        code, report = await call(running.url)
        assert (code, report["outcome"]) == (10, "HTTP")
        assert "is not trusted; for the self-signed one of `antiphon up --lan` add --insecure" in report["failure"]

        code, report = await call(running.url, "--insecure")
        assert (code, report["outcome"]) == (0, "ok"), report
        assert report["candidate"].startswith(f"{default_route_address()}:")

        code, table = await run("status", "--state-dir", str(tmp_path))
        assert (code, table.count(" ready")) == (0, 4)


@asynccontextmanager
async def parrot() -> AsyncIterator[str]:
    """The parrot as somebody else's server; its URL."""
    port = free_port(socket.SOCK_STREAM)
    program = str(REPOSITORY / "examples" / "parrot" / "parrot.py")
    process = await asyncio.create_subprocess_exec(sys.executable, program, "--port", str(port))
    try:
        async with asyncio.timeout(20), aiohttp.ClientSession() as http:
            while not await answers(http, f"http://{LOOPBACK}:{port}/readyz"):
                await asyncio.sleep(0.05)
        yield f"ws://{LOOPBACK}:{port}/v1/realtime"
    finally:
        process.terminate()
        await process.wait()


async def answers(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as response:
            return response.ok
    except aiohttp.ClientError:
        return False


async def ufrag_of_a_new_call(url: str) -> str:
    sdp = offer(LocalDescription(ufrag="abcd", password="p" * 24, fingerprint=":".join(["AB"] * 32), ssrc=7))
    headers = {"Content-Type": "application/sdp"}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{url}/v1/realtime/calls", data=sdp, headers=headers) as response,
    ):
        assert response.status == 201, await response.text()
        return parse_answer(await response.text()).ufrag


@pytest.mark.timeout(120)
async def test_up_without_an_agent_takes_calls_to_a_server_that_runs_and_their_tickets_can_be_read(
    tmp_path: Path,
) -> None:
    async with parrot() as backend:
        async with up(tmp_path, "--agent", "none", "--backend", backend, "--transceivers", "1") as running:
            assert not any(line.startswith("  agent ") for line in running.said), running.said
            assert any(backend in line for line in running.said), running.said
            code, report = await call(running.url)
            assert (code, report["outcome"]) == (0, "ok"), report
            assert "response.done" in report["events"]

            ufrag = await ufrag_of_a_new_call(running.url)
            code, said = await run("ticket", ufrag, "--keys", str(tmp_path / "keys.json"))
            assert (code, said.splitlines()[-1]) == (0, "valid now")
            (block,) = json.loads((tmp_path / "routes.json").read_text())["blocks"]
            assert f"block 0x{block['first']:08x}, sub-slot " in said
            code, said = await run("ticket", ufrag[:-1] + "?", "--keys", str(tmp_path / "keys.json"))
            assert (code, said.partition(":")[0]) == (1, "refused")


@pytest.mark.timeout(60)
async def test_a_part_that_cannot_start_is_named_with_its_log(tmp_path: Path) -> None:
    broken = tmp_path / "agent.py"
    broken.write_text("raise SystemExit('this agent needs a licence')")
    state = tmp_path / "state"
    ports = ("--http-port", str(free_port(socket.SOCK_STREAM)), "--port", str(free_port(socket.SOCK_DGRAM)))
    command = (*ANTIPHON, "up", "--state-dir", str(state), "--vip", "127.0.0.1", "--agent", str(broken), *ports)
    process = await asyncio.create_subprocess_exec(
        *command, cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await asyncio.wait_for(process.communicate(), 40)
    assert process.returncode == 1
    assert "agent ended (exit code 1)" in errors.decode()
    assert "this agent needs a licence" in errors.decode()


@pytest.mark.timeout(60)
async def test_a_backend_and_a_redis_that_do_not_answer_are_noted_and_no_error(tmp_path: Path) -> None:
    redis = f"redis://{LOOPBACK}:{free_port(socket.SOCK_STREAM)}"
    async with up(tmp_path, "--agent", "none", "--redis", redis, "--transceivers", "1") as running:
        said = "\n".join(running.said)
    assert "note: nothing answers at ws://parrot:8765. Give --agent PATH or --backend URL" in said
    assert f"note: no Redis at {redis}: calls work" in said


@pytest.mark.parametrize(
    ("flag", "value"), [("--redis", "http://x"), ("--allow-origin", "not an origin"), ("--vip", "nonsense")]
)
def test_a_bad_flag_is_told_by_its_name_before_anything_starts(tmp_path: Path, flag: str, value: str) -> None:
    result = CliRunner().invoke(cli, ["up", "--state-dir", str(tmp_path), flag, value], obj={})
    assert result.exit_code == 2
    assert result.output.startswith(f"antiphon: {flag}")
    assert "Try: --port" not in result.output


async def test_without_a_checkout_it_says_what_is_missing(tmp_path: Path) -> None:
    command = (*ANTIPHON, "up", "-f", str(tmp_path / "none.yaml"), "--state-dir", str(tmp_path))
    process = await asyncio.create_subprocess_exec(*command, cwd=tmp_path, stderr=asyncio.subprocess.PIPE)
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2
    assert "none.yaml cannot be read" in errors.decode()
