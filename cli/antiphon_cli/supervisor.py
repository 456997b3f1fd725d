"""Runs child processes: starts them together, waits for their readiness, restarts who dies, stops them in order.

What a plan's functions raise after the first start is said and tried again: a keeper that ended by it would be missed
only when its child is.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from antiphon_cli.backoff import Backoff

STEADY_S = 30.0
"""A child that ran so long gets the first back-off again."""
READY_TIMEOUT_S = 60.0
READY_INTERVAL_S = 0.05
STILL_WAITING_S = 4.0
"""A normal start takes half of it; nobody stares at nothing for longer."""
MOST_SILENT_LOOKS = 5
"""A child that gave no answer so many times in a row hangs; fewer may be a busy machine."""
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


class Liveness(Enum):
    """What a look at a running child found."""

    ALIVE = "alive"
    DEAD = "dead"
    """It says so itself."""
    SILENT = "silent"
    """It did not answer."""


async def taken_for_alive() -> Liveness:
    """Of a child that has no way to tell."""
    return Liveness.ALIVE


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
    alive: Callable[[], Awaitable[Liveness]] = taken_for_alive
    """Asked every `look_interval_s` once it is ready."""
    look_interval_s: float = 2.0


class StartError(Exception):
    """A child could not be started; the message says which and shows the end of its log."""


@dataclass
class _Child:
    plan: ChildPlan
    process: asyncio.subprocess.Process | None = None
    became_ready: asyncio.Event = field(default_factory=asyncio.Event)
    keeper: asyncio.Task[None] | None = None
    ended: Ended | None = None
    killed_because: str | None = None


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
                done, pending = await asyncio.wait(
                    pending, timeout=STILL_WAITING_S, return_when=asyncio.FIRST_COMPLETED
                )
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
            # Where several fail at once the first is told, and the others are not left unread.
            await asyncio.gather(*waiting, return_exceptions=True)

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
        """Run it, and run it again after it ended or could not be started, until the supervisor stops."""
        loop = asyncio.get_running_loop()
        backoff = Backoff()
        while not self._stopping:
            began = loop.time()
            how = await self._run_once(child, began)
            if how is None:
                return
            if loop.time() - began > STEADY_S:
                backoff.succeeded()
            wait_s = backoff.failed()
            self._say(f"{child.plan.name} {how}; restarting it in {wait_s:.1f} s")
            await asyncio.sleep(wait_s)

    async def _run_once(self, child: _Child, began: float) -> str | None:
        """From its preparation to its end. How that came, or None when it shall not run again."""
        child.killed_because = None
        try:
            child.process = await _spawn(child.plan)
        except Exception as error:
            if not child.became_ready.is_set():
                raise StartError(f"{child.plan.name} could not be started: {_told(error)}") from error
            return f"could not be started ({_told(error)})"
        watcher = asyncio.create_task(self._watch(child, began))
        try:
            child.ended = Ended(await child.process.wait())
        finally:
            watcher.cancel()
        if self._stopping or not child.became_ready.is_set():
            return None
        because = f", {child.killed_because}" if child.killed_because else ""
        try:
            note = child.plan.after_end()
        except Exception as error:  # noqa: BLE001 - whatever the plan's own function raises must not end the keeper
            note = _told(error)
        return f"ended ({child.ended}{because})" + (f"; {note}" if note else "")

    async def _watch(self, child: _Child, began: float) -> None:
        """Until it is ready, and from then on whether it lives."""
        await self._readiness(child)
        if child.became_ready.is_set():
            took = asyncio.get_running_loop().time() - began
            self._say(f"{child.plan.name} is back, ready after {took:.1f} s")
        child.became_ready.set()
        child.killed_because = await self._lifelessness(child)
        if not self._stopping:
            # What hangs does not hear a polite word, and what is dead by its own account has no call to end well.
            _signal(child.process, signal.SIGKILL)

    async def _readiness(self, child: _Child) -> None:
        backoff = Backoff()
        while True:
            wait_s = READY_INTERVAL_S
            try:
                if await child.plan.ready():
                    child.plan.after_ready()
                    return
            except Exception as error:  # noqa: BLE001 - per attempt: without a next one it would never be ready
                wait_s = backoff.failed()
                self._say(f"{child.plan.name} cannot be taken for ready ({_told(error)}); again in {wait_s:.1f} s")
            await asyncio.sleep(wait_s)

    async def _lifelessness(self, child: _Child) -> str:
        """Returns when it must be killed, with the reason."""
        silent = 0
        while silent < MOST_SILENT_LOOKS:
            await asyncio.sleep(child.plan.look_interval_s)
            try:
                liveness = await child.plan.alive()
            except Exception as error:  # noqa: BLE001 - per look: without a next one a child that hangs would go unseen
                self._say(f"{child.plan.name} cannot be asked whether it lives ({_told(error)})")
                continue
            if liveness is Liveness.DEAD:
                return "killed: it said that it is not alive"
            silent = silent + 1 if liveness is Liveness.SILENT else 0
        return f"killed: it gave no sign of life {silent} times"

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

    # Call ids stand in logs, and who has one can hang the call up.
    descriptor = os.open(plan.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "ab") as log:
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


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


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
