"""Ctrl-C during `antiphon call --keep-alive`, in a process of its own."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from lite_server import LiteServer, lite_server

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:aiortc", "ignore::DeprecationWarning:OpenSSL"),
    pytest.mark.timeout(120),
]

BACKGROUND = ("sh", "-c", "trap '' INT; exec \"$@\"", "sh")
"""As a script's shell starts what it does not wait for."""


@asynccontextmanager
async def staying(
    server: LiteServer, *options: str, started_by: Sequence[str] = ()
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A call whose path is up; it asks again and again."""
    command = (*started_by, sys.executable, "-m", "antiphon_cli", "call", server.url, "--keep-alive", "600", *options)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    try:
        await asyncio.wait_for(server.nominated.wait(), 40)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def interrupt(process: asyncio.subprocess.Process) -> None:
    """Returns when it has said what it does about it."""
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    async for line in process.stderr:
        if b"Ctrl-C again" in line:
            return
    pytest.fail("it said nothing")


async def test_the_answer_is_waited_for_and_the_report_printed() -> None:
    async with lite_server() as server, staying(server) as process:
        await interrupt(process)
        out, _ = await asyncio.wait_for(process.communicate(), 30)
        assert (process.returncode, server.hung_up) == (0, ["rtc_test"])
    told = out.decode().splitlines()
    assert any(line.startswith("turn ") for line in told)
    assert told[-1] == "ok"


async def test_the_report_is_a_document_where_one_was_wanted() -> None:
    async with lite_server() as server, staying(server, "-o", "json") as process:
        await interrupt(process)
        out, _ = await asyncio.wait_for(process.communicate(), 30)
    report = json.loads(out)
    assert report["outcome"] == "ok"
    assert report["turns"]


@pytest.mark.parametrize("started_by", [(), BACKGROUND], ids=["in front", "in the background"])
@pytest.mark.parametrize("options", [(), ("-o", "json")], ids=["for people", "for scripts"])
async def test_the_second_time_it_hangs_up_at_once(options: Sequence[str], started_by: Sequence[str]) -> None:
    async with lite_server() as server, staying(server, *options, started_by=started_by) as process:
        await interrupt(process)
        process.send_signal(signal.SIGINT)
        out, _ = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 1
        assert server.hung_up == ["rtc_test"]
    assert b"ok" not in out.split()
