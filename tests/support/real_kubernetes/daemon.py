"""A program that runs beside the tests, writes a log and dies with them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

POLL_S = 0.05
TAIL_LINES = 25


class DaemonFailedError(RuntimeError):
    """A component ended, or was not ready in time; the message ends with what it logged last."""


@dataclass
class Daemon:
    name: str
    command: Sequence[str]
    log: Path
    folder: Path
    sockets: tuple[int, ...] = ()
    """File descriptors that it inherits."""
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Starts it as a child that the kernel kills when the thread that called ends, however that happens."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *self.command],
                cwd=self.folder,
                pass_fds=self.sockets,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the tests; they stop their daemons in order.
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        """The program's own, not that of the nsenter that waits for it."""
        assert self.process is not None, f"{self.name} was not started"
        pid = self.process.pid
        while process_name(pid) == "nsenter" and (children := children_of(pid)):
            pid = children[0]
        return pid

    def stop(self, patience_s: float = 10.0) -> None:
        """SIGTERM, then SIGKILL; returns when it is gone, so that its ports are free."""
        self.end(signal.SIGTERM)
        if self.process is not None:
            try:
                self.process.wait(patience_s)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        self.end(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def end(self, how: signal.Signals) -> None:
        if self.process is not None and self.running:
            os.kill(self.pid, how)

    def tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:] if self.log.exists() else []
        return f"--- {self.name} ({self.log}):\n" + "\n".join(lines)


def python_module(name: str) -> list[str]:
    """The command of a module beside this one."""
    return ["env", f"PYTHONPATH={Path(__file__).parent.parent}", sys.executable, "-m", name]


def process_name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_until(condition: Callable[[], bool], what: str, daemons: Iterable[Daemon] = (), timeout_s: float = 60) -> None:
    """Polls until it holds; fails at once when a daemon that it needs has ended.

    A connection that is refused meanwhile is an answer like "not yet".
    """
    needed = list(daemons)
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            if condition():
                return
        except OSError:
            pass
        for daemon in needed:
            if not daemon.running:
                raise DaemonFailedError(f"{daemon.name} ended before {what}\n{daemon.tail()}")
        if time.monotonic() > deadline:
            tails = "\n".join(daemon.tail() for daemon in needed)
            raise DaemonFailedError(f"not within {timeout_s:.0f} s: {what}\n{tails}")
        time.sleep(POLL_S)
