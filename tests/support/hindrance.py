"""What keeps a process from keeping its time: it is stopped again and again, or gets next to no CPU."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Final

STOPPED_S: Final = 0.12
RUNNING_S: Final = 0.06
TIGHT_US: Final = 2_000
"""Of 100 ms: hardly a request is answered in it."""

Hindrance = Callable[[int], AbstractAsyncContextManager[None]]
"""Of the process that is named."""


@asynccontextmanager
async def stopped_again_and_again(pid: int) -> AsyncIterator[None]:
    """As a hypervisor does that gives its CPUs to others."""
    task = asyncio.create_task(_stop_and_go(pid))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _stop_and_go(pid: int) -> None:
    try:
        while True:
            os.kill(pid, signal.SIGSTOP)
            await _passed(STOPPED_S)
            os.kill(pid, signal.SIGCONT)
            await _passed(RUNNING_S)
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


async def _passed(seconds: float) -> None:
    passed = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, passed.set)
    await passed.wait()


@asynccontextmanager
async def short_of_cpu(pid: int) -> AsyncIterator[None]:
    """As a CPU limit does that is too low."""
    with_group = new_cpu_group()
    assert with_group is not None, "cgroups could be made when the tests were collected"
    group, back = with_group
    limit_cpu(group, TIGHT_US)
    (group / "cgroup.procs").write_text(str(pid))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            (back / "cgroup.procs").write_text(str(pid))
        group.rmdir()


def new_cpu_group() -> tuple[Path, Path] | None:
    """A cgroup that can limit CPU, and the one above it; None: this machine lets us make none."""
    mounted = Path("/sys/fs/cgroup")
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, own = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            parent = mounted / controllers / own.lstrip("/")
            group = parent / f"antiphon-test-{os.getpid()}"
            with suppress(OSError):
                group.mkdir()
                if (group / "cpu.max").exists() or (group / "cpu.cfs_quota_us").exists():
                    return group, parent
                group.rmdir()
    return None


def limit_cpu(group: Path, quota_us: int) -> None:
    """Of each 100 ms."""
    if (group / "cpu.max").exists():
        (group / "cpu.max").write_text(f"{quota_us} 100000")
    else:
        (group / "cpu.cfs_period_us").write_text("100000")
        (group / "cpu.cfs_quota_us").write_text(str(quota_us))


def hindrances() -> dict[str, Hindrance]:
    """Those that this machine has, by name."""
    found: dict[str, Hindrance] = {"stopped again and again": stopped_again_and_again}
    with_group = new_cpu_group()
    if with_group is not None:
        with_group[0].rmdir()
        found["short of CPU"] = short_of_cpu
    return found
