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

import pytest

REPOSITORY = Path(__file__).parents[2]
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


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def up(tmp_path: Path, *options: str) -> AsyncIterator[Up]:
    http, udp = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
    ports = ("--http-port", str(http), "--port", str(udp), "--vip", "127.0.0.1", "--workers", "1")
    command = (*ANTIPHON, "up", "--state-dir", str(tmp_path), *ports, *options)
    process = await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE)
    try:
        running = Up(process, tmp_path, f"http://127.0.0.1:{http}")
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


async def test_without_a_checkout_it_says_what_is_missing(tmp_path: Path) -> None:
    command = (*ANTIPHON, "up", "-f", str(tmp_path / "none.yaml"), "--state-dir", str(tmp_path))
    process = await asyncio.create_subprocess_exec(*command, cwd=tmp_path, stderr=asyncio.subprocess.PIPE)
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2
    assert "none.yaml cannot be read" in errors.decode()
