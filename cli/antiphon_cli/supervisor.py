"""Runs child processes: starts them together, waits for their readiness, restarts who dies, stops them in order."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FIRST_BACKOFF_S = 0.1
LONGEST_BACKOFF_S = 10.0
STEADY_S = 30.0
"""A child that ran so long gets the first back-off again."""
READY_TIMEOUT_S = 60.0
READY_INTERVAL_S = 0.05
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Launch:
    argv: Sequence[str]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Ended:
    """How a child ended."""

    returncode: int

    def __str__(self) -> str:
        return f"signal {-self.returncode}" if self.returncode < 0 else f"exit code {self.returncode}"


@dataclass(frozen=True)
class ChildPlan:
    name: str
    log: Path
    prepare: Callable[[], Launch]
    """Called before every start: a restarted transceiver needs new routes."""
    ready: Callable[[], Awaitable[bool]]
    stop_timeout_s: float = 5.0
    after_ready: Callable[[], None] = lambda: None
    after_end: Callable[[], str | None] = lambda: None
    """Called when it died; what it returns is said with it."""


class StartError(Exception):
    """A child could not be started; the message says which and shows the end of its log."""


@dataclass
class _Child:
    plan: ChildPlan
    process: asyncio.subprocess.Process | None = None
    became_ready: asyncio.Event = field(default_factory=asyncio.Event)
    keeper: asyncio.Task[None] | None = None
    ended: Ended | None = None


class Supervisor:
    """`say` gets one line for people per event."""

    def __init__(self, plans: Sequence[ChildPlan], say: Callable[[str], None]) -> None:
        self._children = {plan.name: _Child(plan) for plan in plans}
        self._say = say
        self._stopping = False

    async def start(self, announce: Callable[[str, float], None]) -> None:
        """All at once; `announce(name, seconds)` as each becomes ready. Raises `StartError` when one cannot."""
        began = asyncio.get_running_loop().time()
        for child in self._children.values():
            child.keeper = asyncio.create_task(self._keep(child))
        waiting = {asyncio.create_task(self._first_readiness(child)): child for child in self._children.values()}
        pending: set[asyncio.Task[None]] = set(waiting)
        try:
            while pending:
                done, pending = await asyncio.wait(pending, timeout=2.0, return_when=asyncio.FIRST_COMPLETED)
                took = asyncio.get_running_loop().time() - began
                for task in done:
                    task.result()
                    announce(waiting[task].plan.name, took)
                if not done:
                    names = ", ".join(child.plan.name for task, child in waiting.items() if task in pending)
                    self._say(f"  still waiting for {names} ({took:.0f} s; usually about 2 s)")
        finally:
            for task in pending:
                task.cancel()

    async def stop(self, order: Sequence[Sequence[str]]) -> None:
        """SIGTERM group by group; who does not end in its time, or after `hurry`, is killed."""
        self._stopping = True
        for names in order:
            await asyncio.gather(*(self._stop_child(self._children[name]) for name in names))
        keepers = [child.keeper for child in self._children.values() if child.keeper is not None]
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        self.hurry()

    def hurry(self) -> None:
        """Kill what still runs."""
        self._stopping = True
        for child in self._children.values():
            _signal(child.process, signal.SIGKILL)

    def pid(self, name: str) -> int | None:
        process = self._children[name].process
        return process.pid if process is not None and process.returncode is None else None

    async def _keep(self, child: _Child) -> None:
        """Run it, and run it again after it died, until the supervisor stops."""
        loop = asyncio.get_running_loop()
        backoff = 0.0
        while not self._stopping:
            began = loop.time()
            child.process = await _spawn(child.plan)
            watcher = asyncio.create_task(self._watch_readiness(child, began))
            child.ended = Ended(await child.process.wait())
            watcher.cancel()
            if self._stopping or not child.became_ready.is_set():
                return
            steady = loop.time() - began > STEADY_S
            backoff = FIRST_BACKOFF_S if steady or not backoff else min(backoff * 2, LONGEST_BACKOFF_S)
            note = child.plan.after_end()
            lost = f"; {note}" if note else ""
            self._say(f"{child.plan.name} ended ({child.ended}){lost}; restarting it in {backoff:.1f} s")
            await asyncio.sleep(backoff)

    async def _watch_readiness(self, child: _Child, began: float) -> None:
        while True:
            if await child.plan.ready():
                break
            await asyncio.sleep(READY_INTERVAL_S)
        child.plan.after_ready()
        if child.became_ready.is_set():
            took = asyncio.get_running_loop().time() - began
            self._say(f"{child.plan.name} is back, ready after {took:.1f} s")
        child.became_ready.set()

    async def _first_readiness(self, child: _Child) -> None:
        ready = asyncio.create_task(child.became_ready.wait())
        keeper = child.keeper
        watched = {ready} if keeper is None else {ready, keeper}
        await asyncio.wait(watched, timeout=READY_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        if child.became_ready.is_set():
            return
        ready.cancel()
        if keeper is not None and keeper.done():
            keeper.result()
        ended = f"ended ({child.ended})" if child.ended else f"was not ready in {READY_TIMEOUT_S:.0f} s"
        raise StartError(f"{child.plan.name} {ended}. The end of {child.plan.log}:\n{_tail(child.plan.log)}")

    async def _stop_child(self, child: _Child) -> None:
        process = child.process
        if process is None or process.returncode is not None:
            return
        _signal(process, signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), child.plan.stop_timeout_s)
        except TimeoutError:
            self._say(f"{child.plan.name} did not stop in {child.plan.stop_timeout_s:.0f} s; killed")
            _signal(process, signal.SIGKILL)
            await process.wait()


async def _spawn(plan: ChildPlan) -> asyncio.subprocess.Process:
    launch = plan.prepare()
    parent = os.getpid()

    def die_with_parent() -> None:
        # A supervisor that is killed must not leave relays behind that hold the ports.
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    try:
        with plan.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *launch.argv,
                env=dict(launch.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Of its own: Ctrl-C in the terminal is for the supervisor, which stops them in order.
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
    except OSError as error:
        raise StartError(f"{plan.name} could not be started: {error}") from error


def _signal(process: asyncio.subprocess.Process | None, number: signal.Signals) -> None:
    if process is None or process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _tail(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return "  (no log)"
    return "\n".join(f"  {line}" for line in lines[-8:]) or "  (empty)"
