"""What `/livez` says about the workers."""

import asyncio
import ctypes
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from relay_client import RTP, connected
from relay_pod import Pod
from relay_site import RelayRun, RelaySite

PTRACE_DETACH: Final = 17
PTRACE_SEIZE: Final = 0x4206
PTRACE_INTERRUPT: Final = 0x4207
WALL: Final = 0x40000000
"""`__WALL`: waits for threads, too."""


async def test_a_worker_that_is_stuck_is_noticed(tmp_path: Path, pod: Pod) -> None:
    site = RelaySite(tmp_path, [pod], workers=2)
    async with site.relay() as relay:
        assert await relay.status_of("/livez") == 200
        with stopped(thread_of(relay, "relay-1")):
            await livez_becomes(relay, 503)
        await livez_becomes(relay, 200)
        async with connected(site, pod) as caller:
            await caller.echoes(RTP)


async def test_idle_workers_are_not_taken_for_stuck_ones(tmp_path: Path, pod: Pod) -> None:
    async with RelaySite(tmp_path, [pod], workers=2).relay() as relay:
        until = time.monotonic() + 6
        while time.monotonic() < until:
            assert await relay.status_of("/livez") == 200
            await asyncio.sleep(0.1)


async def livez_becomes(relay: RelayRun, status: int) -> None:
    deadline = time.monotonic() + 20
    while await relay.status_of("/livez") != status:
        assert time.monotonic() < deadline, f"/livez does not become {status}"
        await asyncio.sleep(0.05)


def thread_of(relay: RelayRun, name: str) -> int:
    tasks = Path(f"/proc/{relay.process.pid}/task")
    return next(int(task.name) for task in tasks.iterdir() if (task / "comm").read_text().strip() == name)


@contextmanager
def stopped(thread: int) -> Iterator[None]:
    """One thread stands still, as in an endless loop; the rest of its process goes on."""
    ptrace(PTRACE_SEIZE, thread)
    ptrace(PTRACE_INTERRUPT, thread)
    os.waitpid(thread, WALL)
    try:
        yield
    finally:
        ptrace(PTRACE_DETACH, thread)


def ptrace(request: int, thread: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    # A test may stop what its own process started, whatever Yama says; a debugger at work there prevents it.
    if libc.ptrace(request, thread, None, None) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")
